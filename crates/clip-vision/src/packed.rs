//! The tower with packed weights.

use burn::module::Param;
use burn::nn::LayerNorm;
use burn::tensor::Tensor;
use clip_nn::{
    PackedPatchEmbedding, PackedQueryAttention, PackedResidualMlp, PackedTransformer, Packer,
    Pixels,
};

use crate::positions::Positions;
use crate::{AttentionPooling, VisionTransformer};

/// A [`VisionTransformer`] with packed weights, for inference.
#[derive(Debug)]
pub struct PackedVisionTransformer {
    patch_embedding: PackedPatchEmbedding,
    positions: Positions,
    ln_pre: Option<LayerNorm>,
    transformer: PackedTransformer,
    ln_post: LayerNorm,
    attn_pool: Option<PackedAttentionPooling>,
}

/// An [`AttentionPooling`] with packed weights.
#[derive(Debug)]
struct PackedAttentionPooling {
    attn: PackedQueryAttention,
    mlp: PackedResidualMlp,
}

impl AttentionPooling {
    fn pack(self, packer: Packer) -> PackedAttentionPooling {
        PackedAttentionPooling {
            attn: PackedQueryAttention::new(self.probe.val(), self.attn, packer),
            mlp: PackedResidualMlp::new(self.ln, self.layer_norm_eps, self.mlp, packer),
        }
    }
}

impl VisionTransformer {
    /// Packs the matrices, for pixels as `pixels` describes them.
    pub fn pack(self, pixels: &Pixels, packer: Packer) -> PackedVisionTransformer {
        PackedVisionTransformer {
            patch_embedding: PackedPatchEmbedding::new(self.patch_embedding, pixels, packer),
            positions: Positions {
                class: self.class_embedding.as_ref().map(Param::val),
                positions: self.positional_embedding.val(),
            },
            ln_pre: self.ln_pre,
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
        let tokens = self.embed(pixels);
        let tokens = match &self.ln_pre {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        };
        match &self.attn_pool {
            Some(PackedAttentionPooling { attn, mlp }) => {
                mlp.forward(attn.forward(self.ln_post.forward(self.transformer.forward(tokens))))
            }
            // Of the last block only the class token is read.
            None => {
                let [batch, ..] = tokens.dims();
                let class = Tensor::zeros([batch], &tokens.device());
                self.ln_post.forward(self.transformer.forward_token(tokens, class))
            }
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
        self.positions.place(self.patch_embedding.forward(pixels), batch, None)
    }
}
