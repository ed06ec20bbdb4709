//! Where a run writes.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The files of a run.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The best model so far, by validation.
    pub fn best(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    /// The model of the last save.
    pub fn last(&self) -> PathBuf {
        self.folder.join("last.safetensors")
    }

    /// Features of a frozen tower, where they have no other folder.
    pub fn features(&self) -> PathBuf {
        self.folder.join("features")
    }

    /// What a run leaves for its user, as far as it is there: the models, the metrics and their plot.
    pub fn written(&self) -> Vec<PathBuf> {
        let files = [self.best(), self.last(), self.metrics(), self.plot()];
        files.into_iter().filter(|file| file.exists()).collect()
    }

    /// What a resume reads.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state.safetensors")
    }

    /// Losses and validations, one JSON object a line.
    pub fn metrics(&self) -> PathBuf {
        self.folder.join("metrics.jsonl")
    }

    /// Loss and validation, drawn.
    pub fn plot(&self) -> PathBuf {
        self.folder.join("metrics.svg")
    }

    /// The settings of the run, defaults and all.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    pub(crate) fn write_config(&self, toml: &str) -> Result<()> {
        let path = self.config();
        let write = || {
            std::fs::create_dir_all(&self.folder)?;
            std::fs::write(&path, toml)
        };
        write().map_err(|source| Error::Save { path: path.clone(), source })
    }
}
