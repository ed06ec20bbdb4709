//! What the card says of OpenCLIP's configuration, and which files it is taken from.

use std::fs;

use clip_checkpoint::{
    Activation, AttentionMask, Interpolation, ModelConfig, Pooling, PreprocessConfig,
    PreprocessMode, Probability, Projection, ResizeMode, Stem, TextConfig, TokenizerConfig,
    TokenizerMode, VisionConfig, VisionPooling,
};
use clip_weights::Family;
use serde_json::{Value, json};

use super::common::Model;
use super::{CONFIG, Fixture, WEIGHTS};

/// As `MODELS` in `tests/scripts/open_clip_weights.py`.
fn bare() -> ModelConfig {
    ModelConfig {
        embed_dim: 20,
        vision: VisionConfig {
            image_size: 12,
            patch_size: 4,
            width: 64,
            layers: 2,
            heads: 1,
            mlp_width: 256,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-5,
            conv_stem: None,
            stem: Stem::Normalized,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Linear,
        },
        text: TextConfig {
            context_length: 7,
            vocab_size: 40,
            width: 24,
            layers: 1,
            heads: 3,
            mlp_width: 96,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-5,
            pooling: Pooling::Argmax,
            mask: AttentionMask::Causal,
            projection: Projection::Linear,
        },
        probability: Probability::Softmax,
    }
}

fn custom_text() -> ModelConfig {
    let activation = Activation::QuickGelu;
    ModelConfig {
        embed_dim: 24,
        vision: VisionConfig {
            image_size: 10,
            patch_size: 3,
            width: 32,
            layers: 1,
            heads: 2,
            mlp_width: 128,
            activation,
            ..bare().vision
        },
        text: TextConfig { layers: 2, activation, ..bare().text },
        ..bare()
    }
}

fn wide_heads() -> ModelConfig {
    ModelConfig {
        embed_dim: 16,
        vision: VisionConfig { width: 176, layers: 1, heads: 2, mlp_width: 768, ..bare().vision },
        text: TextConfig { mlp_width: 62, ..bare().text },
        ..bare()
    }
}

fn end_token() -> ModelConfig {
    ModelConfig {
        embed_dim: 16,
        vision: VisionConfig { width: 32, layers: 1, heads: 2, mlp_width: 128, ..bare().vision },
        text: TextConfig { pooling: Pooling::EndToken(20), ..bare().text },
        ..bare()
    }
}

fn preprocess() -> PreprocessConfig {
    PreprocessConfig {
        mode: PreprocessMode::Openai,
        resize: ResizeMode::Shortest,
        resize_size: 12,
        interpolation: Interpolation::Bicubic,
        crop_size: 12,
        mean: PreprocessConfig::OPENAI_MEAN,
        std: PreprocessConfig::OPENAI_STD,
    }
}

#[test]
fn the_card_is_the_configurations() {
    let fixture = Fixture::new("bare");
    fixture.write("README.md", "---\nlicense: mit\n---\n");
    let (summary, checkpoint) = fixture.convert("").unwrap();
    assert_eq!(summary.family, Family::OpenClip);
    let card = checkpoint.card();
    assert_eq!((&*card.name, &*card.source.origin), ("bare", "bare"));
    assert_eq!(card.source.files[0].name, WEIGHTS);
    assert_eq!(card.license.as_deref(), Some("mit"));
    assert_eq!(card.config, bare());
    assert_eq!(card.preprocess, preprocess());
    let mode = TokenizerMode::OpenClip;
    assert_eq!(card.tokenizer, TokenizerConfig::clip(mode, 38, 39, 0));
}

#[test]
fn the_other_models_differ_as_they_were_made() {
    let (summary, checkpoint) = Fixture::new("custom-text").convert("").unwrap();
    assert_eq!(summary.family, Family::OpenClip);
    assert_eq!(checkpoint.card().config, custom_text());
    assert_eq!(
        checkpoint.card().preprocess,
        PreprocessConfig {
            resize_size: 10,
            crop_size: 10,
            interpolation: Interpolation::Bilinear,
            mean: [0.5, 0.25, 0.125],
            std: [0.5, 0.75, 1.0],
            ..preprocess()
        }
    );
    assert_eq!(Fixture::new("wide-heads").converted().card().config, wide_heads());
    let checkpoint = Fixture::new("end-token").converted();
    assert_eq!(checkpoint.card().config, end_token());
    assert_eq!(checkpoint.card().tokenizer.end_token, 20);
}

#[test]
fn absent_fields_take_openclips_defaults() {
    let fixture = Fixture::new("bare").set("/preprocess_cfg", Value::Null);
    assert_eq!(fixture.converted().card().preprocess, preprocess());
    let fixture = Fixture::new("bare").set("/preprocess_cfg", json!({"interpolation": "random"}));
    assert_eq!(fixture.converted().card().preprocess, preprocess());
    for (name, resize) in [("squash", ResizeMode::Squash), ("longest", ResizeMode::Longest)] {
        let fixture = Fixture::new("bare").set("/preprocess_cfg/resize_mode", name);
        assert_eq!(fixture.converted().card().preprocess.resize, resize);
    }
    // Eight heads are three wide here.
    let fixture = Fixture::new("bare").set("/model_cfg/text_cfg/heads", Value::Null);
    let text = TextConfig { heads: 8, ..bare().text };
    assert_eq!(fixture.converted().card().config, ModelConfig { text, ..bare() });
}

#[test]
fn layer_norms_may_have_another_epsilon() {
    let fixture = Fixture::new("bare").set("/model_cfg/text_cfg/norm_kwargs", json!({"eps": 1e-6}));
    let text = TextConfig { layer_norm_eps: 1e-6, ..bare().text };
    assert_eq!(fixture.converted().card().config, ModelConfig { text, ..bare() });
}

#[test]
fn what_changes_no_number_is_ignored() {
    let fixture = [
        ("/model_cfg/custom_text", json!(true)),
        ("/model_cfg/init_logit_scale", json!(2.0)),
        ("/model_cfg/vision_cfg/patch_dropout", json!(0.5)),
        ("/model_cfg/vision_cfg/final_ln_after_pool", json!(true)),
        ("/model_cfg/vision_cfg/ls_init_value", Value::Null),
        ("/model_cfg/vision_cfg/timm_pool", json!("avg")),
        ("/model_cfg/vision_cfg/block_type", json!("default")),
        ("/model_cfg/text_cfg/eos_id", json!(2)),
        ("/model_cfg/text_cfg/tokenizer_kwargs", json!({})),
        ("/model_cfg/text_cfg/embed_cls", json!(false)),
        ("/preprocess_cfg/size", json!(99)),
        ("/preprocess_cfg/fill_color", json!(0)),
    ]
    .into_iter()
    .fold(Fixture::new("bare"), |fixture, (pointer, value)| fixture.set(pointer, value));
    let checkpoint = fixture.converted();
    assert_eq!(
        (&checkpoint.card().config, &checkpoint.card().preprocess),
        (&bare(), &preprocess())
    );
}

/// A folder of the hub may hold the model in both layouts.
#[test]
fn transformers_files_win_in_a_folder_and_names_in_a_file() {
    let fixture = Fixture::new("bare");
    let other = Model::tiny().write();
    for name in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        fixture.write(name, fs::read(other.join(name)).unwrap());
    }
    let family = |file: &str| fixture.convert(file).unwrap().0.family;
    assert_eq!(family(""), Family::HuggingFace);
    assert_eq!(family("model.safetensors"), Family::HuggingFace);
    assert_eq!(family(WEIGHTS), Family::OpenClip);
    // timm's have no `model_type`.
    fixture.write("config.json", r#"{"architecture": "vit_base_patch32_clip_224"}"#);
    assert_eq!(family(""), Family::OpenClip);
    fixture.write("config.json", r#"{"model_type": "clip"}"#);
    fixture.remove("model.safetensors");
    assert_eq!(family(""), Family::OpenClip);
}

/// The weights may have any name where the file is given, and several in a folder.
#[test]
fn weights_are_found() {
    let fixture = Fixture::new("bare");
    let bytes = fixture.read(WEIGHTS);
    fixture.remove(WEIGHTS);
    for name in ["open_clip_pytorch_model.bin", "open_clip_pytorch_model.pt", "model.safetensors"] {
        fixture.write(name, &bytes);
        assert_eq!(fixture.convert("").unwrap().0.card.source.files[0].name, name);
        fixture.remove(name);
    }
    for (index, shard) in [
        ("open_clip_model.safetensors.index.json", "open_clip_model-00001-of-00001.safetensors"),
        ("open_clip_pytorch_model.bin.index.json", "open_clip_pytorch_model-00001-of-00001.bin"),
        ("model.safetensors.index.json", "model-00001-of-00001.safetensors"),
        ("pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"),
    ] {
        fixture.write(shard, &bytes);
        fixture.write(index, json!({"weight_map": {"logit_scale": shard}}).to_string());
        assert_eq!(fixture.convert("").unwrap().0.card.source.files[0].name, shard);
        fixture.remove(shard);
        fixture.remove(index);
    }
    fixture.write("epoch_32.pt", &bytes);
    assert_eq!(fixture.convert("epoch_32.pt").unwrap().0.family, Family::OpenClip);
    fixture.check_refusal(
        "FOLDER has no open_clip_model.safetensors, which a model in OpenCLIP layout needs: copy it there from the place the weights came from",
    );
    assert!(fixture.folder.join(CONFIG).is_file());
}
