//! Architectures of the published ViT models, as data: a new variant is a row.
//!
//! Figures: table 20 of the CLIP paper (Radford et al. 2021, arXiv:2103.00020). The presets use
//! OpenAI's QuickGELU and argmax pooling; converted checkpoints never read this table.

use crate::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
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
