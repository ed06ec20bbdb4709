//! Everything that peers need before they start: programs, packages, weights, inputs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clip_weights::{Dtype, Options, Source, convert, convert_stem};

use super::folders::Folders;
use super::model::Model;
use super::peer::{Peer, Program};
use super::python::COMMON;
use super::roster::OURS;
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
        let Setup { folders, model, .. } = *setup;
        anstream::eprintln!("making the weights and inputs");
        if works.iter().any(|work| work.runs_towers()) {
            let packages = setup.model.packages();
            if !packages.is_empty() {
                setup.python.install(&COMMON, packages)?;
            }
            write(setup, "weights", &folders.model(model))?;
        }
        if works.iter().any(|work| work.searches()) {
            write(setup, "vectors", &folders.material())?;
        }
        if works.iter().any(|work| work.reads_files()) {
            anstream::eprintln!("making the pictures");
            write(setup, "pictures", &folders.material())?;
        }
        if works.contains(&Work::Start) {
            canonical(setup, Dtype::F16)?;
        }
        let wanted = |peer: &&&Peer| works.iter().any(|&work| peer.does(work, model));
        let mut entries = Self::default();
        for &peer in peers.iter().filter(wanted) {
            anstream::eprintln!("preparing {}", peer.name);
            let entered = match peer.excluded(&setup.machine, setup.limit) {
                Some(reason) => Err(anyhow::Error::msg(reason)),
                None => enter(setup, peer, works),
            };
            match entered {
                Ok(()) => entries.ready.push(peer),
                Err(error) if peer.name == OURS.name => {
                    return Err(error.context("ours cannot be built"));
                }
                Err(error) => {
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
    let Setup { folders, ref python, model, .. } = *setup;
    match peer.program {
        Program::Ours(dtype) => {
            if works.iter().any(|&work| work.searches() && peer.does(work, model)) {
                apart(folders, "library")?;
            }
            if works.iter().any(|work| work.runs_towers()) {
                canonical(setup, dtype)?;
            }
            build(folders, works)
        }
        Program::Products => build(folders, works),
        Program::Candle => apart(folders, "candle"),
        Program::Python(script) => {
            python.install(script.environment, script.packages)?;
            for step in script.steps {
                write(setup, step, &folders.model(model))
                    .context("its files of the towers cannot be made")?;
            }
            Ok(())
        }
    }
}

/// Builds our programs, with the whole workspace's features, so that Burn is compiled once.
fn build(folders: &Folders, works: &[Work]) -> Result<()> {
    if works.iter().all(|work| work.searches()) {
        return Ok(());
    }
    let mut cargo = cargo();
    cargo.args(["build", "--workspace", "--bin", "peer", "--bin", "train", "--bin", "clip-cli"]);
    process::finish(cargo.current_dir(folders.root()), &folders.log("build-ours"))
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
fn write(setup: &Setup<'_>, step: &str, folder: &Path) -> Result<()> {
    let mut command = setup.python.script(&COMMON, "prepare.py");
    command.arg(step).arg(folder);
    process::finish(&mut command, &setup.folders.log(&format!("prepare-{step}")))
}

/// Our file of the same weights, made anew each time: what a number format covers may have changed.
fn canonical(setup: &Setup<'_>, dtype: Dtype) -> Result<()> {
    let folder = setup.folders.model(setup.model);
    let output = Some(weights(setup, dtype));
    let options = Options { output, dtype: Some(dtype), force: true, ..Options::default() };
    let failed = || format!("the weights cannot be converted to {}", dtype.name());
    match setup.model {
        Model::EfficientNetLite0 => {
            convert_stem(&folder.join("model.safetensors"), &options, &mut ())
                .with_context(failed)?;
        }
        _ => {
            convert(&Source::Path(folder.join("hf")), &options, &mut ()).with_context(failed)?;
        }
    }
    Ok(())
}

/// Our file of the weights; `benches/src/bin/peer.rs` knows its name too.
pub(crate) fn weights(setup: &Setup<'_>, dtype: Dtype) -> PathBuf {
    let name = format!("ours-{}.safetensors", dtype.name());
    setup.folders.model(setup.model).join(name)
}

/// How a peer is started to answer.
pub(crate) fn command(setup: &Setup<'_>, peer: &Peer, work: Work) -> Command {
    let Setup { folders, ref python, .. } = *setup;
    let threads = python.threads().to_string();
    let mut command = match peer.program {
        Program::Ours(_) if work.searches() => Command::new(folders.apart("library")),
        Program::Ours(_) | Program::Products => Command::new(folders.program("peer")),
        Program::Candle => Command::new(folders.apart("candle")),
        Program::Python(script) => python.script(script.environment, script.file),
    };
    command.arg(folders.inputs(work, setup.model)).env("RAYON_NUM_THREADS", &threads);
    match peer.program {
        Program::Ours(_) if work.searches() => {}
        Program::Ours(dtype) => {
            command.args(["--dtype", dtype.name()]);
        }
        Program::Products => {
            command.arg("--products");
        }
        Program::Candle => {}
        Program::Python(script) => {
            command.args(["--threads", &threads]).args(script.options);
        }
    }
    hold(setup, peer, &mut command);
    command
}

/// Sets what keeps a peer within the run's limit.
pub(crate) fn hold(setup: &Setup<'_>, peer: &Peer, command: &mut Command) {
    if let Some(limit) = setup.limit {
        command.envs(peer.kernels.variables(limit).unwrap_or_default());
    }
}
