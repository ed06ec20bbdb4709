//! A model whose image tower is the mean of a convolutional stem's map, below a projection with an MLP.

use burn::module::{Module, ModuleVisitor, Param};
use clip_checkpoint::{
    Activation, AttentionMask, CARD_VERSION, Checkpoint, ConvStage, ConvStem, Dtype, Error,
    Interpolation, ModelCard, ModelConfig, Pooling, PreprocessConfig, PreprocessMode, Probability,
    Projection, ResizeMode, Source, Stem, TensorSource, TensorSpec, TextConfig, TokenizerConfig,
    TokenizerMode, VisionConfig, VisionPooling, presets, tensors, write,
};
use clip_model::{Clip, Device, ImageEncoder, Tensor, TextEncoder, float_tensor, int_tensor};
use clip_testkit::{Random, assert_close};
use tempfile::TempDir;

use crate::common::{check_on_every_backend, values};

const SIDE: usize = 33;

fn card() -> ModelCard {
    let stage = |blocks, channels, expansion, kernel_size, stride| ConvStage {
        blocks,
        channels,
        expansion,
        kernel_size,
        stride,
    };
    let stem = ConvStem {
        channels: 8,
        stages: vec![stage(1, 8, 1, 3, 1), stage(2, 12, 3, 5, 2), stage(2, 16, 3, 3, 2)],
        head_channels: Some(40),
        ..presets::efficientnet_lite0()
    };
    let vision = VisionConfig {
        image_size: SIDE,
        patch_size: stem.stride(),
        width: 40,
        layers: 0,
        heads: 1,
        mlp_width: 1,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-5,
        conv_stem: Some(stem),
        stem: Stem::Identity,
        pooling: VisionPooling::Mean,
        projection: Projection::ResidualMlp { hidden: 30 },
    };
    let text = TextConfig {
        context_length: 8,
        vocab_size: 300,
        width: 24,
        layers: 2,
        heads: 3,
        mlp_width: 48,
        activation: Activation::GeluTanh,
        layer_norm_eps: 1e-5,
        mask: AttentionMask::Causal,
        pooling: Pooling::Argmax,
        projection: Projection::ResidualMlp { hidden: 20 },
    };
    ModelCard {
        card_version: CARD_VERSION,
        name: "pooled-map".to_owned(),
        config: ModelConfig { embed_dim: 16, vision, text, probability: Probability::Softmax },
        preprocess: PreprocessConfig {
            mode: PreprocessMode::HfPil,
            resize: ResizeMode::Shortest,
            resize_size: SIDE,
            interpolation: Interpolation::Bicubic,
            crop_size: SIDE,
            mean: [127.0 / 255.0; 3],
            std: [128.0 / 255.0; 3],
        },
        tokenizer: TokenizerConfig::clip(TokenizerMode::Openai, 298, 299, 0),
        source: Source {
            origin: "a test".to_owned(),
            files: Vec::new(),
            converter: "none".to_owned(),
        },
        license: None,
    }
}

/// Values that keep what comes in about as large as it was.
struct Drawn(Random);

impl TensorSource for Drawn {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        let inputs = match *spec.shape.as_slice() {
            [_, inputs, height, width] => inputs * height * width,
            [inputs, _] if spec.name.ends_with(".weight") => inputs,
            _ => 16,
        };
        let (around, scale) = match spec.name.ends_with("gamma") {
            true => (1.0, 0.2),
            false => (0.0, (6.0 / inputs as f32).sqrt()),
        };
        let values = self.0.values(spec.elements());
        Ok(values.into_iter().map(|value| around + scale * value).collect())
    }
}

fn checkpoint(dtype: Dtype) -> (TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    write(&path, &card(), dtype, &mut Drawn(Random::new(5))).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    (folder, checkpoint)
}

fn pixels(device: &Device) -> Tensor<4> {
    let shape = [5, 3, SIDE, SIDE];
    float_tensor(Random::new(6).values(shape.iter().product()), shape, device)
}

fn ids() -> [[u32; 4]; 3] {
    [[298, 5, 299, 0], [298, 299, 0, 0], [298, 77, 12, 299]]
}

/// What the parameters of a module are called.
struct Names(Vec<String>, Vec<String>);

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.1.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.1.pop();
    }

    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        self.0.push(self.1.join("."));
    }
}

/// Each tensor of the file has a parameter of its name, in the order of a pass; the embedding of an image
/// is the projection of the map's mean.
#[test]
fn the_mean_of_the_map_is_projected() {
    let (_folder, checkpoint) = checkpoint(Dtype::F32);
    check_on_every_backend(|_, device| {
        let clip = Clip::load(&checkpoint, device).unwrap();
        let mut names = Names(Vec::new(), Vec::new());
        clip.image.visit(&mut names);
        clip.text.visit(&mut names);
        names.0.sort();
        let mut expected: Vec<_> = tensors(&card().config).map(|spec| spec.name).collect();
        expected.retain(|name| name != "logit_scale");
        expected.sort();
        assert_eq!(names.0, expected);

        let encoder = &clip.image;
        let map = encoder.visual.conv_stem.as_ref().unwrap().forward(pixels(device));
        assert_eq!(map.dims(), [5, 40, 5, 5]);
        let mean = map.mean_dim(2).mean_dim(3).reshape([5, 40]);
        assert_close(
            "pooled",
            &values(encoder.visual.forward(pixels(device))),
            &values(mean.clone()),
            1e-5,
        );
        let expected = values(encoder.project(mean));
        assert_close("embeddings", &values(encoder.forward(pixels(device))), &expected, 1e-5);
    });
}

/// Packed weights give what the modules give.
#[cfg(feature = "flex")]
#[test]
fn packed_encoders_agree() {
    use clip_model::{InferenceImageEncoder, InferenceTextEncoder};
    let device = Device::flex();
    for (dtype, bound) in [
        (Dtype::F32, 0.999_999),
        (Dtype::F16, 0.999_99),
        (Dtype::Bf16, 0.999),
        (Dtype::Int8, 0.997),
    ] {
        let (_folder, checkpoint) = checkpoint(dtype);
        let expected = ImageEncoder::load(&checkpoint, &device).unwrap().forward(pixels(&device));
        let packed = InferenceImageEncoder::load(&checkpoint, &device).unwrap();
        let images = lowest_cosine(&expected, &packed.forward(pixels(&device)));
        let ids = || int_tensor(&ids().concat(), [3, 4], &device);
        let expected = TextEncoder::load(&checkpoint, &device).unwrap().forward(ids());
        let packed = InferenceTextEncoder::load(&checkpoint, &device).unwrap();
        let texts = lowest_cosine(&expected, &packed.forward(ids()));
        assert!(images >= bound && texts >= bound, "{dtype:?}: images {images}, texts {texts}");
    }
}

/// The lowest cosine of two rows of unit vectors in the same place.
#[cfg(feature = "flex")]
fn lowest_cosine(expected: &Tensor<2>, found: &Tensor<2>) -> f32 {
    let cosines = values((expected.clone() * found.clone()).sum_dim(1));
    cosines.into_iter().fold(1.0, f32::min)
}
