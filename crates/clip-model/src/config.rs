//! The checkpoint's configuration in the words of the tower crates, which do not know the file.

use clip_checkpoint::{Activation, ModelConfig, Pooling};
use clip_projection::ProjectionConfig;
use clip_text::TextTransformerConfig;
use clip_vision::VisionTransformerConfig;

pub(crate) fn vision(config: &ModelConfig) -> (VisionTransformerConfig, ProjectionConfig) {
    let c = &config.vision;
    let tower = VisionTransformerConfig::new(
        c.image_size,
        c.patch_size,
        c.width,
        c.layers,
        c.heads,
        c.mlp_width,
    )
    .with_activation(activation(c.activation))
    .with_layer_norm_eps(c.layer_norm_eps);
    (tower, ProjectionConfig::new(c.width, config.embed_dim))
}

pub(crate) fn text(config: &ModelConfig) -> (TextTransformerConfig, ProjectionConfig) {
    let c = &config.text;
    let pooling = match c.pooling {
        Pooling::Argmax => clip_text::Pooling::Argmax,
        Pooling::EndToken(id) => clip_text::Pooling::EndToken(i64::from(id)),
    };
    let tower = TextTransformerConfig::new(
        c.context_length,
        c.vocab_size,
        c.width,
        c.layers,
        c.heads,
        c.mlp_width,
        pooling,
    )
    .with_activation(activation(c.activation))
    .with_layer_norm_eps(c.layer_norm_eps);
    (tower, ProjectionConfig::new(c.width, config.embed_dim))
}

fn activation(activation: Activation) -> clip_vision::Activation {
    match activation {
        Activation::QuickGelu => clip_vision::Activation::QuickGelu,
        Activation::Gelu => clip_vision::Activation::Gelu,
    }
}
