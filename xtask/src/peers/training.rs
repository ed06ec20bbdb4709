//! Steps of training: a process of each peer a round, which reports its own clock.

use std::process::Command;

use anyhow::{Context, Result};
use clip_weights::Dtype;
use serde::Deserialize;

use super::Setup;
use super::entry::{self, Entries, LeftOut};
use super::peer::{Peer, Program};
use super::process;
use super::python::COMMON;
use super::table::{Column, Row, Show, Table};
use super::work::Work;

/// The last line of a process.
#[derive(Deserialize)]
struct Trained {
    images_per_second: f64,
    memory_mib: f64,
}

/// Trains with everyone in turn.
pub(crate) fn run(setup: &Setup<'_>, entries: &Entries) -> Result<Table> {
    let columns = vec![
        Column { title: "pictures a second".to_owned(), show: Show::PerSecond },
        Column { title: "largest memory".to_owned(), show: Show::Cost("MiB") },
    ];
    let mut table = Table { columns, ..Table::default() };
    for &peer in entries.ready.iter().filter(|peer| peer.does(Work::Train, setup.model)) {
        let costs = vec![Vec::new(); table.columns.len()];
        table.rows.push(Row {
            peer,
            label: peer.label(Work::Train, setup.limit),
            costs,
            first_round: 0,
            cosine: None,
        });
    }
    // Every process has its own warm-up.
    for round in 1..=setup.rounds {
        anstream::eprintln!("{}: round {round} of {}", Work::Train.name(), setup.rounds);
        let mut failed = Vec::new();
        for row in &mut table.rows {
            match train(setup, row.peer) {
                Ok(Trained { images_per_second, memory_mib }) => {
                    row.costs[0].push(1.0 / images_per_second);
                    row.costs[1].push(memory_mib);
                }
                Err(error) => {
                    failed.push(LeftOut { peer: row.peer, reason: format!("{error:#}") });
                }
            }
        }
        table.rows.retain(|row| failed.iter().all(|one| one.peer.name != row.peer.name));
        table.failed.append(&mut failed);
    }
    Ok(table)
}

fn train(setup: &Setup<'_>, peer: &Peer) -> Result<Trained> {
    let threads = setup.python.threads().to_string();
    let mut command = match peer.program {
        Program::Ours(dtype) => {
            let mut command = Command::new(setup.folders.program("train"));
            command.env("RAYON_NUM_THREADS", &threads);
            if dtype == Dtype::Bf16 {
                command.arg("--bf16");
            }
            command
        }
        _ => {
            let mut command = setup.python.script(&COMMON, "train_pytorch.py");
            command.args(["--threads", &threads]);
            if let Program::Python(script) = peer.program {
                command.args(script.options);
            }
            command
        }
    };
    if setup.seconds < 1.0 {
        command.args(["--steps", "1", "--warmup", "1"]);
    }
    entry::hold(setup, peer, &mut command);
    let log = setup.folders.log(&format!("train-{}", peer.name));
    process::finish(&mut command, &log)?;
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    serde_json::from_str(line.context("it reported nothing")?).context("it reported something else")
}
