//! `cargo xtask bench-peers`: how fast others run the same model on the same inputs.
//!
//! The chore starts processes and reads their clocks; it runs no model itself. A peer is a process that
//! answers one line of JSON with one (`benches/peers/protocol.py` has the lines), ours among them.
//! Peers answer in turn, round by round, so that a machine whose speed changes is as unkind to all.

mod agreement;
mod contest;
mod entry;
mod folders;
mod isa;
mod launches;
mod machine;
mod memory;
mod model;
mod numbers;
mod page;
mod peer;
mod process;
mod python;
mod report;
mod roster;
mod table;
mod training;
mod work;

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Args as ClapArgs;

use self::entry::Entries;
use self::folders::Folders;
use self::isa::Limit;
use self::machine::Machine;
use self::model::Model;
use self::page::Block;
use self::peer::Peer;
use self::python::Python;
use self::report::Report;
use self::roster::PEERS;
use self::work::Work;
use crate::workspace::Workspace;

/// Compare the speed of this project with that of others that run CLIP.
///
/// All run one model with random weights on the same inputs and with as many threads, in turn, and
/// must agree with transformers before they are timed. The first run makes Python environments and
/// the inputs in target/peers: some 20 GB on Linux, of which 10 are the GPU half of two versions of PyTorch
/// (PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu leaves it out). A peer that cannot be
/// installed is left out with a line that says so, one that fails or disagrees has a row that says why;
/// target/peers/logs has more. Peers that together exceed memory run in groups, each with ours.
///
/// A run of all peers replaces the tables of its works on the page of this kind of processor, or of
/// the one that --isa names, in docs/benchmarks. It takes some forty minutes on two cores; leave the
/// machine alone meanwhile.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What to compare, with commas [default: everything that is measured with the model]
    #[arg(long = "work", value_name = "WORK", value_delimiter = ',')]
    works: Vec<Work>,
    /// With which model
    #[arg(long, value_name = "MODEL", default_value = "vit-b-32")]
    model: Model,
    /// Hold all peers down to an instruction set, and leave out those that cannot be; means nothing
    /// where the processor has none above it
    #[arg(long, value_name = "NAME", value_parser = isa::by_name())]
    isa: Option<&'static Limit>,
    /// With whom, with commas; the page stays as it is [default: all]
    #[arg(long, value_name = "PEER", value_delimiter = ',', value_parser = roster::by_name())]
    peers: Vec<&'static Peer>,
    /// Peers beside ours that are loaded at the same time; the next group starts when they have ended
    /// [default: as many as memory has room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    group: Option<u16>,
    /// Rounds that count; one before them does not
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Threads of each peer [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Two short rounds, to see that everything runs; the page stays as it is
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// What makes the Python environment
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
}

/// What all works are run with.
#[derive(Debug)]
struct Setup<'a> {
    folders: &'a Folders,
    python: Python<'a>,
    machine: Machine,
    model: Model,
    /// Nothing where the processor has no more.
    limit: Option<&'static Limit>,
    /// Peers beside ours that are loaded at the same time, where somebody said.
    group: Option<usize>,
    /// Rounds that count.
    rounds: usize,
    /// How long a peer is timed in a round, at the least.
    seconds: f64,
}

impl Setup<'_> {
    /// The kind of processor that the run stands for.
    fn kind(&self) -> &'static str {
        self.limit.map_or(self.machine.kind(), |limit| limit.isa.name())
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    // Before the preparations make the machine busy.
    let machine = Machine::read();
    let works = works(&args.works, args.model)?;
    ensure!(
        args.group.is_none() || works.iter().any(|work| work.is_contest()),
        "peers run one at a time in these works: leave --group out"
    );
    if let Some(name) = isa::set_by_hand(|name| std::env::var_os(name).is_some()) {
        bail!("{name} is set, which holds down some peers and not others: unset it, and use --isa");
    }
    let limit = args.isa.map_or(Ok(None), |limit| machine.hold(limit))?;
    let folders = Folders::new(Workspace::read()?)?;
    let peers = if args.peers.is_empty() { PEERS.to_vec() } else { args.peers.clone() };
    let threads = args.threads.map_or(machine.cores, usize::from);
    let setup = Setup {
        folders: &folders,
        python: Python::prepare(&folders, &args.python, threads)?,
        machine,
        model: args.model,
        limit,
        group: args.group.map(usize::from),
        rounds: if args.quick { 2 } else { args.rounds.into() },
        seconds: if args.quick { 0.3 } else { 1.5 },
    };

    let entries = Entries::prepare(&setup, &peers, &works)?;
    let report = Report::new(&setup)?;
    for work in works {
        let table = match work {
            _ if work.is_contest() => contest::run(&setup, &entries, work)?,
            Work::Start | Work::Memory => launches::run(&setup, &entries, work)?,
            _ => training::run(&setup, &entries)?,
        };
        let text = report.block(&setup, work, &entries, &table);
        let (name, title) = (block_name(work, args.model), title(work, args.model));
        crate::print(format_args!("\n{name}\n\n{text}\n\n"))?;
        if args.peers.is_empty() && !args.quick {
            let block = Block { name: &name, title: &title, text: &text };
            page::write(&folders.page(setup.kind()), &folders.index(), &block)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What to measure; everything where nothing is named.
fn works(named: &[Work], model: Model) -> Result<Vec<Work>> {
    if named.is_empty() {
        return Ok(Work::of(model).to_vec());
    }
    for work in named {
        ensure!(
            Work::of(model).contains(work),
            "{} is measured with {} alone: leave --model out",
            work.name(),
            Model::VitB32.name()
        );
    }
    Ok(named.to_vec())
}

fn block_name(work: Work, model: Model) -> String {
    match model {
        Model::VitB32 => work.name().to_owned(),
        model => format!("{} {}", work.name(), model.name()),
    }
}

fn title(work: Work, model: Model) -> String {
    match model {
        Model::VitB32 => work.title().to_owned(),
        model => format!("{}, {}", work.title(), model.title()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_works_and_blocks_of_its_own() {
        assert_eq!(works(&[], Model::VitB32).unwrap(), Work::ALL);
        assert_eq!(works(&[], Model::VitL14).unwrap(), [Work::Image, Work::Text]);
        assert_eq!(works(&[Work::Text], Model::VitL14).unwrap(), [Work::Text]);
        let error = works(&[Work::Text, Work::Start], Model::Siglip2B16).unwrap_err().to_string();
        assert_eq!(error, "start is measured with vit-b-32 alone: leave --model out");
        assert_eq!(block_name(Work::Image, Model::VitB32), "image");
        assert_eq!(block_name(Work::Image, Model::VitL14), "image vit-l-14");
        assert_eq!(title(Work::Text, Model::Siglip2B16), "Text tower, SigLIP 2 B/16");
    }
}
