//! What the card says of a model without any configuration.

use clip_checkpoint::{
    Activation, AttentionMask, Interpolation, ModelConfig, Pooling, PreprocessConfig,
    PreprocessMode, Probability, Projection, ResizeMode, Stem, TextConfig, TokenizerConfig,
    TokenizerMode, VisionConfig, VisionPooling,
};
use clip_weights::{Family, Options};

use super::{Fixture, quick_gelu, unpacked};

/// `SIZES` in `tests/scripts/openai_pt.py`.
fn config(activation: Activation) -> ModelConfig {
    ModelConfig {
        embed_dim: 24,
        vision: VisionConfig {
            image_size: 12,
            patch_size: 4,
            width: 64,
            layers: 2,
            heads: 1,
            mlp_width: 256,
            activation,
            layer_norm_eps: 1e-5,
            conv_stem: None,
            stem: Stem::Normalized,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Linear,
        },
        text: TextConfig {
            context_length: 7,
            vocab_size: 40,
            width: 64,
            layers: 1,
            heads: 1,
            mlp_width: 256,
            activation,
            layer_norm_eps: 1e-5,
            pooling: Pooling::Argmax,
            mask: AttentionMask::Causal,
            projection: Projection::Linear,
        },
        probability: Probability::Softmax,
    }
}

#[test]
fn the_card_is_openais() {
    let fixture = Fixture::committed("torchscript.pt");
    let (summary, checkpoint) = fixture.convert(&Options::default()).unwrap();
    assert_eq!(summary.family, Family::OpenAi);
    let card = checkpoint.card();
    assert_eq!((&*card.name, &*card.source.origin), ("torchscript", "torchscript.pt"));
    assert_eq!(card.source.files[0].name, "torchscript.pt");
    assert_eq!(card.license, None);
    assert_eq!(card.config, config(Activation::QuickGelu));
    assert_eq!(
        card.preprocess,
        PreprocessConfig {
            mode: PreprocessMode::Openai,
            resize: ResizeMode::Shortest,
            resize_size: 12,
            interpolation: Interpolation::Bicubic,
            crop_size: 12,
            mean: PreprocessConfig::OPENAI_MEAN,
            std: PreprocessConfig::OPENAI_STD,
        }
    );
    let mode = TokenizerMode::Openai;
    assert_eq!(card.tokenizer, TokenizerConfig::clip(mode, 38, 39, 0));
}

/// OpenCLIP's models with GELU have the same tensors, so a plain state dict is not guessed at.
#[test]
fn the_activation_comes_from_the_file_before_the_options() {
    use Activation::{Gelu, QuickGelu};
    let check = |file: &str, given: Option<Activation>, expected: Option<Activation>| {
        let options = Options { activation: given, ..Options::default() };
        let converted = Fixture::committed(file).convert(&options);
        match expected {
            Some(activation) => {
                let (_, checkpoint) = converted.unwrap();
                assert_eq!(checkpoint.card().config, config(activation), "{file}, {given:?}");
            }
            None => assert_eq!(
                converted.err().unwrap(),
                format!(
                    "{file} does not say which activation the model was trained with: say quick-gelu for OpenAI's models and those trained on from them, or what its authors say; OpenCLIP's models say it in open_clip_config.json, which belongs beside the file"
                )
            ),
        }
    };
    check("torchscript.pt", Some(Gelu), Some(QuickGelu));
    check("module.pt", None, Some(QuickGelu));
    check("module.pt", Some(Gelu), Some(QuickGelu));
    check("state-dict.pt", None, None);
    check("state-dict.pt", Some(QuickGelu), Some(QuickGelu));
    check("state-dict.pt", Some(Gelu), Some(Gelu));
    check("state-dict.safetensors", None, None);
}

/// The format is in the first bytes, and the family in the names of the tensors.
#[test]
fn files_are_told_apart_by_what_is_in_them() {
    for name in ["model", "pytorch_model.bin", "model.safetensors", "ViT-B-32.json.pt"] {
        let fixture = Fixture::new(name, &unpacked("torchscript.pt"));
        let (summary, _) = fixture.convert(&Options::default()).unwrap();
        assert_eq!(summary.family, Family::OpenAi, "{name}");
    }
    let fixture = Fixture::new("ViT-B-32.pt", &unpacked("state-dict.safetensors"));
    assert_eq!(fixture.convert(&quick_gelu()).unwrap().1.card().name, "ViT-B-32");
}
