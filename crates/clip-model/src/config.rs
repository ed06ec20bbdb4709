//! The checkpoint's configuration in the words of the tower crates, which do not know the file.

use clip_checkpoint::{
    Activation, AttentionMask, ConvActivation, ConvPadding, ConvStem, ModelConfig, Pooling,
    Probability, Projection, Stem, VisionPooling,
};
use clip_projection::{LogitsConfig, ProjectionConfig, ProjectionMlpConfig};
use clip_text::TextTransformerConfig;
use clip_vision::{ConvStageConfig, ConvStemConfig, VisionTransformerConfig};

/// Where the bias of a sigmoid starts (section 3.2 of the SigLIP paper, arXiv:2303.15343).
const BIAS: f64 = -10.0;

/// A tower and its head, which not every tower has.
type Encoder<Tower> = (Tower, Option<ProjectionConfig>);

pub(crate) fn vision(config: &ModelConfig) -> Encoder<VisionTransformerConfig> {
    let c = &config.vision;
    let stem = match c.stem {
        Stem::Normalized => clip_vision::Stem::Normalized,
        Stem::Biased => clip_vision::Stem::Biased,
        Stem::Identity => clip_vision::Stem::Identity,
    };
    let pooling = match c.pooling {
        VisionPooling::ClassToken => clip_vision::Pooling::ClassToken,
        VisionPooling::Attention => clip_vision::Pooling::Attention,
        VisionPooling::Mean => clip_vision::Pooling::Mean,
    };
    let tower = VisionTransformerConfig::new(
        c.image_size,
        c.patch_size,
        c.width,
        c.layers,
        c.heads,
        c.mlp_width,
    )
    .with_activation(activation(c.activation))
    .with_layer_norm_eps(c.layer_norm_eps)
    .with_conv_stem(c.conv_stem.as_ref().map(conv_stem))
    .with_stem(stem)
    .with_pooling(pooling);
    let sizes = [c.width, config.embed_dim];
    (tower, projection(c.projection, sizes, c.activation, c.layer_norm_eps))
}

fn conv_stem(c: &ConvStem) -> ConvStemConfig {
    let stage = |stage: &clip_checkpoint::ConvStage| {
        let clip_checkpoint::ConvStage { blocks, channels, expansion, kernel_size, stride } =
            *stage;
        ConvStageConfig::new(blocks, channels, expansion, kernel_size, stride)
    };
    let activation = match c.activation {
        ConvActivation::Relu6 => clip_vision::ConvActivation::Relu6,
    };
    let padding = match c.padding {
        ConvPadding::Same => clip_vision::ConvPadding::Same,
        ConvPadding::Symmetric => clip_vision::ConvPadding::Symmetric,
    };
    ConvStemConfig::new(c.channels, c.stages.iter().map(stage).collect())
        .with_head_channels(c.head_channels)
        .with_activation(activation)
        .with_padding(padding)
}

pub(crate) fn text(config: &ModelConfig) -> Encoder<TextTransformerConfig> {
    let c = &config.text;
    let mask = match c.mask {
        AttentionMask::Causal => clip_text::AttentionMask::Causal,
        AttentionMask::Full => clip_text::AttentionMask::Full,
    };
    let pooling = match c.pooling {
        Pooling::Argmax => clip_text::Pooling::Argmax,
        Pooling::EndToken(id) => clip_text::Pooling::EndToken(i64::from(id)),
        Pooling::Last => clip_text::Pooling::Last,
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
    .with_mask(mask)
    .with_activation(activation(c.activation))
    .with_layer_norm_eps(c.layer_norm_eps);
    let sizes = [c.width, config.embed_dim];
    (tower, projection(c.projection, sizes, c.activation, c.layer_norm_eps))
}

pub(crate) fn logits(config: &ModelConfig) -> LogitsConfig {
    let bias = match config.probability {
        Probability::Softmax => None,
        Probability::Sigmoid => Some(BIAS),
    };
    LogitsConfig::new().with_bias(bias)
}

/// The head of a tower of that width, whose nonlinearity and epsilon are the tower's.
fn projection(
    kind: Projection,
    [width, embed_dim]: [usize; 2],
    of_tower: Activation,
    layer_norm_eps: f64,
) -> Option<ProjectionConfig> {
    let linear = ProjectionConfig::new(width, embed_dim);
    match kind {
        Projection::Linear => Some(linear),
        Projection::Affine => Some(linear.with_bias(true)),
        Projection::None => None,
        Projection::ResidualMlp { hidden } => {
            let mlp = ProjectionMlpConfig::new(hidden)
                .with_activation(activation(of_tower))
                .with_layer_norm_eps(layer_norm_eps);
            Some(linear.with_mlp(Some(mlp)))
        }
    }
}

fn activation(activation: Activation) -> clip_vision::Activation {
    match activation {
        Activation::QuickGelu => clip_vision::Activation::QuickGelu,
        Activation::Gelu => clip_vision::Activation::Gelu,
        Activation::GeluTanh => clip_vision::Activation::GeluTanh,
    }
}
