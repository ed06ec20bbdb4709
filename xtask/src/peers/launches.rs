//! Works that are whole processes: how long each takes, and how much memory.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clip_weights::Dtype;
use serde::Deserialize;
use serde_json::json;

use super::Setup;
use super::entry::{self, Entries, LeftOut};
use super::peer::Peer;
use super::process::{self, Answering};
use super::python::COMMON;
use super::roster::{OURS, REFERENCE};
use super::table::{Column, Row, Show, Table};
use super::work::Work;

const QUERY: &str = "a dog on a beach";

/// A command line to watch.
struct Launch {
    peer: &'static Peer,
    label: &'static str,
    command: Vec<String>,
    /// Seconds and MiB, by round.
    costs: [Vec<f64>; 2],
    failed: Option<anyhow::Error>,
}

#[derive(Deserialize)]
struct Watched {
    seconds: f64,
    memory_mib: f64,
}

/// Runs every command of the work in turn.
///
/// # Errors
///
/// Where nothing can be started. A command that fails is left out.
pub(crate) fn run(setup: &Setup<'_>, entries: &Entries, work: Work) -> Result<Table> {
    let mut launches = Vec::new();
    for &peer in entries.ready.iter().filter(|peer| peer.does(work, setup.model)) {
        launches.extend(match work {
            Work::Memory => vec![indexing(setup, peer)],
            _ => starts(setup, peer)?,
        });
    }
    let mut launcher = setup.python.script(&COMMON, "launch.py");
    // What it starts gets the same variables, and each peer looks at its own.
    for peer in [&OURS, &REFERENCE] {
        entry::hold(setup, peer, &mut launcher);
    }
    let mut launcher = Answering::start(&mut launcher, &setup.folders.log(work.name()))?;
    for round in 0..=setup.rounds {
        anstream::eprintln!("{}: round {round} of {}", work.name(), setup.rounds);
        for launch in launches.iter_mut().filter(|launch| launch.failed.is_none()) {
            // With a library that is up to date there is nothing to do.
            let _ = std::fs::remove_file(fresh_library(setup));
            match launcher.ask(&json!({ "command": launch.command })) {
                Ok(Watched { .. }) if round == 0 => {}
                Ok(Watched { seconds, memory_mib }) => {
                    launch.costs[0].push(seconds);
                    launch.costs[1].push(memory_mib);
                }
                Err(error) => launch.failed = Some(error),
            }
        }
    }
    Ok(table(launches))
}

fn table(launches: Vec<Launch>) -> Table {
    let column = |title: &str, unit| Column { title: title.to_owned(), show: Show::Cost(unit) };
    let columns = vec![column("time", "s"), column("largest memory", "MiB")];
    let mut table = Table { columns, ..Table::default() };
    for Launch { peer, label, costs, failed, .. } in launches {
        match failed {
            Some(error) => table.failed.push(LeftOut { peer, reason: format!("{error:#}") }),
            None => {
                let (label, costs) = (label.to_owned(), costs.into());
                table.rows.push(Row { peer, label, costs, first_round: 0, cosine: None });
            }
        }
    }
    table
}

impl Launch {
    fn new(peer: &'static Peer, label: &'static str, command: &Command) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let command = words.map(|word| word.display().to_string()).collect();
        Self { peer, label, command, costs: [Vec::new(), Vec::new()], failed: None }
    }
}

/// A text against a library of the samples; transformers encodes the text and stops.
fn starts(setup: &Setup<'_>, peer: &'static Peer) -> Result<Vec<Launch>> {
    if peer.name == REFERENCE.name {
        let once = |label, what| Launch::new(peer, label, &once(setup, what));
        return Ok(vec![
            once("transformers, the whole model, f32", "text"),
            once("transformers, the text half, f32", "text-half"),
        ]);
    }
    let large = entry::weights(setup, Dtype::F16);
    let models = [("ours, ViT-B/32 in f16", Some(large)), ("ours, the built-in model", None)];
    let launch = |(i, (label, model)): (usize, (_, Option<PathBuf>))| {
        let library = setup.folders.own(&format!("library-{i}"));
        let mut index = program(setup, "index", model.as_ref(), &library);
        index.arg(setup.folders.root().join("samples"));
        process::finish(&mut index, &setup.folders.log("library"))
            .context("the samples cannot be indexed")?;
        let mut search = program(setup, "search", model.as_ref(), &library);
        Ok(Launch::new(peer, label, search.arg(QUERY)))
    };
    models.into_iter().enumerate().map(launch).collect()
}

/// The 12-megapixel pictures in batches of 32.
fn indexing(setup: &Setup<'_>, peer: &'static Peer) -> Launch {
    if peer.name == REFERENCE.name {
        return Launch::new(peer, "transformers, f32", &once(setup, "pictures"));
    }
    let model = entry::weights(setup, Dtype::F32);
    let mut index = program(setup, "index", Some(&model), &fresh_library(setup));
    index.args(["--batch-size", "32"]).arg(setup.folders.material().join("jpegs"));
    Launch::new(peer, "ours, `clip-cli index`, f32", &index)
}

fn fresh_library(setup: &Setup<'_>) -> PathBuf {
    setup.folders.own("library-fresh")
}

/// A command of `clip-cli`.
fn program(setup: &Setup<'_>, name: &str, model: Option<&PathBuf>, library: &PathBuf) -> Command {
    let mut command = Command::new(setup.folders.program("clip-cli"));
    command.arg(name).arg("--index").arg(library);
    if let Some(model) = model {
        command.arg("--model").arg(model);
    }
    command
}

/// A process of transformers that does one thing.
fn once(setup: &Setup<'_>, what: &str) -> Command {
    let mut command = setup.python.script(&COMMON, "once.py");
    command.arg(what).arg(setup.folders.model(setup.model));
    command
}
