//! Works that peers answer for: first whether they agree, then how long they take.

use std::collections::VecDeque;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::Setup;
use super::agreement::lowest_cosine;
use super::entry::{self, Entries, LeftOut};
use super::memory;
use super::peer::{Numbers, Peer, Program};
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

/// A peer at work, or what is wrong with it.
struct Runner {
    peer: &'static Peer,
    state: Result<Ready>,
}

/// A peer that agreed.
struct Ready {
    process: Answering,
    answers: Answers,
    /// Seconds an item, by batch and round.
    costs: Vec<Vec<f64>>,
}

/// What a peer's vectors say.
#[derive(Default)]
struct Answers {
    /// The lowest to what is right.
    cosine: Option<f64>,
    note: Option<String>,
}

/// Times everyone who takes part in the work: in groups where memory has no room for all at once, each
/// with ours.
///
/// # Errors
///
/// Where the reference cannot say what is right. Others that fail get a row that says why.
pub(crate) fn run(setup: &Setup<'_>, entries: &Entries, work: Work) -> Result<Table> {
    let column =
        |batch: &usize| Column { title: format!("{batch} at once"), show: Show::PerSecond };
    let mut table = Table {
        corner: format!("{} a second", work.items()),
        columns: work.batches(setup.model).iter().map(column).collect(),
        ..Table::default()
    };
    let reference = reference(work, setup.model);
    let failed = || format!("{}, which says what is right, failed", reference.name);
    let mut process = start(setup, reference, work).with_context(failed)?;
    let right = vectors(setup, &mut process, work).with_context(failed)?;

    let taking_part = entries.ready.iter().copied();
    let (ours, others): (Vec<_>, Vec<_>) = taking_part
        .filter(|peer| peer.does(work, setup.model))
        .partition(|peer| matches!(peer.program, Program::Ours(_)));
    let asked = others.iter().any(|peer| peer.name == reference.name);
    let mut check = Check { setup, work, right, reference: asked.then_some(process) };
    let mut others = VecDeque::from(others);
    loop {
        let mut group = check.group(&ours, &mut others);
        for (column, &batch) in work.batches(setup.model).iter().enumerate() {
            anstream::eprintln!("{}, {batch} at once: {} rounds", work.name(), setup.rounds);
            for round in 0..=setup.rounds {
                time(setup, &mut group, work, column, round);
            }
        }
        table.add_group(group.into_iter().map(|runner| runner.outcome(setup, work)).collect());
        if others.is_empty() {
            return Ok(table);
        }
    }
}

/// One after the other, from another first one each round; the first round is warm-up.
fn time(setup: &Setup<'_>, runners: &mut [Runner], work: Work, column: usize, round: usize) {
    let count = runners.len();
    for turn in 0..count {
        let runner = &mut runners[(round + turn) % count];
        let Ok(Ready { process, costs, .. }) = &mut runner.state else { continue };
        let batch = work.batches(setup.model)[column];
        let request = json!({ "work": work.name(), "batch": batch, "seconds": setup.seconds });
        match process.ask(&request) {
            Ok(Timing { .. }) if round == 0 => {}
            Ok(Timing { seconds_per_item }) => costs[column].push(seconds_per_item),
            Err(error) => runner.state = Err(error),
        }
    }
}

impl Runner {
    fn outcome(self, setup: &Setup<'_>, work: Work) -> Result<Row, LeftOut> {
        let Self { peer, state } = self;
        let Ready { answers: Answers { cosine, note }, costs, .. } =
            state.map_err(|error| LeftOut { peer, reason: format!("{error:#}") })?;
        let mut label = peer.label(work, setup.limit);
        if let Some(note) = note {
            label += &format!(", {note}");
        }
        Ok(Row { peer, label, costs, first_round: 0, cosine })
    }
}

/// What peers are checked by before they are timed.
struct Check<'a> {
    setup: &'a Setup<'a>,
    work: Work,
    /// The reference's vectors, by batch.
    right: Vec<Embeddings>,
    /// Its process, until the first group has started.
    reference: Option<Answering>,
}

impl Check<'_> {
    /// Starts ours and, of the others, as many as are loaded at once, and asks for the vectors of every batch.
    fn group(
        &mut self,
        ours: &[&'static Peer],
        others: &mut VecDeque<&'static Peer>,
    ) -> Vec<Runner> {
        let mut runners: Vec<_> = ours.iter().map(|&peer| self.runner(peer)).collect();
        let need = memory::need(&self.setup.folders.inputs(self.work, self.setup.model));
        let mut loaded = 0;
        while let Some(&peer) = others.front() {
            let waits = match self.setup.group {
                Some(most) => loaded == most,
                None => loaded > 0 && memory::free().is_some_and(|free| free < need),
            };
            if waits {
                break;
            }
            others.pop_front();
            let runner = self.runner(peer);
            loaded += usize::from(runner.state.is_ok());
            runners.push(runner);
        }
        self.reference = None;
        runners
    }

    fn runner(&mut self, peer: &'static Peer) -> Runner {
        let state = self.ready(peer);
        if let Err(error) = &state {
            anstream::eprintln!("{} failed: {error:#}", peer.name);
        }
        Runner { peer, state }
    }

    fn ready(&mut self, peer: &'static Peer) -> Result<Ready> {
        let Self { setup, work, ref right, ref mut reference } = *self;
        let is_reference = peer.name == super::roster::reference(work, setup.model).name;
        let own = reference.take_if(|_| is_reference);
        let mut process = own.map_or_else(|| start(setup, peer, work), Ok)?;
        let answers = agree(setup, peer, work, &mut process, right)?;
        let costs = vec![Vec::new(); work.batches(setup.model).len()];
        Ok(Ready { process, answers, costs })
    }
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
