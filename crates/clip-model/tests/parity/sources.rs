//! Sources of other families against the code that they came from: converted, opened, run.

use clip_model::Clip;
use clip_testkit::{Golden, goldens_dir, unpack_model, unpacked};
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

/// Models of OpenCLIP's two classes, with heads of several widths and both poolings, with what its own
/// code computes. Where no file is named, the folder is the source.
#[test]
fn open_clips_models_embed_as_open_clip() {
    for (name, weights) in [
        ("bare", "open_clip_model.safetensors"),
        ("custom-text", "open_clip_pytorch_model.bin"),
        ("custom-text", "epoch_1.pt"),
        ("custom-text", "module.pt"),
        ("wide-heads", "open_clip_model.safetensors"),
        ("end-token", ""),
        ("end-token", "module.pt"),
    ] {
        let golden = Golden::at(&goldens_dir().join("open-clip").join(name));
        let folder = tempfile::tempdir().unwrap();
        unpack_model(&format!("open-clip/{name}"), folder.path());
        let (_folder, checkpoint) = convert_with(&folder.path().join(weights), Options::default());
        check_on_every_backend(|backend, device| {
            let clip = Clip::load(&checkpoint, device).unwrap();
            check_embeddings(&golden, &clip, device, tolerance(backend));
        });
    }
}
