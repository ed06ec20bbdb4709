//! The tower with packed weights.

use burn::module::Param;
use burn::nn::LayerNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use clip_nn::{
    BlockLayers, PackedConvStem, PackedLinear, PackedPatchEmbedding, PackedQueryAttention,
    PackedResidualMlp, PackedTokens, PackedTransformer, Packer, Pixels,
};

use crate::tower::cut;
use crate::{AttentionPooling, ConvActivation, ConvStem, InvertedResidual, VisionTransformer};

/// A [`VisionTransformer`] with packed weights, for inference.
#[derive(Debug)]
pub struct PackedVisionTransformer {
    embedding: Embedding,
    tokens: PackedTokens,
    transformer: PackedTransformer,
    ln_post: Option<LayerNorm>,
    attn_pool: Option<PackedAttentionPooling>,
}

/// From pixels to embedded patches.
#[derive(Debug)]
enum Embedding {
    /// Patches of the pixels.
    Pixels(PackedPatchEmbedding),
    /// Patches of a stem's feature map, of that side; positions as they are without a linear layer.
    Map { stem: PackedConvStem, linear: Option<PackedLinear>, side: usize },
}

/// An [`AttentionPooling`] with packed weights.
#[derive(Debug)]
struct PackedAttentionPooling {
    attn: PackedQueryAttention,
    mlp: PackedResidualMlp,
}

impl ConvStem {
    /// Packs the 1×1 convolutions.
    pub fn pack(self, packer: Packer) -> PackedConvStem {
        let ConvActivation::Relu6 = self.activation;
        let layers = |InvertedResidual { expand, depthwise, project, .. }| BlockLayers {
            expand,
            depthwise,
            project,
        };
        let blocks = self.blocks.into_iter().map(layers).collect();
        PackedConvStem::new(self.conv, blocks, self.head, self.padding.into(), packer)
    }
}

impl AttentionPooling {
    fn pack(self, packer: Packer) -> PackedAttentionPooling {
        PackedAttentionPooling {
            attn: PackedQueryAttention::new(self.probe.val(), self.attn, packer),
            mlp: PackedResidualMlp::new(self.ln, self.layer_norm_eps, self.mlp, packer),
        }
    }
}

impl Embedding {
    #[cfg_attr(
        not(feature = "flex"),
        expect(unused_variables, reason = "nothing is packed in such a build")
    )]
    fn new(
        stem: Option<ConvStem>,
        patches: Option<Conv2d>,
        pixels: &Pixels,
        packer: Packer,
    ) -> Self {
        let (stem, patches) = match (stem, patches) {
            (Some(stem), patches) => (stem.pack(packer), patches),
            (None, Some(patches)) => {
                return Self::Pixels(PackedPatchEmbedding::new(patches, pixels, packer));
            }
            (None, None) => unreachable!("patches of pixels are embedded"),
        };
        let Some(Conv2d { weight, bias, .. }) = patches else {
            return Self::Map { stem, linear: None, side: 1 };
        };
        let [width, channels, side, _] = weight.lazy_shape().dims();
        let matrix = weight.val().reshape([width, channels * side * side]).transpose();
        let linear = PackedLinear::new(Param::from_tensor(matrix), bias, packer);
        Self::Map { stem, linear: Some(linear), side }
    }

    /// One row a patch.
    fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Pixels(patches) => patches.forward(pixels),
            Self::Map { stem, linear, side } => {
                let map = stem.forward(pixels);
                let [batch, rows, columns, channels] = map.dims();
                // A position is a row already.
                if *side == 1 {
                    return embed(linear, map.reshape([batch * rows * columns, channels]));
                }
                let patches = cut(map.permute([0, 3, 1, 2]), *side);
                let [_, count, values] = patches.dims();
                embed(linear, patches.reshape([batch * count, values]))
            }
        }
    }

    /// The embedding of the mean of all patches, which is the mean of their embeddings; nothing where it
    /// is not known more cheaply.
    fn forward_mean(&self, pixels: &Tensor<4>) -> Option<Tensor<2>> {
        match self {
            Self::Map { stem, linear, side: 1 } => {
                let map = stem.forward(pixels.clone());
                let [batch, rows, columns, channels] = map.dims();
                let mean = map.reshape([batch, rows * columns, channels]).mean_dim(1);
                Some(embed(linear, mean.squeeze_dim(1)))
            }
            _ => None,
        }
    }
}

/// Rows through a linear layer, where there is one.
fn embed(linear: &Option<PackedLinear>, rows: Tensor<2>) -> Tensor<2> {
    match linear {
        Some(linear) => linear.forward(rows),
        None => rows,
    }
}

impl VisionTransformer {
    /// Packs the matrices, for pixels as `pixels` describes them.
    #[cfg_attr(
        not(feature = "flex"),
        expect(unused_variables, reason = "nothing is packed in such a build")
    )]
    pub fn pack(self, pixels: &Pixels, packer: Packer) -> PackedVisionTransformer {
        let class = self.class_embedding.as_ref().map(Param::val);
        let positions = self.positional_embedding.as_ref().map(Param::val);
        let ln_pre = self.ln_pre.map(|norm| (norm, self.layer_norm_eps));
        PackedVisionTransformer {
            embedding: Embedding::new(self.conv_stem, self.patch_embedding, pixels, packer),
            tokens: PackedTokens::new(class, positions, ln_pre, packer),
            transformer: self.transformer.pack(packer),
            ln_post: self.ln_post,
            attn_pool: self.attn_pool.map(|pool| pool.pack(packer)),
        }
    }
}

impl PackedVisionTransformer {
    /// Pooled features of each image.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized, `H` and `W` the configured size
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where the images are of another size.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        if self.tokens.is_identity()
            && let Some(mean) = self.embedding.forward_mean(&pixels)
        {
            return mean;
        }
        let [batch, ..] = pixels.dims();
        let tokens = self.tokens.enter(self.embedding.forward(pixels), batch);
        match (&self.attn_pool, self.tokens.has_class()) {
            (Some(PackedAttentionPooling { attn, mlp }), _) => {
                mlp.forward(attn.forward(self.leave(self.transformer.forward(tokens))))
            }
            // Of the last block only the class token is read.
            (None, true) => {
                let class = Tensor::zeros([batch], &tokens.device());
                self.leave(self.transformer.forward_token(tokens, class))
            }
            (None, false) => {
                self.leave(self.transformer.forward(tokens)).mean_dim(1).squeeze_dim(1)
            }
        }
    }

    /// Tokens through the last layer norm, where there is one.
    fn leave<const D: usize>(&self, tokens: Tensor<D>) -> Tensor<D> {
        match &self.ln_post {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        }
    }

    /// The class token, where there is one, and one token a patch, with positions.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B, L, width]`
    ///
    /// # Panics
    ///
    /// Where the images are of another size.
    pub fn embed(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [batch, ..] = pixels.dims();
        self.tokens.place(self.embedding.forward(pixels), batch)
    }
}
