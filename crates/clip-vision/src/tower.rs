//! The tower.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::module::linear;
use burn::tensor::{Device, Int, Tensor, assert_shape, s};
use clip_nn::{Activation, Transformer, TransformerConfig};

use crate::positions::Positions;
use crate::{AttentionPooling, AttentionPoolingConfig, ConvStem, ConvStemConfig, Pooling, Stem};

/// Configuration of [`VisionTransformer`].
#[derive(Config, Debug)]
pub struct VisionTransformerConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Side of one square patch in pixels; a remainder at the right and bottom edge is ignored. Above
    /// convolutions it is a multiple of their stride.
    pub patch_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of blocks; 0 where tokens are pooled as they are.
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
    /// Convolutions that make a feature map of the pixels, where patches are cut from one.
    pub conv_stem: Option<ConvStemConfig>,
    /// How patches become the tokens that enter the blocks.
    #[config(default = "Stem::Normalized")]
    pub stem: Stem,
    /// What stands for the whole picture.
    #[config(default = "Pooling::ClassToken")]
    pub pooling: Pooling,
}

/// The ViT tower.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    /// What patches are cut from is a feature map, where there is a stem, and the pixels otherwise.
    pub conv_stem: Option<ConvStem>,
    /// One product a patch: `[W, 3, P, P]`, or `[W, C, P, P]` above a stem, `P` in positions of its map.
    /// There is none with [`Stem::Identity`].
    pub patch_embedding: Option<Conv2d>,
    /// The token that will stand for the whole picture, where one does: `[W]`.
    pub class_embedding: Option<Param<Tensor<1>>>,
    /// One vector for the class token, where there is one, and for each patch: `[L, W]`. There are none
    /// where a mean without blocks would not see them.
    pub positional_embedding: Option<Param<Tensor<2>>>,
    /// Before the blocks, with [`Stem::Normalized`].
    pub ln_pre: Option<LayerNorm>,
    /// The blocks.
    pub transformer: Transformer,
    /// After the blocks, where there are any.
    pub ln_post: Option<LayerNorm>,
    /// What gathers the tokens, with [`Pooling::Attention`].
    pub attn_pool: Option<AttentionPooling>,
}

impl VisionTransformerConfig {
    /// Builds the tower; parameters are drawn when they are first used.
    ///
    /// # Panics
    ///
    /// Where the heads do not divide the width evenly, a patch is larger than the picture or no whole
    /// number of positions of a feature map, there is a class token without a block to see it, or tokens
    /// are to be positions of a feature map of another width.
    pub fn init(&self, device: &Device) -> VisionTransformer {
        let (channels, side, map) = match &self.conv_stem {
            Some(stem) => {
                let (size, stride) = (self.patch_size, stem.stride());
                assert!(size.is_multiple_of(stride), "patches of {size} pixels, {stride} apart");
                (stem.output_channels(), size / stride, stem.map_size(self.image_size))
            }
            None => (3, self.patch_size, self.image_size),
        };
        let (patch, grid) = ([side; 2], map / side);
        assert!(grid > 0, "a patch of {patch:?} does not fit a picture of {map}");
        let scale = Initializer::Normal { mean: 0.0, std: (self.width as f64).powf(-0.5) };
        let norm = LayerNormConfig::new(self.width).with_epsilon(self.layer_norm_eps);
        let has_class = self.pooling == Pooling::ClassToken;
        assert!(self.layers > 0 || !has_class, "a class token that no block sees");
        let has_positions = self.layers > 0 || self.pooling != Pooling::Mean;
        let tokens = grid * grid + usize::from(has_class);
        let is_embedded = self.stem != Stem::Identity;
        assert!(
            is_embedded || self.conv_stem.is_some() && (channels, side) == (self.width, 1),
            "tokens as wide as a feature map"
        );
        let patch_embedding = || {
            Conv2dConfig::new([channels, self.width], patch)
                .with_stride(patch)
                .with_bias(self.stem == Stem::Biased)
                .init(device)
        };
        let attn_pool = || {
            AttentionPoolingConfig::new(self.width, self.heads, self.mlp_width)
                .with_activation(self.activation)
                .with_layer_norm_eps(self.layer_norm_eps)
                .init(device)
        };
        VisionTransformer {
            conv_stem: self.conv_stem.as_ref().map(|stem| stem.init(device)),
            patch_embedding: is_embedded.then(patch_embedding),
            class_embedding: has_class.then(|| scale.init([self.width], device)),
            positional_embedding: has_positions.then(|| scale.init([tokens, self.width], device)),
            ln_pre: (self.stem == Stem::Normalized).then(|| norm.init(device)),
            transformer: TransformerConfig::new(
                self.width,
                self.layers,
                self.heads,
                self.mlp_width,
            )
            .with_activation(self.activation)
            .with_layer_norm_eps(self.layer_norm_eps)
            .init(device),
            ln_post: (self.layers > 0).then(|| norm.init(device)),
            attn_pool: (self.pooling == Pooling::Attention).then(attn_pool),
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
        self.run(self.embed(pixels))
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
    /// Where the pictures are of another size.
    pub fn embed(&self, pixels: Tensor<4>) -> Tensor<3> {
        self.embed_patches(self.patches(pixels), None)
    }

    /// Pooled features of pictures of which only some patches are there, as in training with
    /// dropped patches (FLIP, Li et al. 2023, arXiv:2212.00794).
    ///
    /// # Shapes
    ///
    /// - `patches`: `[B, K, C·P·P]`, as [`VisionTransformer::patches`] cuts them
    /// - `kept`: `[B, K]`, the number of each patch; nothing where all are there, in order
    /// - output: `[B, width]`
    ///
    /// # Panics
    ///
    /// Where the patches have another size, or all are to be there and are not.
    pub fn forward_patches(&self, patches: Tensor<3>, kept: Option<Tensor<2, Int>>) -> Tensor<2> {
        self.run(self.embed_patches(patches, kept))
    }

    /// From embedded tokens to the answer.
    fn run(&self, tokens: Tensor<3>) -> Tensor<2> {
        let tokens = self.enter(tokens);
        match (&self.class_embedding, &self.ln_post) {
            // Of the last block only the class token is read.
            (Some(_), Some(norm)) => {
                let [batch, ..] = tokens.dims();
                let class = Tensor::zeros([batch], &tokens.device());
                norm.forward(self.transformer.forward_token(tokens, class))
            }
            _ => self.pool(self.transformer.forward(tokens)),
        }
    }

    /// Embedded tokens as they enter the blocks: through the first layer norm, where there is one.
    ///
    /// # Shapes
    ///
    /// - `tokens`, output: `[B, L, width]`
    pub fn enter(&self, tokens: Tensor<3>) -> Tensor<3> {
        match &self.ln_pre {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        }
    }

    /// Pictures cut into patches, row by row; each patch is channels, rows, columns. Above a stem, which
    /// runs first, they are of its feature map.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - output: `[B, N, C·P·P]`, `C` channels of the pixels or of the map
    ///
    /// # Panics
    ///
    /// Where the pictures do not have three channels.
    pub fn patches(&self, pixels: Tensor<4>) -> Tensor<3> {
        assert_shape!(pixels, [_, 3, _, _]);
        let map = match &self.conv_stem {
            Some(stem) => stem.forward(pixels),
            None => pixels,
        };
        cut(map, self.patch_side())
    }

    /// Side of a patch in what it is cut from: in pixels, or above a stem in positions of its map.
    pub fn patch_side(&self) -> usize {
        self.patch_embedding.as_ref().map_or(1, |Conv2d { weight, .. }| {
            let [_, _, side, _] = weight.lazy_shape().dims();
            side
        })
    }

    fn embed_patches(&self, patches: Tensor<3>, kept: Option<Tensor<2, Int>>) -> Tensor<3> {
        let [batch, count, values] = patches.dims();
        let mut patches = patches.reshape([batch * count, values]);
        if let Some(Conv2d { weight, bias, .. }) = &self.patch_embedding {
            // The convolution's stride is its size: it is one product.
            let [width, ..] = weight.dims();
            let weight = weight.val().reshape([width, values]).transpose();
            patches = linear(patches, weight, bias.as_ref().map(Param::val));
        }
        let positions = Positions {
            class: self.class_embedding.as_ref().map(Param::val),
            positions: self.positional_embedding.as_ref().map(Param::val),
        };
        positions.place(patches, batch, kept)
    }

    /// What stands for each picture: the normalized class token, or the mean of all normalized tokens
    /// or what gathers them. Without blocks there is no norm.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, L, width]`
    /// - output: `[B, width]`
    pub fn pool(&self, tokens: Tensor<3>) -> Tensor<2> {
        match (&self.attn_pool, &self.class_embedding) {
            (Some(pool), _) => pool.forward(self.leave(tokens)),
            // The norm works token by token: one is enough.
            (None, Some(_)) => self.leave(tokens.slice(s![.., 0..1, ..])).squeeze_dim(1),
            (None, None) => self.leave(tokens).mean_dim(1).squeeze_dim(1),
        }
    }

    /// Tokens through the last layer norm, where there is one.
    fn leave(&self, tokens: Tensor<3>) -> Tensor<3> {
        match &self.ln_post {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        }
    }

    /// As [`Self::pool`]; where it is by attention, the weights pass through `through`: see
    /// [`AttentionPooling::forward_through`].
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[B, L, width]`
    /// - weights: `[B, heads, 1, L]`
    /// - output: `[B, width]`
    pub fn pool_through(
        &self,
        tokens: Tensor<3>,
        through: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        match &self.attn_pool {
            Some(pool) => pool.forward_through(self.leave(tokens), through),
            None => self.pool(tokens),
        }
    }
}

/// Patches of a map, row by row; each is channels, rows, columns.
///
/// # Shapes
///
/// - `map`: `[B, C, H, W]`
/// - output: `[B, N, C·side·side]`
pub(crate) fn cut(map: Tensor<4>, side: usize) -> Tensor<3> {
    let [batch, channels, height, width] = map.dims();
    let (rows, columns) = (height / side, width / side);
    // A remainder at the right and bottom edge is ignored, as a convolution ignores it.
    map.slice(s![.., .., 0..rows * side, 0..columns * side])
        .reshape([batch, channels, rows, side, columns, side])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([batch, rows * columns, channels * side * side])
}
