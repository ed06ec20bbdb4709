//! The canonical file: what is written is read again, and what is damaged is refused by name.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use clip_checkpoint::{
    Activation, AttentionMask, CARD_VERSION, Checkpoint, Dtype, Error, Interpolation, ModelCard,
    ModelConfig, Pooling, PreprocessConfig, PreprocessMode, Probability, Projection, ResizeMode,
    Source, SourceFile, Stem, TensorSource, TensorSpec, TextConfig, TokenizerConfig, TokenizerMode,
    Tower, VisionConfig, VisionPooling, tensors, write,
};
use safetensors::tensor::TensorView;
use serde_json::Value;
use tempfile::TempDir;

fn card() -> ModelCard {
    let vision = VisionConfig {
        image_size: 9,
        patch_size: 4,
        width: 8,
        layers: 2,
        heads: 2,
        mlp_width: 12,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-5,
        stem: Stem::Normalized,
        pooling: VisionPooling::ClassToken,
        projection: Projection::Linear,
    };
    let text = TextConfig {
        context_length: 5,
        vocab_size: 20,
        width: 6,
        layers: 1,
        heads: 3,
        mlp_width: 10,
        activation: Activation::QuickGelu,
        layer_norm_eps: 1e-6,
        pooling: Pooling::EndToken(19),
        mask: AttentionMask::Causal,
        projection: Projection::Linear,
    };
    ModelCard {
        card_version: CARD_VERSION,
        name: "tiny".to_owned(),
        config: ModelConfig { embed_dim: 4, vision, text, probability: Probability::Softmax },
        preprocess: PreprocessConfig {
            mode: PreprocessMode::HfPil,
            resize: ResizeMode::Shortest,
            resize_size: 11,
            interpolation: Interpolation::Bicubic,
            crop_size: 9,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        },
        tokenizer: TokenizerConfig::clip(TokenizerMode::Hf, 18, 19, 0),
        source: Source {
            origin: "someone/tiny".to_owned(),
            files: vec![SourceFile { name: "a".to_owned(), sha256: "00".to_owned() }],
            converter: "none".to_owned(),
        },
        license: Some("MIT".to_owned()),
    }
}

/// Other values for each tensor; none is exact in f16.
fn values(spec: &TensorSpec) -> Vec<f32> {
    let start = spec.name.bytes().map(f32::from).sum::<f32>() / 4096.0;
    (0..spec.elements()).map(|i| start + i as f32 / 1000.0).collect()
}

/// Gives [`values`], with one of them replaced where asked; fails at a tensor where asked.
#[derive(Default)]
struct Values {
    replaced: Option<(&'static str, usize, f32)>,
    shortened: Option<&'static str>,
    fails_at: Option<&'static str>,
    files: Option<Vec<SourceFile>>,
}

impl TensorSource for Values {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        if self.fails_at == Some(&spec.name) {
            return Err(Error::Missing { names: vec![spec.name.clone()] });
        }
        let mut values = values(spec);
        if let Some((name, index, value)) = self.replaced
            && name == spec.name
        {
            values[index] = value;
        }
        if self.shortened == Some(&spec.name) {
            values.pop();
        }
        Ok(values)
    }

    fn files(&mut self) -> Result<Option<Vec<SourceFile>>, Error> {
        Ok(self.files.take())
    }
}

/// A folder with one whole checkpoint.
struct Fixture {
    folder: TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new(dtype: Dtype) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        let size = write(&path, &card(), dtype, &mut Values::default()).unwrap();
        assert_eq!(size, fs::metadata(&path).unwrap().len());
        Self { folder, path }
    }

    fn open_error(&self) -> String {
        let error = Checkpoint::open(&self.path).unwrap_err().to_string();
        error.replace(&self.folder.path().display().to_string(), "FOLDER")
    }

    /// Writes the file again by the `safetensors` crate, with the tensors and the card changed.
    fn rewrite(&self, change: impl FnOnce(&mut Tensors, &mut Value)) {
        let mut tensors: Tensors = tensors(&card().config)
            .map(|spec| {
                let bytes = values(&spec).iter().flat_map(|value| value.to_le_bytes()).collect();
                (spec.name, (safetensors::Dtype::F32, spec.shape, bytes))
            })
            .collect();
        let mut card = serde_json::to_value(card()).unwrap();
        change(&mut tensors, &mut card);
        let metadata = HashMap::from([("clip_card".to_owned(), card.to_string())]);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let metadata = (!card.is_null()).then_some(metadata);
        safetensors::serialize_to_file(views, metadata, &self.path).unwrap();
    }
}

type Tensors = BTreeMap<String, (safetensors::Dtype, Vec<usize>, Vec<u8>)>;

#[test]
fn f32_comes_back_as_it_was() {
    let checkpoint = Checkpoint::open(&Fixture::new(Dtype::F32).path).unwrap();
    assert_eq!(checkpoint.card(), &card());
    assert_eq!(checkpoint.dtype(), Dtype::F32);
    for spec in tensors(&card().config) {
        assert_eq!(checkpoint.stored(&spec.name).unwrap().shape, spec.shape);
        assert_eq!(checkpoint.read(&spec.name).unwrap(), values(&spec), "{}", spec.name);
    }
}

#[test]
fn shorter_numbers_come_back_rounded_once() {
    let f16 = |value| half::f16::from_f32(value).to_f32();
    let bf16 = |value| half::bf16::from_f32(value).to_f32();
    for (dtype, round) in [(Dtype::F16, f16 as fn(f32) -> f32), (Dtype::Bf16, bf16)] {
        let checkpoint = Checkpoint::open(&Fixture::new(dtype).path).unwrap();
        assert_eq!(checkpoint.dtype(), dtype);
        for spec in tensors(&card().config) {
            let rounded: Vec<_> = values(&spec).into_iter().map(round).collect();
            assert_eq!(checkpoint.read(&spec.name).unwrap(), rounded, "{}", spec.name);
        }
    }
}

/// The matrices of the picture tower come back within half a step of their column, the rest as f16.
#[test]
fn matrices_of_int8_come_back_within_half_a_step() {
    let fixture = Fixture::new(Dtype::Int8);
    let checkpoint = Checkpoint::open(&fixture.path).unwrap();
    assert_eq!(checkpoint.dtype(), Dtype::Int8);
    let mut matrices = 0;
    for spec in tensors(&card().config) {
        let (name, stored) = (&spec.name, checkpoint.stored(&spec.name).unwrap());
        let found = checkpoint.read(name).unwrap();
        if stored.dtype == Dtype::F16 {
            let half = |value| half::f16::from_f32(value).to_f32();
            assert_eq!(found, values(&spec).into_iter().map(half).collect::<Vec<_>>(), "{name}");
            continue;
        }
        matrices += 1;
        assert_eq!((stored.dtype, stored.bytes.len()), (Dtype::Int8, spec.elements()));
        let (columns, expected) = (spec.shape[1], values(&spec));
        for (i, (found, value)) in found.iter().zip(&expected).enumerate() {
            let column = expected.iter().skip(i % columns).step_by(columns);
            let largest = column.fold(0f32, |largest, value| largest.max(value.abs()));
            assert!((found - value).abs() <= largest / 254.0 * 1.001, "{name} at {i}");
        }
    }
    assert_eq!(matrices, 2 * 4, "four a block of the picture tower");
    let bytes: usize = tensors(&card().config).map(|spec| spec.bytes(Dtype::Int8)).sum();
    let header = checkpoint.size() - bytes;
    assert!(header < 20_000, "{header} bytes are not those of tensors");
}

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
fn damaged_files_are_refused() {
    let cut = |length: fn(usize) -> usize| {
        let fixture = Fixture::new(Dtype::F32);
        let bytes = fs::read(&fixture.path).unwrap();
        fs::write(&fixture.path, &bytes[..length(bytes.len())]).unwrap();
        let message = fixture.open_error();
        let start = "FOLDER/tiny.safetensors is not a whole safetensors file (";
        assert!(message.starts_with(start), "{message}");
        assert!(message.ends_with("cut off; convert or copy it again"), "{message}");
    };
    cut(|length| length / 2);
    cut(|length| length - 1);
    cut(|_| 100);
    cut(|_| 7);
    cut(|_| 0);
}

#[test]
fn files_that_are_not_there_are_named() {
    let fixture = Fixture::new(Dtype::F32);
    let absent = Checkpoint::open(&fixture.folder.path().join("absent")).unwrap_err();
    assert!(absent.to_string().starts_with("cannot open "), "{absent}");
    assert!(absent.to_string().contains("absent: "), "{absent}");
    let folder = Checkpoint::open(fixture.folder.path()).unwrap_err();
    assert!(matches!(folder, Error::Io { action: "open", .. }), "{folder}");
}

#[test]
fn tensors_are_refused_by_name() {
    let check = |change: fn(&mut Tensors), message: &str| {
        let fixture = Fixture::new(Dtype::F32);
        fixture.rewrite(|tensors, _| change(tensors));
        assert_eq!(fixture.open_error(), message);
    };
    check(
        |tensors| drop(tensors.remove("text.ln_final.beta")),
        "1 tensor missing from the checkpoint: text.ln_final.beta; convert the source again",
    );
    check(
        |tensors| tensors.retain(|name, _| !name.contains(".mlp.")),
        "12 tensors missing from the checkpoint: \
         visual.transformer.resblocks.0.mlp.c_fc.weight, \
         visual.transformer.resblocks.0.mlp.c_fc.bias, \
         visual.transformer.resblocks.0.mlp.c_proj.weight, \
         visual.transformer.resblocks.0.mlp.c_proj.bias, \
         visual.transformer.resblocks.1.mlp.c_fc.weight and 7 more; convert the source again",
    );
    check(
        |tensors| tensors.get_mut("visual_projection.weight").unwrap().1 = vec![4, 8],
        "tensor visual_projection.weight has shape [4, 8], the configuration calls for [8, 4]",
    );
    check(
        |tensors| {
            let tensor = tensors["logit_scale"].clone();
            tensors.insert("logit_bias".to_owned(), tensor);
        },
        "1 tensor in the checkpoint that the configuration has no place for: logit_bias; convert the source again",
    );
    check(
        |tensors| tensors.get_mut("logit_scale").unwrap().0 = safetensors::Dtype::I32,
        "tensor logit_scale is stored as I32, this program reads f32, f16 and bf16, and int8 for the matrices of the picture tower's blocks",
    );
}

#[test]
fn matrices_of_int8_need_their_scales() {
    let name = "visual.transformer.resblocks.0.mlp.c_fc.weight";
    let check = |tensor: &str, scales: Option<(safetensors::Dtype, f32)>, message: &str| {
        let fixture = Fixture::new(Dtype::F32);
        fixture.rewrite(|tensors, _| {
            let (dtype, shape, bytes) = tensors.get_mut(tensor).unwrap();
            (*dtype, *bytes) = (safetensors::Dtype::I8, vec![1; shape.iter().product()]);
            let columns = *shape.last().unwrap();
            if let Some((dtype, scale)) = scales {
                let bytes = scale.to_le_bytes()[..dtype.bitsize() / 8].repeat(columns);
                tensors.insert(format!("{tensor}_scale"), (dtype, vec![columns], bytes));
            }
        });
        let opened = Checkpoint::open(&fixture.path);
        let error = opened.and_then(|checkpoint| checkpoint.read(tensor)).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    check(
        name,
        None,
        "1 tensor missing from the checkpoint: visual.transformer.resblocks.0.mlp.c_fc.weight_scale; convert the source again",
    );
    check(
        name,
        Some((safetensors::Dtype::I8, 1.0)),
        "tensor visual.transformer.resblocks.0.mlp.c_fc.weight_scale is stored as I8, this program reads f32, f16 and bf16, and int8 for the matrices of the picture tower's blocks",
    );
    check(
        name,
        Some((safetensors::Dtype::F32, f32::NAN)),
        "tensor visual.transformer.resblocks.0.mlp.c_fc.weight_scale holds NaN at position 0: the weights are damaged; convert or download them again",
    );
    check(
        "text.transformer.resblocks.0.mlp.c_fc.weight",
        None,
        "tensor text.transformer.resblocks.0.mlp.c_fc.weight is stored as I8, this program reads f32, f16 and bf16, and int8 for the matrices of the picture tower's blocks",
    );
}

#[test]
fn cards_are_checked() {
    let check = |change: fn(&mut Value), message: &str| {
        let fixture = Fixture::new(Dtype::F32);
        fixture.rewrite(|_, card| change(card));
        assert_eq!(fixture.open_error(), message);
    };
    check(
        |card| *card = Value::Null,
        "FOLDER/tiny.safetensors is a safetensors file without a model card, which is a source and no checkpoint yet: convert it first with `clip-cli models add FOLDER/tiny.safetensors`",
    );
    check(
        |card| *card = serde_json::json!({"card_version": 99, "unheard_of": true}),
        "the checkpoint has card version 99, this program reads up to 1: update the program",
    );
    check(
        |card| card["config"]["vision"]["heads"] = 3.into(),
        "the configuration describes no model: 3 heads do not divide the vision tower's width of 8",
    );
    check(
        |card| card["preprocess"]["crop_size"] = 8.into(),
        "the configuration describes no model: pictures are cropped to 8 pixels, but the vision tower takes 9",
    );
    check(
        |card| card["preprocess"]["resize"] = "squash".into(),
        "the configuration describes no model: resize mode Squash fills the crop, but pictures are resized to 11 pixels and cropped to 9",
    );
    check(
        |card| card["preprocess"]["resize"] = "longest".into(),
        "the configuration describes no model: resize mode Longest fills the crop, but pictures are resized to 11 pixels and cropped to 9",
    );
    check(
        |card| *card = serde_json::json!({"card_version": 1}),
        "the model card cannot be read: missing field `name` at line 1 column 18; convert the source again",
    );
}

#[test]
fn nan_is_refused_at_write_and_at_read() {
    let (name, index) = ("visual.transformer.resblocks.1.attn.in_proj.weight", 7);
    let refused = |dtype, value| {
        let path = Fixture::new(dtype).path;
        let mut source = Values { replaced: Some((name, index, value)), ..Values::default() };
        write(&path, &card(), dtype, &mut source).unwrap_err().to_string()
    };
    let message = |value: &str| {
        format!(
            "tensor {name} holds {value} at position 7: the weights are damaged; convert or download them again"
        )
    };
    assert_eq!(refused(Dtype::F32, f32::NAN), message("NaN"));
    assert_eq!(refused(Dtype::F16, f32::INFINITY), message("inf"));
    // The largest f16 is 65504; 65520 and above round to infinity.
    assert_eq!(refused(Dtype::F16, 65_520.0), message("65520"));
    assert_eq!(refused(Dtype::Bf16, f32::MAX), message(&f32::MAX.to_string()));

    let fixture = Fixture::new(Dtype::F32);
    fixture.rewrite(|tensors, _| {
        tensors.get_mut(name).unwrap().2[4 * index..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let checkpoint = Checkpoint::open(&fixture.path).unwrap();
    assert_eq!(checkpoint.read(name).unwrap_err().to_string(), message("NaN"));
    assert!(checkpoint.read("visual.ln_pre.gamma").is_ok());
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
fn modes_of_later_versions_are_refused() {
    let check = |field: &str, known: &str| {
        let mut json = serde_json::to_value(card()).unwrap();
        json["preprocess"][field] = "dreamt".into();
        let error = ModelCard::from_json(&json.to_string()).unwrap_err().to_string();
        assert!(error.contains("unknown variant `dreamt`") && error.contains(known), "{error}");
    };
    check("mode", "`openai`, `hf-pil`, `hf-torchvision`");
    check("resize", "`shortest`, `longest`, `squash`");
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
