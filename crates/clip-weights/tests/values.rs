//! Every number of a converted model is the source's, in the right place.

mod common;

use std::path::Path;

use clip_checkpoint::{
    Checkpoint, Dtype, Pooling, SubwordModel, Subwords, TensorSource, TensorSpec, TokenizerConfig,
    Tower, Vocabulary, tensors, write,
};
use clip_weights::{Options, Source, Summary, convert, recast};
use common::Model;
use safetensors::tensor::{SafeTensors, TensorView};

fn converted(source: &Path, dtype: Option<Dtype>) -> (Summary, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let options = Options { output: Some(output.clone()), dtype, ..Options::default() };
    let summary = convert(&Source::Path(source.to_owned()), &options, &mut ()).unwrap();
    (summary, Checkpoint::open(&output).unwrap())
}

/// Compares `ours[i, j]` with what `theirs` says of it.
fn check_matrix(
    checkpoint: &Checkpoint,
    name: &str,
    shape: [usize; 2],
    theirs: impl Fn(usize, usize) -> f32,
) {
    assert_eq!(checkpoint.stored(name).unwrap().shape, shape, "{name}");
    let values = checkpoint.read(name).unwrap();
    for i in 0..shape[0] {
        for j in 0..shape[1] {
            assert_eq!(values[i * shape[1] + j], theirs(i, j), "{name}[{i}, {j}]");
        }
    }
}

#[test]
fn linear_layers_are_transposed() {
    let model = Model::tiny();
    let (_, checkpoint) = converted(model.write().path(), None);
    let check = |ours: &str, shape, theirs: &str| {
        check_matrix(&checkpoint, ours, shape, |i, j| model.at(theirs, j, i));
    };
    check("visual_projection.weight", [8, 6], "visual_projection.weight");
    check("text_projection.weight", [6, 6], "text_projection.weight");
    let (ours, theirs) = ("visual.transformer.resblocks.1", "vision_model.encoder.layers.1");
    check(
        &format!("{ours}.attn.out_proj.weight"),
        [8, 8],
        &format!("{theirs}.self_attn.out_proj.weight"),
    );
    check(&format!("{ours}.mlp.c_fc.weight"), [8, 12], &format!("{theirs}.mlp.fc1.weight"));
    check(&format!("{ours}.mlp.c_proj.weight"), [12, 8], &format!("{theirs}.mlp.fc2.weight"));
}

#[test]
fn query_key_and_value_are_concatenated() {
    let model = Model::tiny();
    let (_, checkpoint) = converted(model.write().path(), None);
    let check = |ours: &str, theirs: &str, width: usize| {
        let part = |i: usize| format!("{theirs}.self_attn.{}_proj", ["q", "k", "v"][i / width]);
        check_matrix(&checkpoint, &format!("{ours}.weight"), [width, 3 * width], |i, j| {
            model.at(&format!("{}.weight", part(j)), j % width, i)
        });
        let bias = checkpoint.read(&format!("{ours}.bias")).unwrap();
        assert_eq!(bias.len(), 3 * width);
        for (i, value) in bias.into_iter().enumerate() {
            assert_eq!(value, model.tensors[&format!("{}.bias", part(i))].1[i % width]);
        }
    };
    check("visual.transformer.resblocks.0.attn.in_proj", "vision_model.encoder.layers.0", 8);
    check("visual.transformer.resblocks.1.attn.in_proj", "vision_model.encoder.layers.1", 8);
    check("text.transformer.resblocks.0.attn.in_proj", "text_model.encoder.layers.0", 6);
}

#[test]
fn everything_else_is_copied() {
    let model = Model::tiny();
    let (_, checkpoint) = converted(model.write().path(), None);
    let check = |ours: &str, theirs: &str| {
        assert_eq!(checkpoint.read(ours).unwrap(), model.tensors[theirs].1, "{ours}");
    };
    check("logit_scale", "logit_scale");
    check("visual.class_embedding", "vision_model.embeddings.class_embedding");
    check("visual.patch_embedding.weight", "vision_model.embeddings.patch_embedding.weight");
    check("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight");
    check("visual.ln_pre.gamma", "vision_model.pre_layrnorm.weight");
    check("visual.ln_pre.beta", "vision_model.pre_layrnorm.bias");
    check("visual.ln_post.gamma", "vision_model.post_layernorm.weight");
    check("visual.ln_post.beta", "vision_model.post_layernorm.bias");
    check("text.token_embedding.weight", "text_model.embeddings.token_embedding.weight");
    check("text.positional_embedding", "text_model.embeddings.position_embedding.weight");
    check("text.ln_final.gamma", "text_model.final_layer_norm.weight");
    check("text.ln_final.beta", "text_model.final_layer_norm.bias");
    let (ours, theirs) = ("text.transformer.resblocks.0", "text_model.encoder.layers.0");
    check(&format!("{ours}.ln_1.gamma"), &format!("{theirs}.layer_norm1.weight"));
    check(&format!("{ours}.ln_1.beta"), &format!("{theirs}.layer_norm1.bias"));
    check(&format!("{ours}.ln_2.gamma"), &format!("{theirs}.layer_norm2.weight"));
    check(&format!("{ours}.ln_2.beta"), &format!("{theirs}.layer_norm2.bias"));
    check(&format!("{ours}.attn.out_proj.bias"), &format!("{theirs}.self_attn.out_proj.bias"));
    check(&format!("{ours}.mlp.c_fc.bias"), &format!("{theirs}.mlp.fc1.bias"));
    check(&format!("{ours}.mlp.c_proj.bias"), &format!("{theirs}.mlp.fc2.bias"));
}

fn check_same(left: &Checkpoint, right: &Checkpoint) {
    assert_eq!(left.card().config, right.card().config);
    for spec in tensors(&left.card().config) {
        assert_eq!(
            left.read(&spec.name).unwrap(),
            right.read(&spec.name).unwrap(),
            "{}",
            spec.name
        );
    }
}

#[test]
fn shards_are_the_same_as_one_file() {
    let model = Model::tiny();
    let (single, sharded) = (model.write(), model.write_sharded());
    let (_, one) = converted(single.path(), None);
    let (_, two) = converted(sharded.path(), None);
    check_same(&one, &two);
    let names: Vec<_> = two.card().source.files.iter().map(|file| &*file.name).collect();
    assert_eq!(names, common::SHARDS);
    // A file inside the folder stands for the folder.
    check_same(&one, &converted(&single.join("model.safetensors"), None).1);
    check_same(&one, &converted(&sharded.join("model.safetensors.index.json"), None).1);
}

#[test]
fn half_precision_sources_are_read() {
    let model = Model::tiny();
    let (_, expected) = converted(model.write().path(), None);
    let check = |source, dtype, written| {
        let folder = model.write_configs();
        folder.weights("model.safetensors", &model.tensors, source);
        let (summary, checkpoint) = converted(folder.path(), dtype);
        assert_eq!((summary.dtype, checkpoint.dtype()), (written, written), "{source:?}");
        // The fixture's values are exact in each format.
        check_same(&expected, &checkpoint);
    };
    use safetensors::Dtype as Foreign;
    check(Foreign::F32, None, Dtype::F32);
    check(Foreign::F32, Some(Dtype::F16), Dtype::F16);
    check(Foreign::F16, None, Dtype::F16);
    check(Foreign::F16, Some(Dtype::F32), Dtype::F32);
    check(Foreign::BF16, None, Dtype::Bf16);
    check(Foreign::BF16, Some(Dtype::F32), Dtype::F32);
    check(Foreign::BF16, Some(Dtype::F16), Dtype::F16);
    check(Foreign::F32, Some(Dtype::Bf16), Dtype::Bf16);
    check(Foreign::F16, Some(Dtype::Bf16), Dtype::Bf16);
}

/// In 8 bits the matrices of both towers come within half a step of the source's columns, all else
/// exactly as f16.
#[test]
fn int8_is_near_the_source() {
    let model = Model::tiny();
    let (summary, checkpoint) = converted(model.write().path(), Some(Dtype::Int8));
    assert_eq!(summary.dtype, Dtype::Int8);
    assert_eq!(summary.bytes, checkpoint.size() as u64);
    let towers = [Tower::Vision, Tower::Text].map(|tower| checkpoint.dtype_of(tower));
    assert_eq!(towers, [Dtype::Int8; 2]);
    let (_, exact) = converted(model.write().path(), None);
    for spec in tensors(&exact.card().config) {
        let [found, expected] = [&checkpoint, &exact].map(|c| c.read(&spec.name).unwrap());
        if checkpoint.stored(&spec.name).unwrap().dtype != Dtype::Int8 {
            assert_eq!(found, expected, "{}", spec.name);
            continue;
        }
        // The fixture's values are at most 2.
        let near = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 2.0 / 254.0 + 1e-6);
        assert!(near, "{}", spec.name);
    }
}

#[test]
fn position_ids_of_old_files_are_tolerated() {
    let mut model = Model::tiny();
    model.add("vision_model.embeddings.position_ids", &[1, 5]);
    model.add("text_model.embeddings.position_ids", &[1, 5]);
    converted(model.write().path(), None);
}

#[test]
fn the_summary_and_the_card_say_what_was_done() {
    let folder = Model::tiny().write();
    let (summary, checkpoint) = converted(folder.path(), None);
    let printed = summary.to_string();
    for (name, tower) in [("vision", Tower::Vision), ("text", Tower::Text)] {
        let parameters: usize = checkpoint.tower(tower).map(|spec| spec.elements()).sum();
        let line = format!("{name:<10} {:.2} M parameters: ", parameters as f64 / 1e6);
        assert!(printed.contains(&line), "no {line} in {printed}");
    }
    assert_eq!(summary.bytes, checkpoint.size() as u64);
    assert_eq!(&summary.card, checkpoint.card());

    let source = &checkpoint.card().source;
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    assert_eq!((&*checkpoint.card().name, &*source.origin), (name, name));
    assert!(source.converter.starts_with("clip-weights "), "{}", source.converter);
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let sha256: String = <sha2::Sha256 as sha2::Digest>::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(source.files[0].sha256, sha256);
}

#[test]
fn the_license_comes_from_the_source_before_the_options() {
    let check = |readme: Option<&str>, option: Option<&str>, expected: Option<&str>| {
        let folder = Model::tiny().write();
        if let Some(readme) = readme {
            folder.file("README.md", readme);
        }
        let options = Options {
            output: Some(folder.join("out.safetensors")),
            license: option.map(str::to_owned),
            ..Options::default()
        };
        let source = Source::Path(folder.path().to_owned());
        let summary = convert(&source, &options, &mut ()).unwrap();
        assert_eq!(summary.card.license.as_deref(), expected);
    };
    check(Some("---\nlicense: mit\n---\n"), None, Some("mit"));
    check(Some("---\nlicense: mit\n---\n"), Some("other"), Some("mit"));
    check(Some("# A model"), Some("other"), Some("other"));
    check(None, None, None);
}

/// One model does not replace another without a word, and the same one is not written again.
#[test]
fn what_is_there_is_not_replaced_unasked() {
    let target = tempfile::tempdir().unwrap();
    let convert_to = |model: &Model, options: Options| {
        let folder = model.write();
        let output = Some(target.path().join("m.safetensors"));
        let source = Source::Path(folder.path().to_owned());
        let name = Some("m".to_owned());
        convert(&source, &Options { output, name, ..options }, &mut ())
    };
    let fingerprint =
        || Checkpoint::open(&target.path().join("m.safetensors")).unwrap().fingerprint();
    let tiny = Model::tiny();
    assert!(!convert_to(&tiny, Options::default()).unwrap().was_there);
    let first = fingerprint();
    let again = convert_to(&tiny, Options::default()).unwrap();
    assert!(again.was_there && again.to_string().contains("was there"), "{again}");
    // The same weights with another word on the card are.
    let license = Some("mit".to_owned());
    let licensed = convert_to(&tiny, Options { license, ..Options::default() }).unwrap();
    assert_eq!((licensed.was_there, licensed.card.license.as_deref()), (false, Some("mit")));

    // Other values, other settings, another format.
    let mut other = Model::tiny();
    other.tensors.get_mut("logit_scale").unwrap().1[0] = 1.5;
    let mut larger = Model::tiny();
    larger.preprocessor["size"] = 13.into();
    let half = Options { dtype: Some(Dtype::F16), ..Options::default() };
    for (model, options) in
        [(&other, Options::default()), (&larger, Options::default()), (&tiny, half)]
    {
        let error = convert_to(model, options.clone()).unwrap_err().to_string();
        assert!(
            error.ends_with("m.safetensors is there already and is another model: choose another name, or replace it"),
            "{error}"
        );
        assert_eq!(fingerprint(), first);
        let forced = convert_to(model, Options { force: true, ..options }).unwrap();
        assert!(!forced.was_there && fingerprint() != first);
        convert_to(&tiny, Options { force: true, ..Options::default() }).unwrap();
    }
    // A file in 8 bits of an earlier version, which left more in f16, is another model too.
    let int8 = || Options { dtype: Some(Dtype::Int8), ..Options::default() };
    convert_to(&tiny, Options { force: true, ..int8() }).unwrap();
    assert!(convert_to(&tiny, int8()).unwrap().was_there);
    let earlier: [(IsInt8, &str); 2] = [
        (|name| name.starts_with("visual.transformer."), "text tower"),
        (|name| !name.starts_with("text.token_embedding"), "token embedding"),
    ];
    for (is_in_8_bits, left) in earlier {
        leave_in_f16(&target.path().join("m.safetensors"), is_in_8_bits);
        let error = convert_to(&tiny, int8()).unwrap_err().to_string();
        let end = format!(
            "m.safetensors is there already and is of an earlier version, which left the {left} in f16: choose another name, or replace it"
        );
        assert!(error.ends_with(&end), "{error}");
        convert_to(&tiny, Options { force: true, ..int8() }).unwrap();
        assert!(convert_to(&tiny, int8()).unwrap().was_there);
    }

    std::fs::write(target.path().join("m.safetensors"), "a letter").unwrap();
    let error = convert_to(&tiny, Options::default()).unwrap_err().to_string();
    assert!(error.contains("is there already and is no model"), "{error}");
    let letter = std::fs::read(target.path().join("m.safetensors")).unwrap();
    assert_eq!(letter, b"a letter");
}

/// A file of ours in another number format is the one that its source would have been converted to, and
/// nothing is lost on the way.
#[test]
fn canonical_files_are_written_in_other_formats() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::tiny().write();
    let write = |dtype: Dtype| {
        let output = folder.path().join(dtype.name());
        let options = Options {
            output: Some(output.clone()),
            dtype: Some(dtype),
            name: Some("m".into()),
            ..Options::default()
        };
        convert(&Source::Path(model.path().to_owned()), &options, &mut ()).unwrap();
        output
    };
    let source = write(Dtype::F32);
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::Int8] {
        let output = folder.path().join("again");
        let options = Options {
            output: Some(output.clone()),
            dtype: Some(dtype),
            force: true,
            ..Options::default()
        };
        let summary = recast(&source, &options, &mut ()).unwrap();
        assert_eq!((summary.dtype, summary.bytes), (dtype, output.metadata().unwrap().len()));
        assert!(summary.to_string().contains("converted before"), "{summary}");
        let expected = write(dtype);
        assert_eq!(std::fs::read(&output).unwrap(), std::fs::read(expected).unwrap(), "{dtype:?}");
    }

    let refusal = |output: &Path, dtype| {
        let options = Options {
            output: Some(output.to_owned()),
            dtype,
            force: output == source,
            ..Options::default()
        };
        recast(&source, &options, &mut ()).unwrap_err().to_string()
    };
    let int8 = Some(Dtype::Int8);
    assert!(refusal(&source, int8).contains("is the source itself"));
    assert!(
        refusal(&folder.path().join("again"), int8).contains("choose another name, or replace it")
    );
    assert!(
        refusal(&folder.path().join("new"), None)
            .ends_with("is converted already: use it as it is")
    );
}

/// Gives the values of a file and the vocabulary; a token embedding of zeros, for it has another size.
struct Own<'a> {
    checkpoint: &'a Checkpoint,
    vocabulary: Vec<u8>,
}

impl TensorSource for Own<'_> {
    type Error = clip_checkpoint::Error;

    fn read(&mut self, spec: &TensorSpec) -> clip_checkpoint::Result<Vec<f32>> {
        match &*spec.name {
            "text.token_embedding.weight" => Ok(vec![0.0; spec.elements()]),
            name => self.checkpoint.read(name),
        }
    }

    fn vocabulary(&self) -> &[u8] {
        &self.vocabulary
    }
}

#[test]
fn merges_of_a_model_stay_in_other_formats() {
    let (_, checkpoint) = converted(Model::tiny().write().path(), Some(Dtype::F32));
    let merges = vec![[67, 78], [67, 256 + 78], [512, 256 + 70]];
    let (tokens, spelled) = (Vec::new(), Vec::new());
    let subwords = Subwords { tokens, spelled, model: SubwordModel::ByteLevel(merges) };
    let vocabulary = subwords.encode();
    let mut card = checkpoint.card().clone();
    card.name = "own".to_owned();
    (card.config.text.vocab_size, card.config.text.pooling) = (517, Pooling::EndToken(516));
    card.tokenizer = TokenizerConfig {
        vocabulary: Vocabulary::stored(&vocabulary),
        ..TokenizerConfig::clip(card.tokenizer.mode, 515, 516, 516)
    };
    let folder = tempfile::tempdir().unwrap();
    let (source, output) = (folder.path().join("own"), folder.path().join("int8"));
    let mut own = Own { checkpoint: &checkpoint, vocabulary: vocabulary.clone() };
    write(&source, &card, Dtype::F32, &mut own).unwrap();
    let options =
        Options { output: Some(output.clone()), dtype: Some(Dtype::Int8), ..Options::default() };
    recast(&source, &options, &mut ()).unwrap();
    let again = Checkpoint::open(&output).unwrap();
    assert_eq!(again.vocabulary(), Some(&*vocabulary));
    assert_eq!(again.card().tokenizer, card.tokenizer);
}

/// Which tensors are in 8 bits, by name.
type IsInt8 = fn(&str) -> bool;

/// Makes of a file in 8 bits one as earlier versions wrote it.
fn leave_in_f16(path: &Path, is_in_8_bits: IsInt8) {
    let checkpoint = Checkpoint::open(path).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let views = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = Vec::new();
    for (name, view) in views.iter() {
        let (mut dtype, mut bytes) = (view.dtype(), view.data().to_vec());
        if dtype == safetensors::Dtype::I8 && !is_in_8_bits(name) {
            let values = checkpoint.read(name).unwrap();
            dtype = safetensors::Dtype::F16;
            bytes = values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect();
        } else if name.ends_with("_scale") && name != "logit_scale" && !is_in_8_bits(name) {
            continue;
        }
        tensors.push((name.to_owned(), dtype, view.shape().to_vec(), bytes));
    }
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, header.metadata().clone(), path).unwrap();
    let checkpoint = Checkpoint::open(path).unwrap();
    assert_eq!(checkpoint.stored("text.token_embedding.weight").unwrap().dtype, Dtype::F16);
}

/// The file is called after the model, so its name leads nowhere else.
#[test]
fn names_that_no_file_has_are_refused() {
    let folder = Model::tiny().write();
    let target = tempfile::tempdir().unwrap();
    for name in ["../evil", "", "a/b", ".x", "-x", "nul", "a\u{1b}"] {
        let options = Options {
            name: Some(name.to_owned()),
            folder: Some(target.path().join("models")),
            ..Options::default()
        };
        let source = Source::Path(folder.path().to_owned());
        let error = convert(&source, &options, &mut ()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("a model cannot be called {name:?} (")), "{error}");
    }
    // The folder of the source is a hidden one here; with a name of its own the model is written.
    let options = Options { folder: Some(target.path().join("models")), ..Options::default() };
    let source = Source::Path(folder.path().to_owned());
    let error = convert(&source, &options, &mut ()).unwrap_err().to_string();
    assert!(error.contains("give another name"), "{error}");
    assert_eq!(std::fs::read_dir(target.path()).unwrap().count(), 0);
    let named = Options { name: Some("mine".to_owned()), ..options };
    let summary = convert(&source, &named, &mut ()).unwrap();
    assert_eq!(summary.output, target.path().join("models/mine.safetensors"));
}
