//! Works that peers answer for: first whether they agree, then how long they take.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::Setup;
use super::agreement::lowest_cosine;
use super::entry::{self, Entries, LeftOut};
use super::peer::{Numbers, Peer, reference};
use super::process::Answering;
use super::table::{Column, Row, Show, Table};
use super::work::Work;

/// Below this a vector points elsewhere, whatever the number of its bits.
const LEAST_OF_FEWER: f64 = 0.95;

#[derive(Deserialize)]
struct Embeddings {
    embeddings: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Timing {
    seconds_per_item: f64,
}

/// A peer at work.
struct Runner {
    peer: &'static Peer,
    process: Answering,
    cosine: Option<f64>,
    /// Seconds an item, by batch and round.
    costs: Vec<Vec<f64>>,
    failed: Option<anyhow::Error>,
}

/// Times everyone who takes part in the work.
///
/// # Errors
///
/// Where the reference cannot say what is right. Others that fail are left out.
pub(crate) fn run(setup: &Setup<'_>, entries: &Entries, work: Work) -> Result<Table> {
    let column =
        |batch: &usize| Column { title: format!("{batch} at once"), show: Show::PerSecond };
    let mut table = Table {
        corner: format!("{} a second", work.items()),
        columns: work.batches().iter().map(column).collect(),
        ..Table::default()
    };
    let mut runners = Vec::new();
    for runner in checked(setup, entries, work)? {
        match runner {
            Ok(runner) => runners.push(runner),
            Err(left_out) => table.left_out.push(left_out),
        }
    }
    for (column, &batch) in work.batches().iter().enumerate() {
        anstream::eprintln!("{}, {batch} at once: {} rounds", work.name(), setup.rounds);
        for round in 0..=setup.rounds {
            time(setup, &mut runners, work, column, round);
        }
    }
    for Runner { peer, cosine, costs, failed, .. } in runners {
        match failed {
            None => {
                let label = peer.label.to_owned();
                table.rows.push(Row { peer, label, costs, cosine });
            }
            Some(error) => {
                table.left_out.push(LeftOut { peer, reason: format!("{error:#}") });
            }
        }
    }
    Ok(table)
}

/// One after the other, from another first one each round; the first round is warm-up.
fn time(setup: &Setup<'_>, runners: &mut [Runner], work: Work, column: usize, round: usize) {
    let count = runners.len();
    for turn in 0..count {
        let runner = &mut runners[(round + turn) % count];
        if runner.failed.is_some() {
            continue;
        }
        let batch = work.batches()[column];
        let request = json!({ "work": work.name(), "batch": batch, "seconds": setup.seconds });
        match runner.process.ask(&request) {
            Ok(Timing { .. }) if round == 0 => {}
            Ok(Timing { seconds_per_item }) => runner.costs[column].push(seconds_per_item),
            Err(error) => runner.failed = Some(error),
        }
    }
}

/// Starts everyone, and asks for the vectors of every batch.
fn checked(
    setup: &Setup<'_>,
    entries: &Entries,
    work: Work,
) -> Result<Vec<Result<Runner, LeftOut>>> {
    let reference = reference(work);
    let failed = || format!("{}, which says what is right, failed", reference.name);
    let mut process = start(setup, reference, work).with_context(failed)?;
    let right = vectors(&mut process, work).with_context(failed)?;
    let mut process = Some(process);
    let taking_part = entries.ready.iter().filter(|peer| peer.works.contains(&work));
    let runners = taking_part.map(|&peer| {
        let mut check = || {
            let own = process.take_if(|_| peer.name == reference.name);
            let mut process = own.map_or_else(|| start(setup, peer, work), Ok)?;
            let cosine = agree(peer, work, &mut process, &right)?;
            let costs = vec![Vec::new(); work.batches().len()];
            Ok(Runner { peer, process, cosine, costs, failed: None })
        };
        check().map_err(|error: anyhow::Error| LeftOut { peer, reason: format!("{error:#}") })
    });
    Ok(runners.collect())
}

fn start(setup: &Setup<'_>, peer: &Peer, work: Work) -> Result<Answering> {
    anstream::eprintln!("{}: starting {}", work.name(), peer.name);
    let log = setup.folders.log(&format!("{}-{}", work.name(), peer.name));
    Answering::start(&mut entry::command(setup.folders, &setup.python, peer, work), &log)
}

/// A peer's vectors, by batch.
fn vectors(process: &mut Answering, work: Work) -> Result<Vec<Vec<Vec<f64>>>> {
    let ask = |&batch: &usize| {
        let request = json!({ "work": work.name(), "batch": batch, "embed": true });
        Ok(process.ask::<Embeddings>(&request)?.embeddings)
    };
    work.batches().iter().map(ask).collect()
}

/// The lowest cosine to what is right, of a peer that gives vectors.
fn agree(
    peer: &Peer,
    work: Work,
    process: &mut Answering,
    right: &[Vec<Vec<f64>>],
) -> Result<Option<f64>> {
    let least = match peer.numbers {
        Numbers::F32 => work.least_cosine(),
        Numbers::Fewer => LEAST_OF_FEWER,
        Numbers::Yardstick => return Ok(None),
    };
    let mut lowest = 1.0_f64;
    for (vectors, right) in vectors(process, work)?.iter().zip(right) {
        lowest = lowest.min(lowest_cosine(vectors, right)?);
    }
    ensure!(
        lowest >= least,
        "it disagrees with {}: a cosine of {lowest:.6}, and the least is {least}",
        reference(work).name
    );
    Ok(Some(lowest))
}
