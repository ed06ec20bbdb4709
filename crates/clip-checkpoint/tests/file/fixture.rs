//! A tiny checkpoint in a folder of its own.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;

use clip_checkpoint::{
    Activation, AttentionMask, CARD_VERSION, Checkpoint, ConvActivation, ConvPadding, ConvStage,
    ConvStem, Dtype, Error, Interpolation, ModelCard, ModelConfig, Pooling, PreprocessConfig,
    PreprocessMode, Probability, Projection, ResizeMode, Source, SourceFile, Stem, TensorSource,
    TensorSpec, TextConfig, TokenizerConfig, TokenizerMode, VisionConfig, VisionPooling, tensors,
    write,
};
use safetensors::tensor::TensorView;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn card() -> ModelCard {
    let vision = VisionConfig {
        image_size: 9,
        patch_size: 4,
        width: 8,
        layers: 2,
        heads: 2,
        mlp_width: 12,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-5,
        conv_stem: None,
        stem: Stem::Normalized,
        pooling: VisionPooling::ClassToken,
        projection: Projection::Linear,
    };
    let text = TextConfig {
        context_length: 5,
        vocab_size: 20,
        width: 6,
        layers: 1,
        heads: 3,
        mlp_width: 10,
        activation: Activation::QuickGelu,
        layer_norm_eps: 1e-6,
        pooling: Pooling::EndToken(19),
        mask: AttentionMask::Causal,
        projection: Projection::Linear,
    };
    ModelCard {
        card_version: CARD_VERSION,
        name: "tiny".to_owned(),
        config: ModelConfig { embed_dim: 4, vision, text, probability: Probability::Softmax },
        preprocess: PreprocessConfig {
            mode: PreprocessMode::HfPil,
            resize: ResizeMode::Shortest,
            resize_size: 11,
            interpolation: Interpolation::Bicubic,
            crop_size: 9,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        },
        tokenizer: TokenizerConfig::clip(TokenizerMode::Hf, 18, 19, 0),
        source: Source {
            origin: "someone/tiny".to_owned(),
            files: vec![SourceFile { name: "a".to_owned(), sha256: "00".to_owned() }],
            converter: "none".to_owned(),
        },
        license: Some("MIT".to_owned()),
    }
}

/// A mean over a feature map as tiny as [`card`].
pub(crate) fn convolutional() -> ModelCard {
    let mut card = card();
    let stage = ConvStage { blocks: 2, channels: 6, expansion: 2, kernel_size: 3, stride: 2 };
    let vision = &mut card.config.vision;
    vision.conv_stem = Some(ConvStem {
        channels: 4,
        stages: vec![stage],
        head_channels: Some(10),
        activation: ConvActivation::Relu6,
        padding: ConvPadding::Same,
    });
    (vision.layers, vision.stem, vision.pooling) = (0, Stem::Biased, VisionPooling::Mean);
    card
}

/// The mean of a feature map as it is, as tiny as [`card`], and a projection with an MLP.
pub(crate) fn pooled_map() -> ModelCard {
    let mut card = convolutional();
    let vision = &mut card.config.vision;
    (vision.stem, vision.width, vision.patch_size) = (Stem::Identity, 10, 4);
    vision.projection = Projection::ResidualMlp { hidden: 7 };
    card
}

/// Other values for each tensor; none is exact in f16.
pub(crate) fn values(spec: &TensorSpec) -> Vec<f32> {
    let start = spec.name.bytes().map(f32::from).sum::<f32>() / 4096.0;
    (0..spec.elements()).map(|i| start + i as f32 / 1000.0).collect()
}

/// Gives [`values`], with one of them replaced where asked; fails at a tensor where asked.
#[derive(Default)]
pub(crate) struct Values {
    pub(crate) replaced: Option<(&'static str, usize, f32)>,
    pub(crate) shortened: Option<&'static str>,
    pub(crate) fails_at: Option<&'static str>,
    pub(crate) files: Option<Vec<SourceFile>>,
    pub(crate) vocabulary: Vec<u8>,
}

impl TensorSource for Values {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        if self.fails_at == Some(&spec.name) {
            return Err(Error::Missing { names: vec![spec.name.clone()] });
        }
        let mut values = values(spec);
        if let Some((name, index, value)) = self.replaced
            && name == spec.name
        {
            values[index] = value;
        }
        if self.shortened == Some(&spec.name) {
            values.pop();
        }
        Ok(values)
    }

    fn vocabulary(&self) -> &[u8] {
        &self.vocabulary
    }

    fn files(&mut self) -> Result<Option<Vec<SourceFile>>, Error> {
        Ok(self.files.take())
    }
}

/// A folder with one whole checkpoint.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
    card: ModelCard,
}

impl Fixture {
    pub(crate) fn new(dtype: Dtype) -> Self {
        Self::of(&card(), dtype)
    }

    pub(crate) fn of(card: &ModelCard, dtype: Dtype) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        let size = write(&path, card, dtype, &mut Values::default()).unwrap();
        assert_eq!(size, fs::metadata(&path).unwrap().len());
        Self { folder, path, card: card.clone() }
    }

    pub(crate) fn open_error(&self) -> String {
        let error = Checkpoint::open(&self.path).unwrap_err().to_string();
        error.replace(&self.folder.path().display().to_string(), "FOLDER")
    }

    /// Writes the file again by the `safetensors` crate, with the tensors and the card changed.
    pub(crate) fn rewrite(&self, change: impl FnOnce(&mut Tensors, &mut Value)) {
        let mut tensors: Tensors = tensors(&self.card.config)
            .map(|spec| {
                let bytes = values(&spec).iter().flat_map(|value| value.to_le_bytes()).collect();
                (spec.name, (safetensors::Dtype::F32, spec.shape, bytes))
            })
            .collect();
        let mut card = serde_json::to_value(&self.card).unwrap();
        change(&mut tensors, &mut card);
        let metadata = HashMap::from([("clip_card".to_owned(), card.to_string())]);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let metadata = (!card.is_null()).then_some(metadata);
        safetensors::serialize_to_file(views, metadata, &self.path).unwrap();
    }
}

pub(crate) type Tensors = BTreeMap<String, (safetensors::Dtype, Vec<usize>, Vec<u8>)>;
