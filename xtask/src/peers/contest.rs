//! Works that peers answer for: first whether they agree, then how long they take.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::Setup;
use super::agreement::lowest_cosine;
use super::entry::{self, Entries, LeftOut};
use super::peer::{Numbers, Peer};
use super::process::Answering;
use super::roster::reference;
use super::table::{Column, Row, Show, Table};
use super::work::Work;

/// Below this a vector points elsewhere, whatever the number of its bits.
const LEAST_OF_FEWER: f64 = 0.95;

#[derive(Deserialize)]
struct Embeddings {
    embeddings: Vec<Vec<f64>>,
    /// What a label cannot know beforehand.
    note: Option<String>,
}

#[derive(Deserialize)]
struct Timing {
    seconds_per_item: f64,
}

/// A peer at work.
struct Runner {
    peer: &'static Peer,
    process: Answering,
    answers: Answers,
    /// Seconds an item, by batch and round.
    costs: Vec<Vec<f64>>,
    failed: Option<anyhow::Error>,
}

/// What a peer's vectors say.
#[derive(Default)]
struct Answers {
    /// The lowest to what is right.
    cosine: Option<f64>,
    note: Option<String>,
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
        columns: work.batches(setup.model).iter().map(column).collect(),
        ..Table::default()
    };
    let mut runners = Vec::new();
    for runner in checked(setup, entries, work)? {
        match runner {
            Ok(runner) => runners.push(runner),
            Err(left_out) => table.left_out.push(left_out),
        }
    }
    for (column, &batch) in work.batches(setup.model).iter().enumerate() {
        anstream::eprintln!("{}, {batch} at once: {} rounds", work.name(), setup.rounds);
        for round in 0..=setup.rounds {
            time(setup, &mut runners, work, column, round);
        }
    }
    for Runner { peer, answers: Answers { cosine, note }, costs, failed, .. } in runners {
        match failed {
            None => {
                let mut label = peer.label(work, setup.limit);
                if let Some(note) = note {
                    label += &format!(", {note}");
                }
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
        let batch = work.batches(setup.model)[column];
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
    let reference = reference(work, setup.model);
    let failed = || format!("{}, which says what is right, failed", reference.name);
    let mut process = start(setup, reference, work).with_context(failed)?;
    let right = vectors(setup, &mut process, work).with_context(failed)?;
    let mut process = Some(process);
    let taking_part = entries.ready.iter().filter(|peer| peer.does(work, setup.model));
    let runners = taking_part.map(|&peer| {
        let mut check = || {
            let own = process.take_if(|_| peer.name == reference.name);
            let mut process = own.map_or_else(|| start(setup, peer, work), Ok)?;
            let answers = agree(setup, peer, work, &mut process, &right)?;
            let costs = vec![Vec::new(); work.batches(setup.model).len()];
            Ok(Runner { peer, process, answers, costs, failed: None })
        };
        check().map_err(|error: anyhow::Error| LeftOut { peer, reason: format!("{error:#}") })
    });
    Ok(runners.collect())
}

fn start(setup: &Setup<'_>, peer: &Peer, work: Work) -> Result<Answering> {
    anstream::eprintln!("{}: starting {}", work.name(), peer.name);
    let log = setup.folders.log(&format!("{}-{}", work.name(), peer.name));
    Answering::start(&mut entry::command(setup, peer, work), &log)
}

/// A peer's vectors, by batch.
fn vectors(setup: &Setup<'_>, process: &mut Answering, work: Work) -> Result<Vec<Embeddings>> {
    let ask = |&batch: &usize| {
        process.ask(&json!({ "work": work.name(), "batch": batch, "embed": true }))
    };
    work.batches(setup.model).iter().map(ask).collect()
}

/// What a peer that gives vectors says, where it is near enough to what is right.
fn agree(
    setup: &Setup<'_>,
    peer: &Peer,
    work: Work,
    process: &mut Answering,
    right: &[Embeddings],
) -> Result<Answers> {
    let least = match peer.numbers {
        Numbers::F32 => work.least_cosine(),
        Numbers::Fewer => LEAST_OF_FEWER,
        Numbers::Yardstick => return Ok(Answers::default()),
    };
    let (mut lowest, mut note) = (1.0_f64, None);
    for (answer, right) in vectors(setup, process, work)?.into_iter().zip(right) {
        lowest = lowest.min(lowest_cosine(&answer.embeddings, &right.embeddings)?);
        note = answer.note;
    }
    ensure!(
        lowest >= least,
        "it disagrees with {}: a cosine of {lowest:.6}, and the least is {least}",
        reference(work, setup.model).name
    );
    Ok(Answers { cosine: Some(lowest), note })
}
