//! Runs of either kind, as a program sees them.

use std::path::PathBuf;

use crate::{DistillConfig, Error, Files, Observer, Outcome, Result, TrainConfig, Trainer};

/// A run in its folder.
pub trait Run {
    /// Where the run writes.
    fn files(&self) -> &Files;

    /// Steps taken so far.
    fn step(&self) -> u64;

    /// Steps of the whole run.
    fn steps(&self) -> u64;

    /// Takes the steps that are left, or as many as the observer lets it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where the loss left the numbers, and where the last save fails. A save on
    /// the way that fails is told to the observer, and the run goes on: the disk may have room at the
    /// next one.
    fn run(&mut self, observer: &mut dyn Observer) -> Result<Outcome>;
}

impl Run for Trainer {
    fn files(&self) -> &Files {
        self.files()
    }

    fn step(&self) -> u64 {
        self.step()
    }

    fn steps(&self) -> u64 {
        self.steps()
    }

    fn run(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        self.run(observer)
    }
}

/// The settings of a run of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum RunConfig {
    /// Images and texts in contrast.
    Contrastive(Box<TrainConfig>),
    /// A text tower that learns from given vectors.
    Distillation(Box<DistillConfig>),
}

impl RunConfig {
    /// Reads a TOML file's text; one with a table `teacher` is that of a [`crate::Distiller`]. `file`
    /// names it in messages.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with the line that cannot be understood, or the setting that cannot be.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| Error::Config {
            file: file.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        match table.contains_key("teacher") {
            true => Ok(Self::Distillation(DistillConfig::parse(file, text)?.into())),
            false => Ok(Self::Contrastive(TrainConfig::parse(file, text)?.into())),
        }
    }

    /// The whole configuration as TOML, defaults and all.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Contrastive(config) => config.to_toml(),
            Self::Distillation(config) => config.to_toml(),
        }
    }

    /// Folder for checkpoints, metrics and the plot.
    pub fn output_mut(&mut self) -> &mut PathBuf {
        match self {
            Self::Contrastive(config) => &mut config.output,
            Self::Distillation(config) => &mut config.output,
        }
    }
}

impl Default for RunConfig {
    fn default() -> Self {
        Self::Contrastive(Box::default())
    }
}
