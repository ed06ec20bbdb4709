//! `cargo xtask bench-peers`: how fast others run the same model on the same inputs.
//!
//! The chore starts processes and reads their clocks; it runs no model itself. A peer is a process that
//! answers one line of JSON with one (`benches/peers/protocol.py` has the lines), ours among them.
//! Peers answer in turn, round by round, so that a machine whose speed changes is as unkind to all.

mod agreement;
mod contest;
mod entry;
mod folders;
mod launches;
mod machine;
mod numbers;
mod page;
mod peer;
mod process;
mod python;
mod report;
mod table;
mod work;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args as ClapArgs;

use self::entry::Entries;
use self::folders::Folders;
use self::machine::Machine;
use self::peer::{PEERS, Peer};
use self::python::Python;
use self::report::Report;
use self::work::Work;
use crate::workspace::Workspace;

/// Compare the speed of this project with that of others that run CLIP.
///
/// All run one ViT-B/32 with random weights on the same inputs and with as many threads, in turn, and
/// must agree with transformers before they are timed. The first run makes a Python environment and
/// the inputs in target/peers: some 9 GB on Linux, of which 5 are the GPU half of PyTorch
/// (PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu leaves it out). A peer that cannot be
/// installed, or disagrees, is left out with a line that says so; target/peers/logs has more.
///
/// A run of all peers replaces the tables of its works in docs/benchmarks.md. It takes some twenty
/// minutes on two cores; leave the machine alone meanwhile.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What to compare, with commas [default: everything]
    #[arg(long = "work", value_name = "WORK", value_delimiter = ',')]
    works: Vec<Work>,
    /// With whom, with commas; the page stays as it is [default: all]
    #[arg(long, value_name = "PEER", value_delimiter = ',', value_parser = peer::by_name())]
    peers: Vec<&'static Peer>,
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
    /// Rounds that count.
    rounds: usize,
    /// How long a peer is timed in a round, at the least.
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    // Before the preparations make the machine busy.
    let machine = Machine::read();
    let folders = Folders::new(Workspace::read()?)?;
    let works = if args.works.is_empty() { Work::ALL.to_vec() } else { args.works.clone() };
    let peers = if args.peers.is_empty() { PEERS.to_vec() } else { args.peers.clone() };
    let threads = args.threads.map_or(machine.cores, usize::from);
    let setup = Setup {
        folders: &folders,
        python: Python::prepare(&folders, &args.python, threads)?,
        rounds: if args.quick { 2 } else { args.rounds.into() },
        seconds: if args.quick { 0.3 } else { 1.5 },
    };

    let entries = Entries::prepare(&setup, &peers, &works)?;
    let report = Report::new(&setup, machine)?;
    for work in works {
        let table = match work {
            Work::Image | Work::Text | Work::Folder | Work::Search | Work::Graph => {
                contest::run(&setup, &entries, work)?
            }
            Work::Start | Work::Memory => launches::run(&setup, &entries, work)?,
        };
        let block = report.block(work, &entries, &table);
        crate::print(format_args!("\n{}\n\n{block}\n", work.name()))?;
        if args.peers.is_empty() && !args.quick {
            page::write(&folders.page(), work.name(), &block)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
