//! Where things lie: all that the chore makes is below the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::model::Model;
use super::work::Work;
use crate::workspace::Workspace;

/// The folders of the chore.
#[derive(Debug)]
pub(crate) struct Folders {
    root: PathBuf,
    target: PathBuf,
}

impl Folders {
    /// Makes those that hold something.
    pub(crate) fn new(workspace: Workspace) -> Result<Self> {
        let folders = Self { root: workspace.root, target: workspace.target };
        for folder in [folders.material(), folders.own("logs")] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(folders)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The peers' sources.
    pub(crate) fn sources(&self) -> PathBuf {
        self.root.join("benches/peers")
    }

    /// The page that has a list of those with tables.
    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("docs/benchmarks.md")
    }

    /// The page with the tables of a kind of processor.
    pub(crate) fn page(&self, kind: &str) -> PathBuf {
        self.root.join("docs/benchmarks").join(kind).with_extension("md")
    }

    /// A program of the workspace.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// A peer that is no member of the workspace.
    pub(crate) fn apart(&self, name: &str) -> PathBuf {
        let program = self.own(name).join("release").join(format!("clip-peer-{name}"));
        program.with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// Pictures, vectors, and a folder for each model.
    pub(crate) fn material(&self) -> PathBuf {
        self.own("material")
    }

    /// Weights and inputs of a model.
    pub(crate) fn model(&self, model: Model) -> PathBuf {
        self.material().join(model.name())
    }

    /// What a peer is given for a work.
    pub(crate) fn inputs(&self, work: Work, model: Model) -> PathBuf {
        if work.searches() { self.material() } else { self.model(model) }
    }

    /// What a process says on the side.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.own("logs").join(name).with_extension("log")
    }

    /// Anything else that can be made again.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.target.join("peers").join(name)
    }
}
