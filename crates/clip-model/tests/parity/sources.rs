//! Sources of other families against the code that they came from: converted, opened, run.

use clip_model::Clip;
use clip_testkit::{Golden, goldens_dir, unpacked};
use clip_weights::{Activation, Options};

use crate::common::{check_on_every_backend, convert_with};
use crate::golden::{check_embeddings, tolerance};

/// Every form in which a model of OpenAI's is found, with what OpenAI's own code computes in f32.
#[test]
fn openais_files_embed_as_openais_code() {
    let golden = Golden::at(&goldens_dir().join("openai/embeddings"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["torchscript.pt", "module.pt", "state-dict.pt", "state-dict.safetensors"] {
        let source = folder.path().join(name);
        std::fs::write(&source, unpacked(&format!("openai/{name}"))).unwrap();
        // Only a state dict asks for it.
        let options = Options { activation: Some(Activation::QuickGelu), ..Options::default() };
        let (_folder, checkpoint) = convert_with(&source, options);
        check_on_every_backend(|backend, device| {
            let clip = Clip::load(&checkpoint, device).unwrap();
            check_embeddings(&golden, &clip, device, tolerance(backend));
        });
    }
}
