//! `clip-cli models`: a foreign checkpoint becomes a model with a name, and is compared with what its
//! reference computed.

use std::path::PathBuf;

use crate::sandbox::{Sandbox, finish, program};

fn golden(name: &str) -> PathBuf {
    clip_testkit::goldens_dir().join(name)
}

#[test]
fn a_model_is_added_listed_used_and_verified() {
    let sandbox = Sandbox::new();
    let source = golden("deep");
    let added = sandbox.run(&["models", "add", source.to_str().unwrap(), "--dtype", "f32"]);
    added.check(0, &["`--model deep`"]);
    assert!(added.stdout.contains("written    "), "{added}");
    let file = "home/data/clip/models/deep.safetensors";
    assert!(sandbox.path(file).is_file(), "{added}");
    assert!(sandbox.run(&["models"]).stdout.contains(file));

    let reference = source.join("golden.safetensors");
    let verify = |more: &[&str]| {
        let args = ["models", "verify", "deep", "--reference", reference.to_str().unwrap()];
        sandbox.run(&[&args[..], more].concat())
    };
    let right = verify(&[]);
    assert_eq!(right.code, 0, "{right}");
    assert!(right.stdout.ends_with("\nall 19 stages are within 1e-5\n"), "{right}");
    let off = verify(&["--tolerance", "0"]);
    assert_eq!(off.code, 1, "{off}");
    assert!(off.stdout.contains("the first stage that is off is vision.embeddings"), "{off}");

    let other = golden("mixed").join("golden.safetensors");
    let args = ["models", "verify", "deep", "--reference", other.to_str().unwrap()];
    sandbox
        .run(&args)
        .check(2, &["pixel_values has shape", "the model takes [pictures, 3, 32, 32]"]);
    sandbox
        .run(&["models", "verify", "deep", "--reference", "none"])
        .check(2, &["none", "No such"]);
}

#[test]
fn sources_are_described_without_being_converted() {
    let sandbox = Sandbox::new();
    let half = golden("half-64");
    insta::assert_snapshot!(sandbox.run(&["models", "inspect", half.to_str().unwrap()]), @r"
    exit 0
    model      half-64
    source     half-64 (Hugging Face transformers)
    license    not stated by the source
    vision     0.04 M parameters: width 12, 2 layers, 2 heads, QuickGELU, 64×64 pixels, patch 32
    text       0.01 M parameters: width 24, 2 layers, 1 heads, QuickGELU, 14 tokens, pooled at token 119
    embedding  16 values
    pictures   hf-pil: resize shortest to 64 (bicubic), crop of 64
    texts      hf: start 118, end 119, padding 119
    tensors    78 of f16
    converts   yes
    ");
    sandbox.write("ViT-T.pt", clip_testkit::unpacked("openai/torchscript.pt"));
    let openai = sandbox.run(&["models", "inspect", "ViT-T.pt"]);
    assert!(openai.code == 0 && openai.stdout.contains("ViT-T.pt (OpenAI)"), "{openai}");
    // A source is not a checkpoint: what to do with it is said.
    sandbox
        .run(&["embed", "-t", "cat", "--model", "ViT-T.pt"])
        .check(2, &["an archive of PyTorch's", "`clip-cli models add ViT-T.pt`"]);
    sandbox.write("resnet.pt", clip_testkit::unpacked("openai/resnet.pt"));
    sandbox.run(&["models", "inspect", "resnet.pt"]).check(2, &["ResNet"]);
    sandbox
        .run(&["models", "inspect", "nothing"])
        .check(2, &["there is no file or folder nothing"]);
    assert!(!sandbox.path("home/data/clip/models").exists());
}

/// The caches hold other models under published names: nothing is converted.
#[test]
fn published_models_are_listed_and_held_to_what_was_published() {
    let sandbox = Sandbox::new();
    let listed = sandbox.run(&["models"]);
    assert!(listed.stdout.contains("openai/clip-vit-base-patch32"), "{listed}");
    assert!(listed.stdout.contains("  openaipublic.azureedge.net\n"), "{listed}");
    sandbox
        .run(&["models", "pull", "clip-vit"])
        .check(2, &["no published model is called clip-vit", "clip-vit-base-patch32"]);

    let cache = "hub/hub/models--openai--clip-vit-base-patch32";
    sandbox.write(format!("{cache}/refs/main"), "abc");
    for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        let content = std::fs::read(golden("deep").join(file)).unwrap();
        sandbox.write(format!("{cache}/snapshots/abc/{file}"), content);
    }
    let pull = |id: &str| {
        let mut command = sandbox.command(program());
        // Nobody listens there: what is not in the cache is not found.
        command.env("HF_HOME", sandbox.path("hub")).env("HF_ENDPOINT", "http://127.0.0.1:9");
        finish(command.args(["models", "pull", id]))
    };
    pull("clip-vit-base-patch32").check(
        2,
        &[
            "not what was published",
            "pictures of 32 pixels and vectors of 12 numbers, not 224 and 512",
        ],
    );
    // Where the file of that address is kept.
    let openai = "hub/assets/clip-weights/d5692ff020505304/ViT-B-32.pt";
    sandbox.write(openai, clip_testkit::unpacked("openai/torchscript.pt"));
    pull("openai-vit-b-32").check(2, &["azureedge.net", "is not what was published", "12 pixels"]);
    pull("clip-vit-base-patch16").check(2, &["cannot reach http://127.0.0.1:9"]);
    assert!(!sandbox.path("home/data/clip/models").exists());
}
