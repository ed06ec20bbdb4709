//! The settings of a run that trains a text tower towards given vectors.

use std::path::PathBuf;

use clip_checkpoint::{Activation, ModelCard, Projection};
use serde::{Deserialize, Serialize};

use super::loss::DistillLoss;
use super::templates::TemplateConfig;
use crate::{AdamWConfig, Error, FreshModel, Result, ScheduleConfig, TowerSize, TrainPrecision};

/// Everything about a run that trains a text tower towards given vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillConfig {
    /// What all chances follow from.
    pub seed: u64,
    /// Folder for checkpoints, metrics and the plot.
    pub output: PathBuf,
    /// A canonical checkpoint whose image half the text tower is for: it goes into the checkpoints of
    /// the run as it is, with the logit scale and the preprocessing.
    pub from: PathBuf,
    /// Texts of a batch.
    pub batch_size: usize,
    /// Numbers of the products: see [`crate::TrainConfig::precision`].
    pub precision: TrainPrecision,
    /// Decay of the average of the weights a step; 0 for none. Checkpoints hold the average.
    pub ema: f64,
    /// Validate after every so many epochs, and after the last.
    pub validate_every: u64,
    /// Save the state of the run after every so many steps, besides each validation.
    pub save_every: u64,
    /// The sentence around a text of the teacher in validation; translations stand alone.
    pub validation_template: String,
    /// The vectors to learn.
    pub teacher: TeacherConfig,
    /// Tables of the texts in other languages.
    pub translations: TranslationsConfig,
    /// Sentences around the texts.
    pub captions: TemplateConfig,
    /// What is minimized.
    pub loss: DistillLoss,
    /// Steps.
    pub optimizer: AdamWConfig,
    /// Learning rate and length of the run; an epoch draws as many texts as the teacher has.
    pub schedule: ScheduleConfig,
    /// The size of a fresh text tower; without it, that of `from` learns further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<FreshText>,
}

/// The vectors to learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeacherConfig {
    /// The file of texts and vectors: see [`super::Teacher`].
    pub vectors: PathBuf,
    /// A text is drawn as often as its weight in the file to this power says: 1 as the file has it, 0
    /// all alike (the exponent of Conneau and Lample 2019, arXiv:1901.07291, section 3.1). Without
    /// weights in the file all are drawn alike.
    pub weight_exponent: f64,
}

/// Tables of the texts in other languages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranslationsConfig {
    /// Tables with columns `text`, `translation` and `language`: see [`super::Translations`].
    pub tables: Vec<PathBuf>,
    /// Share of a batch that translations have, where there are any.
    pub share: f64,
}

/// The sizes of a text tower that starts fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreshText {
    /// Nonlinearity of the MLPs.
    #[serde(default = "quick_gelu")]
    pub activation: Activation,
    /// The longest text in tokens.
    pub context_length: usize,
    /// Number of token ids: the 512 bytes, the first merges of CLIP's vocabulary, start and end.
    pub vocab_size: usize,
    /// Width, blocks and heads.
    pub text: TowerSize,
}

fn quick_gelu() -> Activation {
    Activation::QuickGelu
}

impl Default for DistillConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            output: "run".into(),
            from: PathBuf::new(),
            batch_size: 256,
            precision: TrainPrecision::F32,
            ema: 0.0,
            validate_every: 1,
            save_every: 500,
            validation_template: "a picture of a {}".to_owned(),
            teacher: TeacherConfig::default(),
            translations: TranslationsConfig::default(),
            captions: TemplateConfig::default(),
            loss: DistillLoss::default(),
            optimizer: AdamWConfig::default(),
            schedule: ScheduleConfig::default(),
            model: None,
        }
    }
}

impl Default for TeacherConfig {
    fn default() -> Self {
        Self { vectors: PathBuf::new(), weight_exponent: 0.5 }
    }
}

impl Default for TranslationsConfig {
    fn default() -> Self {
        Self { tables: Vec::new(), share: 0.25 }
    }
}

impl DistillConfig {
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
        if self.teacher.vectors.as_os_str().is_empty() {
            return Err("`teacher.vectors` is missing: name the file of texts and vectors".into());
        }
        if self.from.as_os_str().is_empty() {
            return Err(
                "`from` is missing: name the checkpoint whose image half the texts are for".into(),
            );
        }
        let unit = |name: &str, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(format!("`{name}` is {value}: write a number between 0 and 1")),
        };
        unit("ema", self.ema)?;
        unit("teacher.weight_exponent", self.teacher.weight_exponent)?;
        unit("translations.share", self.translations.share)?;
        let positive = [
            ("batch_size", self.batch_size as u64),
            ("validate_every", self.validate_every),
            ("save_every", self.save_every),
            ("schedule.epochs", self.schedule.epochs),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(format!("`{name}` is 0: write a number from 1 on"));
            }
        }
        let rates = [
            ("schedule.learning_rate", self.schedule.learning_rate),
            ("loss.scale", self.loss.scale),
        ];
        for (name, value) in rates {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("`{name}` is {value}: write a number above 0"));
            }
        }
        if !(self.loss.cosine_weight >= 0.0 && self.loss.cosine_weight.is_finite()) {
            return Err("`loss.cosine_weight` is not a number from 0 on".into());
        }
        if self.optimizer.layer_decay != 1.0 {
            return Err("`optimizer.layer_decay` is for models that are trained further on images: leave it out".into());
        }
        self.captions.validate()?;
        if self.validation_template.matches("{}").count() != 1 {
            return Err("`validation_template` has one {} for the text".into());
        }
        Ok(())
    }
}

impl FreshText {
    /// Puts this tower into the card of a model.
    pub(super) fn replace(&self, card: &mut ModelCard) {
        let Self { activation, context_length, vocab_size, ref text } = *self;
        let fresh = FreshModel {
            embed_dim: card.config.embed_dim,
            activation,
            context_length,
            vocab_size,
            text: text.clone(),
            ..FreshModel::default()
        };
        let fresh = fresh.card();
        card.config.text = fresh.config.text;
        card.config.text.projection = Projection::Linear;
        card.tokenizer = fresh.tokenizer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "from = \"head.safetensors\"\nteacher = { vectors = \"text-vectors.safetensors\" }\n";

    #[test]
    fn what_is_printed_is_read_back() {
        let config = DistillConfig::parse("run.toml", LEAST).unwrap();
        assert_eq!(DistillConfig::parse("run.toml", &config.to_toml()).unwrap(), config);
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |more: &str| {
            let text = format!("{LEAST}{more}");
            DistillConfig::parse("run.toml", &text).unwrap_err().to_string()
        };
        assert!(refused("patches_kept = 0.5").contains("unknown field `patches_kept`"));
        assert!(refused("batch_size = 0").contains("`batch_size` is 0"));
        assert!(refused("translations = { share = 2.0 }").contains("`translations.share` is 2"));
        assert!(refused("loss = { scale = 0.0 }").contains("`loss.scale` is 0"));
        assert!(refused("captions = { templates = [\"a dog\"] }").contains("a dog"));
        assert!(refused("optimizer = { layer_decay = 0.5 }").contains("layer_decay"));
        let text = DistillConfig::parse("run.toml", "[teacher]").unwrap_err().to_string();
        assert!(text.contains("`teacher.vectors` is missing"), "{text}");
    }
}
