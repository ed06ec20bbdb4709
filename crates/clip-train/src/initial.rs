//! What a run begins with: a fresh model, one whose stem somebody trained, or one that is trained
//! further.

use burn::tensor::{Tensor, TensorData};
use clip_checkpoint::{
    Checkpoint, ConvStemCard, ConvStemCheckpoint, ModelCard, PreprocessConfig, Projection,
    ResizeMode, Source, Stem, VisionConfig, VisionPooling,
};
use clip_model::{Clip, Device};

use crate::parameters::{self, canonical};
use crate::{Error, FreshModel, Result, TrainConfig, export};

/// A model before its first step.
#[derive(Debug)]
pub(crate) struct InitialModel {
    pub(crate) card: ModelCard,
    pub(crate) vocabulary: Option<Vec<u8>>,
    pub(crate) clip: Clip,
}

impl InitialModel {
    /// Builds it on a device whose random numbers were seeded.
    ///
    /// # Errors
    ///
    /// Where the file to start from cannot be read or cannot be trained in such a run.
    pub(crate) fn new(config: &TrainConfig, device: &Device) -> Result<Self> {
        if let Some(path) = &config.from {
            let checkpoint = Checkpoint::open(path)?;
            if checkpoint.card().config.vision.conv_stem.is_some() && config.features.is_none() {
                return Err(Error::ConvStem { path: path.clone() });
            }
            let vocabulary = checkpoint.vocabulary().map(<[u8]>::to_vec);
            let card = export::trained_further(&checkpoint, path);
            return Ok(Self { clip: Clip::load(&checkpoint, device)?, card, vocabulary });
        }
        let Some(path) = &config.model.stem else {
            let card = config.model.card();
            let clip = config.model.text_start.apply(Clip::init(&card.config, device), &card);
            return Ok(Self { card, vocabulary: None, clip });
        };
        let stem = ConvStemCheckpoint::open(path)?;
        let card = above_stem(&config.model, stem.card());
        card.validate()?;
        let drawn = config.model.text_start.apply(Clip::init(&card.config, device), &card);
        let clip = with_stem(drawn, &stem)?;
        Ok(Self { card, vocabulary: None, clip })
    }
}

/// The card of a fresh model whose image tower is a pretrained stem and the mean of its map.
fn above_stem(model: &FreshModel, stem: &ConvStemCard) -> ModelCard {
    let card = model.card();
    let width = stem.conv_stem.output_channels();
    let own = card.license.iter().cloned();
    let of_stem = stem.license.iter().map(|license| format!("{license} ({})", stem.name));
    let license: Vec<String> = own.chain(of_stem).collect();
    ModelCard {
        config: clip_checkpoint::ModelConfig {
            vision: VisionConfig {
                patch_size: stem.conv_stem.stride(),
                width,
                layers: 0,
                heads: 1,
                mlp_width: 4 * width,
                conv_stem: Some(stem.conv_stem.clone()),
                stem: Stem::Identity,
                pooling: VisionPooling::Mean,
                projection: match model.hidden {
                    0 => Projection::Linear,
                    hidden => Projection::ResidualMlp { hidden },
                },
                ..card.config.vision
            },
            ..card.config
        },
        // The pixels that it was trained with, at the size of this model.
        preprocess: PreprocessConfig {
            resize: ResizeMode::Shortest,
            resize_size: model.resize_size,
            crop_size: model.image_size,
            ..stem.preprocess.clone()
        },
        source: Source {
            origin: format!("trained above {} of {}", stem.name, stem.source.origin),
            files: stem.source.files.clone(),
            ..card.source
        },
        license: (!license.is_empty()).then(|| license.join(", ")),
        ..card
    }
}

/// The model with the weights of a stem.
fn with_stem(clip: Clip, stem: &ConvStemCheckpoint) -> Result<Clip> {
    let mut failed = None;
    let is_of_stem = |path: &str| canonical(path).starts_with("visual.conv_stem.");
    let clip = parameters::update(clip, is_of_stem, |about, value| {
        match stem.read(canonical(about.name)) {
            Ok(values) => {
                let length = values.len();
                Tensor::from_data(TensorData::new(values, [length]), &value.device())
            }
            Err(error) => {
                failed.get_or_insert(error);
                value
            }
        }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(clip),
    }
}
