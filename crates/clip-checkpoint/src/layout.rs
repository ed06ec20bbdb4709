//! Names and shapes of the canonical tensors.
//!
//! A name is the path of the parameter in our modules, so that filling a module needs no table.
//! Matrices are stored `[input, output]`, the layout that `x · W` reads.

use crate::dtype::ScaleAxis;
use crate::{
    ConvStem, Dtype, ModelConfig, Probability, Projection, Stem, TextConfig, VisionConfig,
    VisionPooling,
};

/// The half of the model that a tensor belongs to; each half can be loaded without the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tower {
    /// The picture tower and its projection head.
    Vision,
    /// The text tower and its projection head.
    Text,
    /// What relates the two: the logit scale.
    Both,
}

/// Name and shape of one canonical tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Path of the parameter, such as `visual.ln_pre.gamma`.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The half it belongs to.
    pub tower: Tower,
}

impl TensorSpec {
    /// Number of values.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes that it takes in a file of that number format, scales included.
    pub fn bytes(&self, dtype: Dtype) -> usize {
        let format = self.format(dtype);
        let scales = match (format, self.scales()) {
            (Dtype::Int8, Some((_, columns))) => columns * Dtype::F32.size(),
            _ => 0,
        };
        self.elements() * format.size() + scales
    }

    /// Number format of this tensor in a file of that one.
    pub fn format(&self, dtype: Dtype) -> Dtype {
        match dtype {
            Dtype::Int8 if self.scales().is_none() || self.is_small_convolution() => Dtype::F16,
            // A usual logit scale (its logarithm is 4.6) would move by up to 1.6 %, which all
            // probabilities depend on.
            Dtype::Bf16 if self.tower == Tower::Both => Dtype::F32,
            // Depthwise kernels sum few products and nothing normalizes after them: with 8 bits for the
            // digits of kernels and biases EfficientNet-Lite0's vectors turn to a cosine of 0.997, with
            // those of its matrices alone to 0.9998.
            Dtype::Bf16 if self.is_of_stem() && !self.is_matrix() => Dtype::F16,
            dtype => dtype,
        }
    }

    /// Whether it is the matrix of a linear layer: of a block, of the attention that pools, or of a
    /// projection. The first of a tower is that of a block.
    fn is_matrix(&self) -> bool {
        let is_looked_up = self.name == TOKEN_EMBEDDING;
        self.shape.len() == 2 && self.name.ends_with(".weight") && !is_looked_up
    }

    /// Whether its number format is that of its tower: see [`crate::Checkpoint::dtype_of`].
    pub(crate) fn tells_format(&self) -> bool {
        self.is_matrix() && !self.is_small_convolution()
    }

    fn is_of_stem(&self) -> bool {
        self.name.starts_with(CONV_STEM)
    }

    fn is_small_convolution(&self) -> bool {
        self.is_of_stem() && self.elements() < SMALL_CONVOLUTION
    }

    /// Name and length of the scales that go with it in 8 bits (a name that others use too, such as
    /// `compressed-tensors`); none for what 8 bits do not store: all but [matrices](Self::is_matrix),
    /// depthwise convolutions and the token embedding.
    pub(crate) fn scales(&self) -> Option<(String, usize)> {
        let count = match ScaleAxis::of(&self.name) {
            ScaleAxis::Rows => self.shape.first(),
            ScaleAxis::Columns => self.shape.last().filter(|_| self.is_matrix()),
        };
        Some((scales_of(&self.name), *count?))
    }

    /// The values as a file of that number format gives them back.
    ///
    /// # Panics
    ///
    /// Where they are not as many as the tensor has.
    pub fn rounded(&self, values: &[f32], dtype: Dtype) -> Vec<f32> {
        assert_eq!(values.len(), self.elements(), "values of {}", self.name);
        let round = |format: Dtype, values: &[f32]| {
            let mut bytes = Vec::with_capacity(values.len() * format.size());
            format.encode(values, &mut bytes);
            format.decode(&bytes)
        };
        match (self.format(dtype), self.scales()) {
            (Dtype::Int8, Some((_, count))) => {
                let (axis, mut values) = (ScaleAxis::of(&self.name), values.to_vec());
                let scales = axis.scales(&values, count);
                axis.apply(&mut values, &scales, |value, scale| *value /= scale);
                let mut values = round(Dtype::Int8, &values);
                axis.apply(&mut values, &scales, |value, scale| *value *= scale);
                values
            }
            (format, _) => round(format, values),
        }
    }
}

impl ScaleAxis {
    /// Which values of the tensor of that name share a scale, where it is stored in 8 bits.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            TOKEN_EMBEDDING => Self::Rows,
            _ if name.ends_with(".depthwise.weight") => Self::Rows,
            _ => Self::Columns,
        }
    }
}

pub(crate) const TOKEN_EMBEDDING: &str = "text.token_embedding.weight";

const CONV_STEM: &str = "visual.conv_stem.";

/// Convolutions of a stem with fewer values than these keep 16 bits where others have 8. They are the
/// first, and all that follows inherits their errors: 8 bits in these 88 kB of EfficientNet-Lite0 turn the
/// features of some image to a cosine of 0.998.
const SMALL_CONVOLUTION: usize = 8192;

/// Name of the scales of a matrix in 8 bits.
pub(crate) fn scales_of(matrix: &str) -> String {
    format!("{matrix}_scale")
}

/// All tensors of a model, in the order in which a forward pass meets them.
pub fn tensors(config: &ModelConfig) -> impl Iterator<Item = TensorSpec> {
    let mut list = Layout { specs: Vec::new(), tower: Tower::Vision };
    list.vision(&config.vision);
    list.projection("visual_projection", config.vision.projection, config.vision.width, config);

    list.tower = Tower::Text;
    list.text(&config.text);
    list.projection("text_projection", config.text.projection, config.text.width, config);

    list.tower = Tower::Both;
    list.push("logit_scale", &[1]);
    if config.probability == Probability::Sigmoid {
        list.push("logit_bias", &[1]);
    }
    list.specs.into_iter()
}

/// The tensors of a stem alone, and of its classifier where there is one.
pub(crate) fn stem_tensors(stem: &ConvStem, classes: Option<usize>) -> Vec<TensorSpec> {
    let mut list = Layout { specs: Vec::new(), tower: Tower::Vision };
    list.conv_stem(stem);
    if let Some(classes) = classes {
        list.linear("classifier", stem.output_channels(), classes);
    }
    list.specs
}

struct Layout {
    specs: Vec<TensorSpec>,
    tower: Tower,
}

impl Layout {
    fn push(&mut self, name: &str, shape: &[usize]) {
        let (name, shape) = (name.to_owned(), shape.to_vec());
        self.specs.push(TensorSpec { name, shape, tower: self.tower });
    }

    fn vision(&mut self, vision: &VisionConfig) {
        let VisionConfig { width, mlp_width, .. } = *vision;
        if let Some(stem) = &vision.conv_stem {
            self.conv_stem(stem);
        }
        let (channels, side) = vision.patch_shape();
        if vision.stem != Stem::Identity {
            self.push("visual.patch_embedding.weight", &[width, channels, side, side]);
        }
        if vision.stem == Stem::Biased {
            self.push("visual.patch_embedding.bias", &[width]);
        }
        if vision.pooling == VisionPooling::ClassToken {
            self.push("visual.class_embedding", &[width]);
        }
        if vision.has_positions() {
            self.push("visual.positional_embedding", &[vision.tokens(), width]);
        }
        if vision.stem == Stem::Normalized {
            self.norm("visual.ln_pre", width);
        }
        self.transformer("visual.transformer", vision.layers, width, mlp_width);
        if vision.layers > 0 {
            self.norm("visual.ln_post", width);
        }
        if vision.pooling == VisionPooling::Attention {
            self.push("visual.attn_pool.probe", &[width]);
            self.attention("visual.attn_pool.attn", width);
            self.norm("visual.attn_pool.ln", width);
            self.mlp("visual.attn_pool.mlp", width, mlp_width);
        }
    }

    fn conv_stem(&mut self, stem: &ConvStem) {
        const PATH: &str = "visual.conv_stem";
        self.convolution(&format!("{PATH}.conv"), [stem.channels, 3, 3, 3]);
        for (i, block) in stem.blocks().enumerate() {
            let path = format!("{PATH}.blocks.{i}");
            let (hidden, size) = (block.hidden, block.kernel_size);
            if hidden != block.input {
                self.linear(&format!("{path}.expand"), block.input, hidden);
            }
            self.convolution(&format!("{path}.depthwise"), [hidden, 1, size, size]);
            self.linear(&format!("{path}.project"), hidden, block.output);
        }
        if let Some(channels) = stem.head_channels {
            let last = stem.stages.last().map_or(stem.channels, |stage| stage.channels);
            self.linear(&format!("{PATH}.head"), last, channels);
        }
    }

    fn text(&mut self, text: &TextConfig) {
        self.push(TOKEN_EMBEDDING, &[text.vocab_size, text.width]);
        self.push("text.positional_embedding", &[text.context_length, text.width]);
        self.transformer("text.transformer", text.layers, text.width, text.mlp_width);
        self.norm("text.ln_final", text.width);
    }

    fn projection(&mut self, path: &str, kind: Projection, width: usize, config: &ModelConfig) {
        match kind {
            Projection::Linear => self.push(&format!("{path}.weight"), &[width, config.embed_dim]),
            Projection::Affine => self.linear(path, width, config.embed_dim),
            Projection::None => {}
            Projection::ResidualMlp { hidden } => {
                self.norm(&format!("{path}.ln"), width);
                self.push(&format!("{path}.weight"), &[width, config.embed_dim]);
                self.linear(&format!("{path}.mlp.c_fc"), width, hidden);
                self.push(&format!("{path}.mlp.c_proj.weight"), &[hidden, config.embed_dim]);
            }
        }
    }

    fn norm(&mut self, path: &str, width: usize) {
        self.push(&format!("{path}.gamma"), &[width]);
        self.push(&format!("{path}.beta"), &[width]);
    }

    fn convolution(&mut self, path: &str, shape: [usize; 4]) {
        self.push(&format!("{path}.weight"), &shape);
        self.push(&format!("{path}.bias"), &shape[..1]);
    }

    fn linear(&mut self, path: &str, input: usize, output: usize) {
        self.push(&format!("{path}.weight"), &[input, output]);
        self.push(&format!("{path}.bias"), &[output]);
    }

    fn transformer(&mut self, path: &str, layers: usize, width: usize, mlp_width: usize) {
        for i in 0..layers {
            let block = format!("{path}.resblocks.{i}");
            self.norm(&format!("{block}.ln_1"), width);
            self.attention(&format!("{block}.attn"), width);
            self.norm(&format!("{block}.ln_2"), width);
            self.mlp(&format!("{block}.mlp"), width, mlp_width);
        }
    }

    fn attention(&mut self, path: &str, width: usize) {
        self.linear(&format!("{path}.in_proj"), width, 3 * width);
        self.linear(&format!("{path}.out_proj"), width, width);
    }

    fn mlp(&mut self, path: &str, width: usize, mlp_width: usize) {
        self.linear(&format!("{path}.c_fc"), width, mlp_width);
        self.linear(&format!("{path}.c_proj"), mlp_width, width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    /// Counts published with OpenAI's models (OpenCLIP `docs/model_profile.csv`, in millions:
    /// ViT-B-32 151.28, ViT-B-16 149.62, ViT-L-14 427.62).
    #[test]
    fn parameter_counts_are_the_published_ones() {
        let count = |name| {
            let specs = tensors(presets::find(name).unwrap());
            specs.map(|spec| spec.elements()).sum::<usize>()
        };
        assert_eq!(count("ViT-B-32"), 151_277_313);
        assert_eq!(count("ViT-B-16"), 149_620_737);
        assert_eq!(count("ViT-L-14"), 427_616_513);
    }

    /// A tower that is a mean over EfficientNet's feature map.
    fn convolutional(stem: ConvStem) -> ModelConfig {
        let mut config = presets::find("ViT-B-32").unwrap().clone();
        config.vision = VisionConfig {
            layers: 0,
            width: 512,
            heads: 8,
            conv_stem: Some(stem),
            pooling: VisionPooling::Mean,
            projection: Projection::None,
            ..config.vision
        };
        config.validate().unwrap();
        config
    }

    /// Counts of the published files without running means and variances, which are folded, and without
    /// the classifier: a bias for each channel is left of a batch norm's two.
    #[test]
    fn stems_have_the_published_parameters() {
        for (stem, expected) in
            [(presets::efficientnet_lite0(), 3_350_000), (presets::efficientnet_lite2(), 4_782_024)]
        {
            let config = convolutional(stem);
            let of_stem =
                tensors(&config).filter(|spec| spec.name.starts_with("visual.conv_stem."));
            assert_eq!(of_stem.map(|spec| spec.elements()).sum::<usize>(), expected);
        }
    }

    #[test]
    fn a_mean_without_blocks_has_neither_positions_nor_a_norm() {
        let config = convolutional(presets::efficientnet_lite0());
        let names =
            tensors(&config).filter(|spec| spec.tower == Tower::Vision).map(|spec| spec.name);
        let rest = names.filter(|name| !name.starts_with("visual.conv_stem."));
        assert_eq!(
            rest.collect::<Vec<_>>(),
            ["visual.patch_embedding.weight", "visual.ln_pre.gamma", "visual.ln_pre.beta"]
        );
    }

    /// The last blocks have nearly all of a stem's values, and the first are as good as free.
    #[test]
    fn the_first_convolutions_keep_16_bits() {
        let config = convolutional(presets::efficientnet_lite0());
        let stem = tensors(&config).filter(|spec| spec.name.starts_with(CONV_STEM));
        let (int8, f16): (Vec<_>, Vec<_>) = stem
            .filter(|spec| spec.name.ends_with(".weight"))
            .partition(|spec| spec.format(Dtype::Int8) == Dtype::Int8);
        let last = |specs: &[TensorSpec], kind| {
            let name = |spec: &TensorSpec| spec.name[CONV_STEM.len()..].to_owned();
            specs.iter().map(name).rfind(|name| name.ends_with(kind)).unwrap()
        };
        assert_eq!(last(&f16, "project.weight"), "blocks.3.project.weight");
        assert_eq!(last(&f16, "depthwise.weight"), "blocks.7.depthwise.weight");
        assert_eq!(int8[0].name, "visual.conv_stem.blocks.4.expand.weight");
        assert_eq!(f16.iter().map(TensorSpec::elements).sum::<usize>(), 44_192);
        assert_eq!(int8.iter().map(TensorSpec::elements).sum::<usize>(), 3_284_800);
    }

    #[test]
    fn names_are_unique_and_belong_to_one_tower() {
        let specs: Vec<_> = tensors(presets::find("ViT-B-32").unwrap()).collect();
        let mut names: Vec<_> = specs.iter().map(|spec| &spec.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), specs.len());
        for spec in &specs {
            let vision = spec.name.starts_with("visual");
            assert_eq!(spec.tower == Tower::Vision, vision, "{}", spec.name);
        }
    }
}
