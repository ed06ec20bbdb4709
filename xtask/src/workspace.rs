//! The part of `cargo metadata` that the chores look at.
//!
//! Read with serde alone: the crate `cargo_metadata` would switch on features of `serde_json` that
//! the programs do not, and `cargo run` after `cargo test` would compile Burn again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The crates of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds, and where chores keep what can be made again.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    #[serde(rename = "packages")]
    pub(crate) crates: Vec<Crate>,
}

/// One crate and what its manifest says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// A library, program, test, bench or example of a crate.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    kind: Vec<String>,
    /// The file of its root.
    #[serde(rename = "src_path")]
    pub(crate) source: PathBuf,
}

/// One line of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// What the manifest calls it, where that is not the name of its package.
    rename: Option<String>,
    /// `dev`, `build`, or nothing for an ordinary one.
    kind: Option<String>,
    /// Built only where a feature asks for it.
    pub(crate) optional: bool,
}

impl Dependency {
    /// What features call it.
    pub(crate) fn key(&self) -> &str {
        self.rename.as_deref().unwrap_or(&self.name)
    }

    /// Needed by tests, examples and benches only.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Target {
    /// A library or program, no test, bench nor example.
    pub(crate) fn is_shipped(&self) -> bool {
        self.kind.iter().any(|kind| matches!(&**kind, "lib" | "bin"))
    }
}

impl Workspace {
    /// Asks cargo; resolves and downloads nothing.
    pub(crate) fn read() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot start cargo")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {error}");
        serde_json::from_slice(&output.stdout).context("cargo metadata is not as expected")
    }
}

/// The commit of a repository, and whether files other than documents differ from it.
pub(crate) fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        output.status.success().then_some(text)
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ":!docs"])?;
    let changes = if changed.is_empty() { "" } else { " with changes" };
    Some(format!("commit {commit}{changes}"))
}

#[cfg(test)]
impl Crate {
    /// A made-up crate: `deps` are names, a leading `dev:` marks a development dependency, a leading
    /// `optional:` an optional one.
    pub(crate) fn made_up(name: &str, deps: &[&str]) -> Self {
        let dependency = |text: &&str| {
            let (kind, name) = text.split_once(':').unwrap_or(("", text));
            Dependency {
                name: name.to_owned(),
                rename: None,
                kind: (kind == "dev").then(|| kind.to_owned()),
                optional: kind == "optional",
            }
        };
        let dependencies = deps.iter().map(dependency).collect();
        Self { name: name.to_owned(), dependencies, ..Self::default() }
    }

    /// The same crate with a feature.
    pub(crate) fn with_feature(mut self, name: &str, list: &[&str]) -> Self {
        let list = list.iter().map(|&item| item.to_owned()).collect();
        self.features.insert(name.to_owned(), list);
        self
    }
}
