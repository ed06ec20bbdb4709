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

/// A name is that of a file in the folder of models, and means one model.
#[test]
fn names_of_models_are_plain_and_mean_one_model() {
    let sandbox = Sandbox::new();
    let (mixed, deep) = (golden("mixed"), golden("deep"));
    let add = |source: &PathBuf, more: &[&str]| {
        sandbox.run(&[&["models", "add", source.to_str().unwrap()], more].concat())
    };
    for name in ["../evil", "", "a/b", ".m", "-m", "a\\b", "nul", "a\u{202e}b", "m\n"] {
        let name = format!("--name={name}");
        add(&mixed, &[&name]).check(2, &["a model cannot be called", "with --name"]);
    }
    for name in ["clip-photo", "CLIP-Photo"] {
        add(&mixed, &["--name", name]).check(2, &["the name of the built-in model", "--name"]);
    }
    let published = "clip-vit-base-patch32";
    let pulled = "`clip-cli models pull clip-vit-base-patch32`";
    add(&mixed, &["--name", published]).check(2, &["published model", pulled]);
    // A folder that is called so, and is no such model.
    for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        sandbox.write(format!("{published}/{file}"), std::fs::read(mixed.join(file)).unwrap());
    }
    sandbox.run(&["models", "add", published]).check(2, &["published model", pulled]);
    assert!(!sandbox.path("home").exists());

    add(&mixed, &["--name", "m"]).check(0, &["`--model m`"]);
    let file = sandbox.path("home/data/clip/models/m.safetensors");
    let first = std::fs::read(&file).unwrap();
    let again = add(&mixed, &["--name", "m"]);
    again.check(0, &["m is there already, made from the same files"]);
    assert!(again.stdout.contains("was there  "), "{again}");
    let refused = add(&deep, &["--name", "m"]);
    refused.check(2, &["m.safetensors is there already and is another model", "--force"]);
    assert_eq!(std::fs::read(&file).unwrap(), first);
    add(&deep, &["--name", "m", "--force"]).check(0, &[]);
    assert_ne!(std::fs::read(&file).unwrap(), first);
    // A file that is given is not replaced either.
    sandbox.write("letter", "dear");
    add(&deep, &["-o", "letter"]).check(2, &["letter is there already and is no model"]);
    assert_eq!(std::fs::read(sandbox.path("letter")).unwrap(), b"dear");
}

/// What is listed can be used by the name that is listed, and what can be used is listed.
#[test]
fn every_model_is_listed_by_its_name() {
    let sandbox = Sandbox::new();
    let add = |name: &str, output: &str| {
        let source = golden("deep");
        let args = ["models", "add", source.to_str().unwrap(), "--name", name, "-o", output];
        sandbox.run(&args).check(0, &[]);
    };
    // The name on the card is not what it is found by.
    add("other", "home/data/clip/models/mine.safetensors");
    add("mine", "weights/mine.safetensors");
    add("mine", "home/data/clip/models/owner/name.safetensors");
    add("mine", "home/data/clip/models/a/b/c.safetensors");
    add("mine", "home/data/clip/hidden.safetensors");
    let listed = sandbox.run(&["models"]);
    let names: Vec<&str> = listed
        .lines()
        .into_iter()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    let second = sandbox.path("home/data/clip/models/mine.safetensors");
    assert_eq!(names, ["clip-photo", "mine", second.to_str().unwrap(), "owner/name"], "{listed}");
    let file = |name: &str| {
        let run = sandbox.run(&["info", "--json", "--model", name]);
        assert_eq!(run.code, 0, "{name}: {run}");
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()["model"]["file"].clone()
    };
    assert_eq!(file("mine"), "weights/mine.safetensors");
    for name in names {
        file(name);
    }
    for name in ["../hidden", "a/b/c", "./mine"] {
        sandbox.run(&["info", "--model", name]).check(2, &["there is no model"]);
    }
    // A folder of that name beside it hides nothing.
    std::fs::create_dir(sandbox.path("mine")).unwrap();
    assert_eq!(file("mine"), "weights/mine.safetensors");
}

/// A card may say anything; libraries stay in the data folder.
#[test]
fn a_card_does_not_lead_out_of_the_data_folder() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    let folder = sandbox.path("..x\u{1b}");
    for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        let content = std::fs::read(golden("deep").join(file)).unwrap();
        sandbox.write(folder.join(file), content);
    }
    let add = ["models", "add", folder.to_str().unwrap()];
    sandbox.run(&add).check(2, &[r"a model cannot be called", "give another name with --name"]);
    let written = sandbox.run(&[&add[..], &["-o", "m.safetensors"]].concat());
    written.check(0, &[]);
    let index = ["index", "p", "--model", "m.safetensors"];
    let run = finish(sandbox.command(program()).env_remove("CLIP_INDEX").args(index));
    assert!(run.lines()[1].contains("home/data/clip/model-"), "{run}");
}
