//! Architectures of published models, as data: a new variant is a row.
//!
//! Figures: table 20 of the CLIP paper (Radford et al. 2021, arXiv:2103.00020). The presets use
//! OpenAI's QuickGELU and argmax pooling; converted checkpoints never read this table.

use crate::{
    Activation, AttentionMask, ConvActivation, ConvPadding, ConvStage, ConvStem, ModelConfig,
    Pooling, Probability, Projection, Stem, TextConfig, VisionConfig, VisionPooling,
};

/// Name and architecture of each published model, smallest first.
pub const PRESETS: &[(&str, ModelConfig)] = &[
    ("ViT-B-32", openai(512, vit(224, 32, 768, 12), text(512, 8))),
    ("ViT-B-16", openai(512, vit(224, 16, 768, 12), text(512, 8))),
    ("ViT-L-14", openai(768, vit(224, 14, 1024, 24), text(768, 12))),
    ("ViT-L-14-336", openai(768, vit(336, 14, 1024, 24), text(768, 12))),
];

/// The architecture of that name.
pub fn find(name: &str) -> Option<&'static ModelConfig> {
    PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, config)| config)
}

const fn openai(embed_dim: usize, vision: VisionConfig, text: TextConfig) -> ModelConfig {
    ModelConfig { embed_dim, vision, text, probability: Probability::Softmax }
}

const fn vit(image_size: usize, patch_size: usize, width: usize, layers: usize) -> VisionConfig {
    VisionConfig {
        image_size,
        patch_size,
        width,
        layers,
        heads: width / 64,
        mlp_width: 4 * width,
        activation: Activation::QuickGelu,
        layer_norm_eps: 1e-5,
        conv_stem: None,
        stem: Stem::Normalized,
        pooling: VisionPooling::ClassToken,
        projection: Projection::Linear,
    }
}

const fn text(width: usize, heads: usize) -> TextConfig {
    TextConfig {
        context_length: 77,
        vocab_size: 49_408,
        width,
        layers: 12,
        heads,
        mlp_width: 4 * width,
        activation: Activation::QuickGelu,
        layer_norm_eps: 1e-5,
        mask: AttentionMask::Causal,
        pooling: Pooling::Argmax,
        projection: Projection::Linear,
    }
}

/// Stages of EfficientNet-B0, from which the others follow by multipliers: blocks, channels, expansion,
/// kernel size, stride (Tan and Le 2019, arXiv:1905.11946, table 1).
const EFFICIENTNET: [[usize; 5]; 7] = [
    [1, 16, 1, 3, 1],
    [2, 24, 6, 3, 2],
    [2, 40, 6, 5, 2],
    [3, 80, 6, 3, 2],
    [3, 112, 6, 5, 1],
    [4, 192, 6, 5, 2],
    [1, 320, 6, 3, 1],
];

/// EfficientNet-Lite0 up to the features that its classifier reads, for 224 pixels.
pub fn efficientnet_lite0() -> ConvStem {
    efficientnet(EFFICIENTNET.map(|[blocks, channels, ..]| [blocks, channels]))
}

/// EfficientNet-Lite2 (widths times 1.1, depths times 1.2), for 260 pixels.
pub fn efficientnet_lite2() -> ConvStem {
    efficientnet([[1, 16], [3, 24], [3, 48], [4, 88], [4, 120], [5, 208], [1, 352]])
}

/// An EfficientNet-Lite (<https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>)
/// with blocks and channels of each stage: no squeeze and excitation, ReLU6, and the first convolution
/// and the head are those of B0 whatever the multipliers.
pub fn efficientnet(stages: [[usize; 2]; 7]) -> ConvStem {
    let rows = stages.into_iter().zip(EFFICIENTNET);
    let stages = rows.map(|([blocks, channels], [_, _, expansion, kernel_size, stride])| {
        ConvStage { blocks, channels, expansion, kernel_size, stride }
    });
    ConvStem {
        channels: 32,
        stages: stages.collect(),
        head_channels: Some(1280),
        activation: ConvActivation::Relu6,
        padding: ConvPadding::Same,
    }
}
