//! The Python environments that peers run in.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::folders::Folders;
use super::process;

/// What the weights are made with and every peer in Python needs.
pub(crate) const BASE: &[&str] = &[
    "torch==2.15.0",
    "torchvision==0.29.2",
    "transformers==5.23.0",
    "pillow==13.0.0",
    "numpy==2.4.6",
];

/// A Python environment below the target folder.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Of its folder.
    name: &'static str,
    /// What is in it from the start.
    base: &'static [&'static str],
}

/// That of all peers but those that need another PyTorch.
pub(crate) static COMMON: Environment = Environment { name: "environment", base: BASE };

/// zentorch is compiled for one version of PyTorch.
pub(crate) static ZENTORCH: Environment = Environment {
    name: "zentorch",
    base: &["torch==2.14.0", "transformers==5.23.0", "pillow==13.0.0", "numpy==2.4.6"],
};

/// What starts Python.
#[derive(Debug)]
pub(crate) struct Python<'a> {
    folders: &'a Folders,
    /// What makes the environments.
    maker: &'a str,
    threads: usize,
}

impl<'a> Python<'a> {
    /// Makes the common environment where it is missing.
    pub(crate) fn prepare(folders: &'a Folders, maker: &'a str, threads: usize) -> Result<Self> {
        let python = Self { folders, maker, threads };
        python.install(&COMMON, &[]).context("PyTorch and transformers cannot be installed")?;
        Ok(python)
    }

    fn program(&self, environment: &Environment) -> PathBuf {
        let program = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        self.folders.own(environment.name).join(program)
    }

    /// Installs packages with pip, and before them the environment; quick where they are there.
    pub(crate) fn install(&self, environment: &Environment, packages: &[&str]) -> Result<()> {
        let program = self.program(environment);
        if !program.exists() {
            let mut make = Command::new(self.maker);
            make.args(["-m", "venv"]).arg(self.folders.own(environment.name));
            process::finish(&mut make, &self.folders.log("environment")).context(
                "the peers need Python 3.10 or later with its module venv: install it, or name another with --python",
            )?;
        }
        let packages = [environment.base, packages].concat();
        anstream::eprintln!("installing {}", packages.join(", "));
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]);
        process::finish(pip.args(packages), &self.folders.log("pip"))
    }

    /// One of the peers' scripts, with the right number of threads and nothing written elsewhere.
    pub(crate) fn script(&self, environment: &Environment, name: &str) -> Command {
        let mut command = Command::new(self.program(environment));
        command.arg(self.folders.sources().join(name));
        for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, self.threads.to_string());
        }
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HF_HUB_OFFLINE", "1")
            // NNCF would report its use.
            .env("NNCF_CI", "1")
            .env("HF_HOME", self.folders.own("cache"))
            .env("XDG_CACHE_HOME", self.folders.own("cache"));
        command
    }

    /// Threads of each peer.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// The date and the version of Python, from the one that has a calendar.
    pub(crate) fn today(&self) -> Result<[String; 2]> {
        let script =
            "import datetime, platform; print(datetime.date.today(), platform.python_version())";
        let output = Command::new(self.program(&COMMON)).args(["-c", script]).output();
        let output = output.context("cannot start the environment's Python")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some((date, version)) = text.trim().split_once(' ') else {
            let environment = self.folders.own(COMMON.name);
            bail!("the Python environment is broken: remove {}", environment.display());
        };
        Ok([date.to_owned(), version.to_owned()])
    }
}
