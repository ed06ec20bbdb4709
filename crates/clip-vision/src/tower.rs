//! The tower.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Int, Tensor, assert_shape, s};
use clip_nn::{Activation, Transformer, TransformerConfig};

/// Configuration of [`VisionTransformer`].
#[derive(Config, Debug)]
pub struct VisionTransformerConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of one square patch in pixels; a remainder at the right and bottom edge is ignored.
    pub patch_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; they divide the width evenly.
    pub heads: usize,
    /// Width of the hidden layer of each MLP.
    pub mlp_width: usize,
    /// Nonlinearity of each MLP.
    #[config(default = "Activation::QuickGelu")]
    pub activation: Activation,
    /// Epsilon of every layer norm.
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
}

/// The ViT tower.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    /// One product a patch: `[W, 3, P, P]`.
    pub patch_embedding: Conv2d,
    /// The token that will stand for the whole picture: `[W]`.
    pub class_embedding: Param<Tensor<1>>,
    /// One vector for the class token and each patch: `[1 + N, W]`.
    pub positional_embedding: Param<Tensor<2>>,
    /// Before the blocks.
    pub ln_pre: LayerNorm,
    /// The blocks.
    pub transformer: Transformer,
    /// Over the class token, after the blocks.
    pub ln_post: LayerNorm,
}

impl VisionTransformerConfig {
    /// Builds the tower; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly, or a patch is larger than the picture.
    pub fn init(&self, device: &Device) -> VisionTransformer {
        let patch = [self.patch_size; 2];
        let grid = self.image_size / self.patch_size;
        assert!(grid > 0, "a patch of {patch:?} does not fit a picture of {}", self.image_size);
        let scale = Initializer::Normal { mean: 0.0, std: (self.width as f64).powf(-0.5) };
        let norm = LayerNormConfig::new(self.width).with_epsilon(self.layer_norm_eps);
        VisionTransformer {
            patch_embedding: Conv2dConfig::new([3, self.width], patch)
                .with_stride(patch)
                .with_bias(false)
                .init(device),
            class_embedding: scale.init([self.width], device),
            positional_embedding: scale.init([grid * grid + 1, self.width], device),
            ln_pre: norm.init(device),
            transformer: TransformerConfig::new(
                self.width,
                self.layers,
                self.heads,
                self.mlp_width,
            )
            .with_activation(self.activation)
            .with_layer_norm_eps(self.layer_norm_eps)
            .init(device),
            ln_post: norm.init(device),
        }
    }
}

impl VisionTransformer {
    /// Pooled features of each picture.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized, `H` and `W` the configured size
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where the pictures are of another size.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let tokens = self.ln_pre.forward(self.embed(pixels));
        self.pool(self.transformer.forward(tokens))
    }

    /// The class token and one token a patch, with positions, before the first layer norm.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B, 1 + N, width]`
    ///
    /// # Panics
    ///
    /// Where the pictures are of another size.
    pub fn embed(&self, pixels: Tensor<4>) -> Tensor<3> {
        self.embed_patches(self.patches(pixels), None)
    }

    /// Pooled features of pictures of which only some patches are there, as in training with
    /// dropped patches (FLIP, Li et al. 2023, arXiv:2212.00794).
    ///
    /// # Shapes
    ///
    /// - `patches`: `[B, K, 3·P·P]`, as [`VisionTransformer::patches`] cuts them
    /// - `kept`: `[B, K]`, the number of each patch; nothing where all are there, in order
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where the patches have another size, or all are to be there and are not.
    pub fn forward_patches(&self, patches: Tensor<3>, kept: Option<Tensor<2, Int>>) -> Tensor<2> {
        let tokens = self.ln_pre.forward(self.embed_patches(patches, kept));
        self.pool(self.transformer.forward(tokens))
    }

    /// Pictures cut into patches, row by row; each patch is channels, rows, columns.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B, N, 3·P·P]`
    ///
    /// # Panics
    ///
    /// Where the pictures do not have three channels.
    pub fn patches(&self, pixels: Tensor<4>) -> Tensor<3> {
        assert_shape!(pixels, [_, 3, _, _]);
        let [_, _, side, _] = self.patch_embedding.weight.dims();
        let [batch, _, height, width] = pixels.dims();
        let (rows, columns) = (height / side, width / side);
        // A remainder at the right and bottom edge is ignored, as a convolution ignores it.
        pixels
            .slice(s![.., .., 0..rows * side, 0..columns * side])
            .reshape([batch, 3, rows, side, columns, side])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, rows * columns, 3 * side * side])
    }

    fn embed_patches(&self, patches: Tensor<3>, kept: Option<Tensor<2, Int>>) -> Tensor<3> {
        let [tokens, width] = self.positional_embedding.dims();
        let [batch, count, values] = patches.dims();
        if kept.is_none() {
            assert_shape!(patches, [batch, tokens - 1, values]);
        }
        // The convolution's stride is its size: it is one product a patch.
        let weight = self.patch_embedding.weight.val().reshape([width, values]).transpose();
        let patches = patches.reshape([batch * count, values]).matmul(weight);
        let positions = self.positional_embedding.val();
        let class = self.class_embedding.val().reshape([1, 1, width])
            + positions.clone().slice(s![0..1, ..]).unsqueeze();
        let positions = match kept {
            Some(kept) => positions.select(0, kept.reshape([batch * count]) + 1),
            None => positions
                .slice(s![1.., ..])
                .unsqueeze::<3>()
                .expand([batch, count, width])
                .reshape([batch * count, width]),
        };
        let patches = (patches + positions).reshape([batch, count, width]);
        Tensor::cat(vec![class.expand([batch, 1, width]), patches], 1)
    }

    /// The normalized class token.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, 1 + N, width]`
    /// - output: `[B, width]`
    pub fn pool(&self, tokens: Tensor<3>) -> Tensor<2> {
        self.ln_post.forward(tokens.select_dim::<2>(1, 0))
    }
}
