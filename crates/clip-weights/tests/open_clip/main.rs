//! Models of OpenCLIP, made by `tests/scripts/open_clip_weights.py` with its own code and committed
//! beside the goldens.

#[path = "../common/mod.rs"]
mod common;
mod refusals;
mod settings;
#[path = "../common/state_dict.rs"]
mod state_dict;
mod values;

use std::fs;
use std::path::PathBuf;

use clip_checkpoint::Checkpoint;
use clip_weights::{Options, Source, Summary, convert};
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = "open_clip_config.json";
const WEIGHTS: &str = "open_clip_model.safetensors";

/// A folder as a hub has it, which disappears with the test.
struct Fixture {
    outer: TempDir,
    folder: PathBuf,
}

impl Fixture {
    /// A committed model: its configuration, and its weights unpacked.
    fn new(name: &str) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join(name);
        fs::create_dir(&folder).unwrap();
        clip_testkit::unpack_model(&format!("open-clip/{name}"), &folder);
        Self { outer, folder }
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap()
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.join(name)).unwrap();
    }

    /// Sets a field of the configuration, which a JSON pointer names; `null` is as good as absent.
    fn set(self, pointer: &str, value: impl Into<Value>) -> Self {
        let mut config: Value = serde_json::from_slice(&self.read(CONFIG)).unwrap();
        let (object, key) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(object).unwrap()[key] = value.into();
        self.write(CONFIG, config.to_string());
        self
    }

    /// Gives tensors of the safetensors file other names.
    fn rename(self, name: impl Fn(&str) -> String) -> Self {
        let bytes = self.read(WEIGHTS);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = tensors.tensors().into_iter().map(|(old, tensor)| (name(&old), tensor));
        self.write(WEIGHTS, safetensors::serialize(tensors, None).unwrap());
        self
    }

    /// One file of the folder, or, without a name, the folder as it is.
    fn convert(&self, file: &str) -> Result<(Summary, Checkpoint), String> {
        let output = self.outer.path().join("out.safetensors");
        let _ = fs::remove_file(&output);
        let options = Options { output: Some(output.clone()), ..Options::default() };
        let path = if file.is_empty() { self.folder.clone() } else { self.folder.join(file) };
        let result = convert(&Source::Path(path), &options, &mut ());
        assert_eq!(result.is_ok(), output.exists());
        // Paths differ from run to run.
        let folder = self.folder.display().to_string();
        let summary = result.map_err(|error| error.to_string().replace(&folder, "FOLDER"))?;
        Ok((summary, Checkpoint::open(&output).unwrap()))
    }

    fn converted(&self) -> Checkpoint {
        self.convert("").unwrap().1
    }

    #[track_caller]
    fn check_refusal(&self, expected: &str) {
        match self.convert("") {
            Ok(_) => panic!("it was converted, and not refused: {expected}"),
            Err(message) => assert_eq!(message, expected),
        }
    }
}

/// Whether a tensor is of the text tower, by its name in class `CLIP`.
fn is_text(name: &str) -> bool {
    !name.starts_with("visual.") && name != "logit_scale"
}
