//! Archives of PyTorch's. Those with OpenAI's names are committed beside the goldens, made by
//! `tests/scripts/openai_pt.py` with OpenAI's own code.

mod archive;
mod checkpoints;
#[path = "../common/mod.rs"]
mod common;
mod efficientnet;
mod hugging_face;
mod refusals;
mod settings;
#[path = "../common/state_dict.rs"]
mod state_dict;
mod values;

use std::fs;
use std::path::PathBuf;

use clip_checkpoint::Checkpoint;
use clip_weights::{Activation, Options, Source, Summary, convert};
use tempfile::TempDir;

/// A folder with one file, which disappears with the test.
struct Fixture {
    folder: TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Self { folder, path }
    }

    fn committed(name: &str) -> Self {
        Self::new(name, &unpacked(name))
    }

    fn convert(&self, options: &Options) -> Result<(Summary, Checkpoint), String> {
        let output = self.folder.path().join("out.safetensors");
        let options = Options { output: Some(output.clone()), force: true, ..options.clone() };
        let result = convert(&Source::Path(self.path.clone()), &options, &mut ());
        assert_eq!(result.is_ok(), output.exists());
        // Paths differ from run to run.
        let folder = self.folder.path().display().to_string();
        let summary = result.map_err(|error| error.to_string().replace(&folder, "FOLDER"))?;
        Ok((summary, Checkpoint::open(&output).unwrap()))
    }

    fn refusal(&self) -> String {
        let Err(message) = self.convert(&quick_gelu()) else { panic!("it was converted") };
        message
    }
}

/// What a plain state dict does not say.
fn quick_gelu() -> Options {
    Options { activation: Some(Activation::QuickGelu), ..Options::default() }
}

/// A committed file, which is packed with gzip.
fn unpacked(name: &str) -> Vec<u8> {
    clip_testkit::unpacked(&format!("openai/{name}"))
}
