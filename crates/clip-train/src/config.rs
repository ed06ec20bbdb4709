//! A run, as it stands in a TOML file: every setting has a default, an unknown one is an error.

use std::path::{Path, PathBuf};

use clip_checkpoint::{
    Activation, AttentionMask, Interpolation, ModelCard, ModelConfig, Pooling, PreprocessConfig,
    PreprocessMode, Probability, Projection, ResizeMode, Source, Stem, TextConfig, TokenizerConfig,
    TokenizerMode, VisionConfig, VisionPooling,
};
use clip_data::{AugmentConfig, CaptionConfig, Filter, LoaderConfig, SamplerConfig};
use serde::{Deserialize, Serialize};

use crate::{
    AdamWConfig, AdaptConfig, Error, FeatureConfig, LossKind, PrototypeConfig, Result,
    ScheduleConfig, TextStart, TranslationConfig,
};

/// Everything about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// What all chances follow from.
    pub seed: u64,
    /// Folder for checkpoints, metrics and the plot.
    pub output: PathBuf,
    /// A canonical checkpoint to start from; without one the run starts fresh from `[model]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Which loss is minimized.
    pub loss: LossKind,
    /// Rows that go through the towers together; 0 for the whole batch. Saves memory, changes no
    /// number: the negatives are those of the whole batch.
    pub chunk: usize,
    /// Compute activations again in the backward pass: less memory, more time.
    pub checkpointing: bool,
    /// Numbers of the products in the blocks: `bf16` trains faster on processors that multiply it
    /// faster (AVX-512 BF16), `f32` to the last bit as everywhere else.
    pub precision: TrainPrecision,
    /// Share of the patches of each picture that training sees, as in FLIP.
    pub patches_kept: f64,
    /// Epochs at the end in which training sees all patches.
    pub full_epochs: u64,
    /// Decay of the average of the weights a step; 0 for none. Checkpoints hold the average.
    pub ema: f64,
    /// Validate after every so many epochs, and after the last.
    pub validate_every: u64,
    /// Save the state of the run after every so many steps, besides each validation.
    pub save_every: u64,
    /// The sentence around a name in validation.
    pub validation_template: String,
    /// The size of a fresh model.
    pub model: FreshModel,
    /// What is learned from.
    pub data: DataConfig,
    /// Which rows meet in a batch.
    pub sampler: SamplerConfig,
    /// What happens to pictures.
    pub augment: AugmentConfig,
    /// What a picture is called.
    pub captions: CaptionConfig,
    /// Steps.
    pub optimizer: AdamWConfig,
    /// Learning rate and length of the run.
    pub schedule: ScheduleConfig,
    /// How a model is trained further; all of it learns by default.
    pub adapt: AdaptConfig,
    /// Where it is there, the image tower is frozen, and the rest learns from its features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureConfig>,
    /// Classes of a classifier as a further source of images, in a run on features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prototypes: Option<PrototypeConfig>,
    /// Texts in other languages, which learn to have the vectors of the English ones, in a run on features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translations: Option<TranslationConfig>,
}

/// Numbers of the products in the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainPrecision {
    /// Single precision.
    F32,
    /// Factors rounded to bf16, sums in f32.
    Bf16,
}

impl From<TrainPrecision> for clip_nn::Precision {
    fn from(precision: TrainPrecision) -> Self {
        match precision {
            TrainPrecision::F32 => Self::F32,
            TrainPrecision::Bf16 => Self::Bf16,
        }
    }
}

/// What a run learns from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Shards, folders and tables to learn from.
    pub train: Vec<PathBuf>,
    /// Those to validate on; without any the run does not validate.
    pub validation: Vec<PathBuf>,
    /// Which of the rows to learn from count.
    pub filter: Filter,
    /// How batches are made.
    pub loader: LoaderConfig,
}

/// The sizes of a model that starts fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FreshModel {
    /// Name in the model card.
    pub name: String,
    /// What may be done with the weights.
    pub license: String,
    /// Width of the shared space.
    pub embed_dim: usize,
    /// Nonlinearity of the MLPs.
    pub activation: Activation,
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// The shorter side of a picture before the center is cut out.
    pub resize_size: usize,
    /// A pretrained convolutional stem, as `convert-weights` writes one. The mean of its map is then the
    /// whole image tower; `patch_size` and `vision` have no say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem: Option<PathBuf>,
    /// Width of a hidden layer beside the matrix of the image projection, above a stem; 0 for none.
    pub hidden: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// The picture tower.
    pub vision: TowerSize,
    /// The longest text in tokens.
    pub context_length: usize,
    /// Number of token ids: the 512 bytes, merges, start and end.
    pub vocab_size: usize,
    /// Which merges: `clip` for the first of CLIP's, `chosen` for those that the texts of the run need.
    pub vocabulary: FreshVocabulary,
    /// The text tower.
    pub text: TowerSize,
    /// What it starts from.
    pub text_start: TextStart,
}

/// Which merges a fresh model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FreshVocabulary {
    /// The first of CLIP's.
    #[default]
    Clip,
    /// Those that spell the texts of the run in few pieces ([`clip_tokenizer::choose_vocabulary`]).
    Chosen,
}

/// The sizes of a tower; its MLPs are four times as wide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TowerSize {
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            output: "run".into(),
            from: None,
            loss: LossKind::InfoNce,
            chunk: 0,
            checkpointing: false,
            precision: TrainPrecision::F32,
            patches_kept: 1.0,
            full_epochs: 1,
            ema: 0.0,
            validate_every: 1,
            save_every: 500,
            validation_template: "a picture of a {}".to_owned(),
            model: FreshModel::default(),
            data: DataConfig::default(),
            sampler: SamplerConfig::default(),
            augment: AugmentConfig::default(),
            captions: CaptionConfig::default(),
            optimizer: AdamWConfig::default(),
            schedule: ScheduleConfig::default(),
            adapt: AdaptConfig::default(),
            features: None,
            prototypes: None,
            translations: None,
        }
    }
}

impl Default for FreshModel {
    fn default() -> Self {
        Self {
            name: "clip".to_owned(),
            license: String::new(),
            embed_dim: 256,
            activation: Activation::QuickGelu,
            image_size: 64,
            resize_size: 64,
            stem: None,
            hidden: 0,
            patch_size: 8,
            vision: TowerSize { width: 256, layers: 6, heads: 4 },
            context_length: 32,
            vocab_size: 16_896,
            vocabulary: FreshVocabulary::Clip,
            text: TowerSize { width: 192, layers: 4, heads: 3 },
            text_start: TextStart::Random,
        }
    }
}

impl TrainConfig {
    /// Reads a TOML file.
    ///
    /// # Errors
    ///
    /// [`Error::NoConfig`] where it cannot be read, otherwise as [`Self::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = clip_data::text::read(path)
            .map_err(|source| Error::NoConfig { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a TOML file's text; `file` names it in messages.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with the line that cannot be understood, or the setting that cannot be.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let refused = |reason| Error::Config { file: file.to_owned(), reason };
        let config: Self = toml::from_str(text)
            .map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
        config.validate().map_err(refused)?;
        Ok(config)
    }

    /// The whole configuration as TOML, defaults and all.
    ///
    /// # Panics
    ///
    /// Never: every value has a TOML form.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("settings have a TOML form")
    }

    fn validate(&self) -> std::result::Result<(), String> {
        let unit = |name: &str, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(format!("`{name}` is {value}: write a number between 0 and 1")),
        };
        unit("patches_kept", self.patches_kept)?;
        unit("ema", self.ema)?;
        unit("adapt.start_share", self.adapt.start_share)?;
        let positive = [
            ("validate_every", self.validate_every),
            ("save_every", self.save_every),
            ("schedule.epochs", self.schedule.epochs),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(format!("`{name}` is 0: write a number from 1 on"));
            }
        }
        if !(self.schedule.learning_rate > 0.0 && self.schedule.learning_rate.is_finite()) {
            return Err("`schedule.learning_rate` is not a positive number".to_owned());
        }
        if !self.validation_template.contains("{}") {
            return Err("`validation_template` has no {} for the name".to_owned());
        }
        if self.from.is_none() {
            if self.adapt.start_share > 0.0 {
                return Err("`adapt.start_share` needs a model to start `from`".to_owned());
            }
            self.model.validate()?;
        }
        if self.model.vocabulary == FreshVocabulary::Chosen && self.from.is_some() {
            return Err(
                "`model.vocabulary` is for a fresh model: with `from` leave it out".to_owned()
            );
        }
        self.validate_features()
    }

    /// What means nothing, or something else, in a run on features, and without one.
    fn validate_features(&self) -> std::result::Result<(), String> {
        let fail = |reason: &str| Err(reason.to_owned());
        let Some(features) = &self.features else {
            let needs = [
                ("[prototypes]", self.prototypes.is_some()),
                ("[translations]", self.translations.is_some()),
                ("`model.stem`", self.from.is_none() && self.model.stem.is_some()),
            ];
            return match needs.iter().find(|(_, is_there)| *is_there) {
                Some((name, _)) => Err(format!("{name} needs a run on features: write [features]")),
                None => Ok(()),
            };
        };
        features.validate()?;
        if self.sampler != SamplerConfig::default() {
            return fail(
                "[sampler] plans epochs of images: a run on features draws as [features] says, whose `batch_size` and `class_cap` are meant",
            );
        }
        if self.patches_kept < 1.0 {
            return fail(
                "`patches_kept` leaves out patches of a tower that learns: with [features] write 1",
            );
        }
        if let Some(translations) = &self.translations {
            translations.validate()?;
        }
        if let Some(prototypes) = &self.prototypes {
            prototypes.validate()?;
            if prototypes.initial_output > 0.0 && self.from.is_some() {
                return fail(
                    "`prototypes.initial_output` is where a fresh projection starts: with `from` leave it out",
                );
            }
        }
        Ok(())
    }
}

impl FreshModel {
    fn validate(&self) -> std::result::Result<(), String> {
        let usual = Self::default();
        if self.stem.is_some() {
            if (self.patch_size, &self.vision) != (usual.patch_size, &usual.vision) {
                return Err(
                    "`model.patch_size` and `model.vision` have no say above `model.stem`: leave them out"
                        .to_owned(),
                );
            }
        } else if self.hidden > 0 {
            return Err("`model.hidden` needs a `model.stem`".to_owned());
        }
        self.card().validate().map_err(|error| format!("[model]: {error}"))
    }

    /// The card of the model; above a stem, that of its text tower.
    pub fn card(&self) -> ModelCard {
        let end_token = (self.vocab_size as u32).saturating_sub(1);
        let text = &self.text;
        ModelCard {
            card_version: clip_checkpoint::CARD_VERSION,
            name: self.name.clone(),
            config: ModelConfig {
                embed_dim: self.embed_dim,
                vision: VisionConfig {
                    image_size: self.image_size,
                    patch_size: self.patch_size,
                    width: self.vision.width,
                    layers: self.vision.layers,
                    heads: self.vision.heads,
                    mlp_width: 4 * self.vision.width,
                    activation: self.activation,
                    layer_norm_eps: 1e-5,
                    conv_stem: None,
                    stem: Stem::Normalized,
                    pooling: VisionPooling::ClassToken,
                    projection: Projection::Linear,
                },
                text: TextConfig {
                    context_length: self.context_length,
                    vocab_size: self.vocab_size,
                    width: text.width,
                    layers: text.layers,
                    heads: text.heads,
                    mlp_width: 4 * text.width,
                    activation: self.activation,
                    layer_norm_eps: 1e-5,
                    pooling: Pooling::EndToken(end_token),
                    mask: AttentionMask::Causal,
                    projection: Projection::Linear,
                },
                probability: Probability::Softmax,
            },
            preprocess: PreprocessConfig {
                mode: PreprocessMode::HfPil,
                resize: ResizeMode::Shortest,
                resize_size: self.resize_size,
                interpolation: Interpolation::Bicubic,
                crop_size: self.image_size,
                mean: PreprocessConfig::OPENAI_MEAN,
                std: PreprocessConfig::OPENAI_STD,
            },
            tokenizer: TokenizerConfig::clip(
                TokenizerMode::Hf,
                end_token.saturating_sub(1),
                end_token,
                end_token,
            ),
            source: Source {
                origin: "trained from scratch".to_owned(),
                files: Vec::new(),
                converter: concat!("clip-train ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            license: (!self.license.is_empty()).then(|| self.license.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let config = TrainConfig::default();
        assert_eq!(TrainConfig::parse("run.toml", &config.to_toml()).unwrap(), config);
        assert_eq!(TrainConfig::parse("run.toml", "").unwrap(), config);
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str| TrainConfig::parse("run.toml", text).unwrap_err().to_string();
        assert!(refused("epochs = 3").contains("unknown field `epochs`"));
        assert!(refused("patches_kept = 1.5").contains("`patches_kept` is 1.5"));
        assert!(
            refused("[model]\nvision = { width = 10, layers = 1, heads = 3 }").contains("3 heads")
        );
        assert!(refused("[schedule]\nepochs = 0").contains("`schedule.epochs` is 0"));
        assert!(refused("[adapt]\nstart_share = 0.5").contains("to start `from`"));
        assert!(refused("loss = \"l2\"").contains("info-nce"));
    }
}
