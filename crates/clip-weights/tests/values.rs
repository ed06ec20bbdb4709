//! Every number of a converted model is the source's, in the right place.

mod common;

use std::path::Path;

use clip_checkpoint::{Checkpoint, Dtype, Tower, tensors};
use clip_weights::{Options, Source, Summary, convert};
use common::Model;

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
