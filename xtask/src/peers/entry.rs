//! Everything that peers need before they start: programs, packages, weights, inputs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clip_weights::{Dtype, Options, Source, convert};

use super::folders::Folders;
use super::peer::{ONNX, Peer, Program};
use super::python::Python;
use super::work::Work;
use super::{Setup, process};

/// Who can start, and who cannot and why.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) ready: Vec<&'static Peer>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Somebody who does not take part.
#[derive(Debug)]
pub(crate) struct LeftOut {
    pub(crate) peer: &'static Peer,
    /// One sentence.
    pub(crate) reason: String,
}

impl Entries {
    /// Installs and builds the peers, and makes what is run. Whatever is there already is kept.
    ///
    /// # Errors
    ///
    /// Where ours cannot be built or the weights and inputs not made. Others are left out.
    pub(crate) fn prepare(
        setup: &Setup<'_>,
        peers: &[&'static Peer],
        works: &[Work],
    ) -> Result<Self> {
        let folders = setup.folders;
        anstream::eprintln!("making the weights and inputs");
        if works.iter().any(|work| work.runs_towers()) {
            write(setup, "weights")?;
            canonical(folders)?;
        }
        if works.iter().any(|work| !work.runs_towers()) {
            write(setup, "vectors")?;
        }
        if works.iter().any(|work| work.reads_files()) {
            anstream::eprintln!("making the pictures");
            write(setup, "pictures")?;
        }
        let wanted = |peer: &&&Peer| peer.works.iter().any(|work| works.contains(work));
        let mut entries = Self::default();
        for &peer in peers.iter().filter(wanted) {
            anstream::eprintln!("preparing {}", peer.name);
            match (enter(setup, peer, works), peer.program) {
                (Ok(()), _) => entries.ready.push(peer),
                (Err(error), Program::Ours { .. }) => {
                    return Err(error.context("ours cannot be built"));
                }
                (Err(error), _) => {
                    anstream::eprintln!("{} is left out: {error:#}", peer.name);
                    entries.left_out.push(LeftOut { peer, reason: format!("{error:#}") });
                }
            }
        }
        Ok(entries)
    }
}

/// Installs or builds one.
fn enter(setup: &Setup<'_>, peer: &Peer, works: &[Work]) -> Result<()> {
    let Setup { folders, python, .. } = setup;
    match peer.program {
        Program::Ours { .. } => {
            if works.iter().any(|work| !work.runs_towers()) {
                apart(folders, "library")?;
            }
            if works.iter().all(|work| !work.runs_towers()) {
                return Ok(());
            }
            // The whole workspace's features, so that Burn is compiled once.
            let mut cargo = cargo();
            cargo.args(["build", "--workspace", "--bin", "peer", "--bin", "clip-cli"]);
            process::finish(cargo.current_dir(folders.root()), &folders.log("build-ours"))
        }
        Program::Candle => apart(folders, "candle"),
        Program::Python { packages, .. } => {
            if !packages.is_empty() {
                python.install(packages)?;
            }
            if peer.reads_onnx() {
                python.install(ONNX)?;
                write(setup, "onnx").context("the towers cannot be written as ONNX")?;
            }
            Ok(())
        }
    }
}

/// Builds a peer that is no member of the workspace.
fn apart(folders: &Folders, name: &str) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--locked", "--manifest-path"]);
    cargo.arg(folders.sources().join(name).join("Cargo.toml"));
    cargo.arg("--target-dir").arg(folders.own(name));
    process::finish(&mut cargo, &folders.log(&format!("build-{name}")))
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A step of `prepare.py`.
fn write(setup: &Setup<'_>, step: &str) -> Result<()> {
    let mut command = setup.python.script("prepare.py");
    command.arg(step).arg(setup.folders.material());
    process::finish(&mut command, &setup.folders.log(&format!("prepare-{step}")))
}

/// Our files of the same weights.
fn canonical(folders: &Folders) -> Result<()> {
    let source = Source::Path(folders.material().join("hf"));
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Int8] {
        let output = model(folders, dtype);
        if !output.exists() {
            let options =
                Options { output: Some(output), dtype: Some(dtype), ..Options::default() };
            convert(&source, &options, &mut ()).context("the weights cannot be converted")?;
        }
    }
    Ok(())
}

/// Our file of the weights.
pub(crate) fn model(folders: &Folders, dtype: Dtype) -> PathBuf {
    let ending = match dtype {
        Dtype::F32 => String::new(),
        dtype => format!("-{}", dtype.name()),
    };
    folders.material().join(format!("vit-b-32{ending}.safetensors"))
}

/// How a peer is started to answer.
pub(crate) fn command(folders: &Folders, python: &Python<'_>, peer: &Peer, work: Work) -> Command {
    let mut command = match peer.program {
        Program::Ours { .. } if work.runs_towers() => Command::new(folders.program("peer")),
        Program::Ours { .. } => Command::new(folders.apart("library")),
        Program::Candle => Command::new(folders.apart("candle")),
        Program::Python { script, .. } => python.script(script),
    };
    command.arg(folders.material()).env("RAYON_NUM_THREADS", python.threads().to_string());
    match peer.program {
        Program::Ours { options } => {
            command.args(options);
        }
        Program::Python { options, .. } => {
            command.args(["--threads", &python.threads().to_string()]).args(options);
        }
        Program::Candle => {}
    }
    command
}
