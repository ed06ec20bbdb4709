use clip_checkpoint::PreprocessConfig;
use clip_preprocess::{Preprocessor, RgbImage};
use rand::Rng;

use crate::{Augment, AugmentConfig, Kind, Result};

/// From a decoded picture to normalized pixels: changed at random, or exactly as in use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Transform {
    /// For training.
    Train(Augment, Preprocessor),
    /// For validation: the pixels that an embedder computes.
    Exact(Preprocessor),
}

impl Transform {
    /// Changes pictures as `augment` says, with size, mean and deviation of the model card. An
    /// `augment` that [changes nothing](AugmentConfig::is_none) gives [`Self::Exact`].
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`](crate::Error::BadConfig), or
    /// [`Error::Picture`](crate::Error::Picture) for a card that cannot be followed.
    pub fn train(augment: &AugmentConfig, preprocess: &PreprocessConfig) -> Result<Self> {
        augment.validate()?;
        if augment.is_none() {
            return Self::exact(preprocess);
        }
        let preprocessor = Preprocessor::new(preprocess)?;
        Ok(Self::Train(Augment::new(augment, preprocessor.crop_size())?, preprocessor))
    }

    /// Follows the model card.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`](crate::Error::Picture) for a card that cannot be followed.
    pub fn exact(preprocess: &PreprocessConfig) -> Result<Self> {
        Ok(Self::Exact(Preprocessor::new(preprocess)?))
    }

    /// Side of the square that comes out, in pixels.
    pub fn size(&self) -> usize {
        match self {
            Self::Train(_, preprocessor) | Self::Exact(preprocessor) => preprocessor.crop_size(),
        }
    }

    /// What is worth keeping of a decoded picture between epochs.
    pub fn prepare(&self, picture: RgbImage) -> RgbImage {
        match self {
            Self::Train(augment, _) => augment.prepare(picture),
            Self::Exact(_) => picture,
        }
    }

    /// The pixels of a prepared picture.
    ///
    /// # Shapes
    ///
    /// - output: `[3, size, size]`
    pub fn pixels<R: Rng + ?Sized>(&self, picture: &RgbImage, kind: Kind, rng: &mut R) -> Vec<f32> {
        match self {
            Self::Train(augment, preprocessor) => {
                preprocessor.normalize(&augment.apply(picture, kind, rng))
            }
            Self::Exact(preprocessor) => preprocessor.pixels(picture),
        }
    }
}
