//! A file is written whole or not at all, and what was written is there again.

use std::fs;
use std::path::Path;

use clip_checkpoint::{
    Checkpoint, Dtype, Error, ModelCard, PreprocessConfig, PreprocessMode, ResizeMode, SourceFile,
    Tower, tensors, write,
};

use crate::fixture::{Fixture, Values, card};

/// The file is the same as if they had been known from the start.
#[test]
fn hashes_may_be_known_after_the_last_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let (early, late) = (folder.path().join("early"), folder.path().join("late"));
    let files = vec![SourceFile { name: "a".to_owned(), sha256: "ff".to_owned() }];
    let mut known = card();
    known.source.files.clone_from(&files);
    write(&early, &known, Dtype::F32, &mut Values::default()).unwrap();
    let mut source = Values { files: Some(files), ..Values::default() };
    write(&late, &card(), Dtype::F32, &mut source).unwrap();
    assert_eq!(fs::read(&early).unwrap(), fs::read(&late).unwrap());

    let longer = vec![SourceFile { name: "a longer name".to_owned(), sha256: "ff".to_owned() }];
    let mut source = Values { files: Some(longer), ..Values::default() };
    let other = folder.path().join("other");
    let error = write(&other, &card(), Dtype::F32, &mut source).unwrap_err().to_string();
    assert!(error.contains("its files changed while it was written"), "{error}");
    assert!(!other.exists());
}

#[test]
fn the_safetensors_crate_reads_the_file_too() {
    let bytes = fs::read(Fixture::new(Dtype::F32).path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), tensors(&card().config).count());
    let (header, _) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header % 8, 0);
}

#[test]
fn embedded_bytes_are_a_checkpoint_too() {
    let fixture = Fixture::new(Dtype::F16);
    let bytes: &'static [u8] = fs::read(&fixture.path).unwrap().leak();
    let (embedded, mapped) = (
        Checkpoint::embedded(bytes, "embedded").unwrap(),
        Checkpoint::open(&fixture.path).unwrap(),
    );
    assert_eq!(embedded.fingerprint(), mapped.fingerprint());
    assert_eq!(embedded.size(), mapped.size());
    let error = Checkpoint::embedded(&bytes[..100], "the embedded model").unwrap_err();
    assert!(error.to_string().starts_with("the embedded model is not a whole"), "{error}");
}

#[test]
fn the_halves_share_nothing_and_lack_nothing() {
    let checkpoint = Checkpoint::open(&Fixture::new(Dtype::F32).path).unwrap();
    let names = |tower| checkpoint.tower(tower).map(|spec| spec.name).collect::<Vec<_>>();
    let all = [Tower::Vision, Tower::Text, Tower::Both].map(names).concat();
    assert_eq!(all, tensors(&card().config).map(|spec| spec.name).collect::<Vec<_>>());
    assert!(matches!(checkpoint.read("visual.nothing"), Err(Error::Missing { .. })));
}

#[test]
fn the_fingerprint_tells_models_apart() {
    let print = |path: &Path| Checkpoint::open(path).unwrap().fingerprint();
    let (one, same, half) =
        (Fixture::new(Dtype::F32), Fixture::new(Dtype::F32), Fixture::new(Dtype::F16));
    assert_eq!(print(&one.path), print(&same.path));
    assert_ne!(print(&one.path), print(&half.path));
    let mut other = card();
    other.source.files[0].sha256 = "01".to_owned();
    write(&same.path, &other, Dtype::F32, &mut Values::default()).unwrap();
    assert_ne!(print(&one.path), print(&same.path));
}

#[test]
fn an_interrupted_write_keeps_the_old_file_and_leaves_nothing() {
    let check = |mut source: Values, message: &str| {
        let fixture = Fixture::new(Dtype::F32);
        let before = fs::read(&fixture.path).unwrap();
        let error = write(&fixture.path, &card(), Dtype::F16, &mut source).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(fs::read(&fixture.path).unwrap(), before);
        assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 1);

        let fresh = fixture.folder.path().join("fresh.safetensors");
        write(&fresh, &card(), Dtype::F16, &mut source).unwrap_err();
        assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 1);
    };
    check(
        Values { fails_at: Some("text.ln_final.gamma"), ..Values::default() },
        "1 tensor missing from the checkpoint: text.ln_final.gamma; convert the source again",
    );
    check(
        Values { shortened: Some("text.ln_final.gamma"), ..Values::default() },
        "tensor text.ln_final.gamma has shape [5], the configuration calls for [6]",
    );
    check(
        Values { replaced: Some(("logit_scale", 0, 1e6)), ..Values::default() },
        "tensor logit_scale holds 1000000 at position 0: the weights are damaged; convert or download them again",
    );
}

#[test]
fn every_preprocessing_mode_comes_back() {
    let check = |mode: &str, resize: &str, preprocess: PreprocessConfig| {
        let card = ModelCard { preprocess, ..card() };
        let json = serde_json::to_value(&card).unwrap();
        assert_eq!(json["preprocess"]["mode"], mode);
        assert_eq!(json["preprocess"]["resize"], resize);
        assert_eq!(ModelCard::from_json(&json.to_string()).unwrap(), card);
    };
    let shortest = |mode| PreprocessConfig { mode, ..card().preprocess };
    check("openai", "shortest", shortest(PreprocessMode::Openai));
    check("hf-pil", "shortest", shortest(PreprocessMode::HfPil));
    check("hf-torchvision", "shortest", shortest(PreprocessMode::HfTorchvision));
    let whole =
        |resize| PreprocessConfig { resize, resize_size: 9, ..shortest(PreprocessMode::Openai) };
    check("openai", "squash", whole(ResizeMode::Squash));
    check("openai", "longest", whole(ResizeMode::Longest));
}

#[test]
fn a_card_that_contradicts_itself_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut card = card();
    card.preprocess.std[1] = 0.0;
    let path = folder.path().join("new/tiny.safetensors");
    let error = write(&path, &card, Dtype::F32, &mut Values::default()).unwrap_err();
    assert!(matches!(error, Error::BadConfig { .. }), "{error}");
    assert!(!path.parent().unwrap().exists());
    card.preprocess.std[1] = 1.0;
    write(&path, &card, Dtype::F32, &mut Values::default()).unwrap();
    assert!(Checkpoint::open(&path).is_ok());
}
