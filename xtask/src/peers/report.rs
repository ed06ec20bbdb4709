//! What goes on the page: a table, and all that one must know to read or repeat it.

use std::process::Command;

use anyhow::Result;

use super::Setup;
use super::entry::{Entries, LeftOut};
use super::machine::Machine;
use super::python::BASE;
use super::table::Table;
use super::work::Work;

/// What all blocks of a run say.
#[derive(Debug)]
pub(crate) struct Report {
    date: String,
    python: String,
    commit: String,
    machine: Machine,
    rounds: usize,
    threads: usize,
}

impl Report {
    pub(crate) fn new(setup: &Setup<'_>, machine: Machine) -> Result<Self> {
        let [date, python] = setup.python.today()?;
        let commit = commit(setup).unwrap_or_else(|| "an unknown commit".to_owned());
        let (rounds, threads) = (setup.rounds, setup.python.threads());
        Ok(Self { date, python, commit, machine, rounds, threads })
    }

    /// The block of one work.
    pub(crate) fn block(&self, work: Work, entries: &Entries, table: &Table) -> String {
        let Self { date, python, commit, machine, rounds, threads } = self;
        let each = match threads {
            1 => "one thread each".to_owned(),
            _ => format!("{threads} threads each"),
        };
        let mut versions = vec![format!("Python {python}")];
        let base = BASE.iter().map(|name| name.replace("==", " "));
        let own = table.rows.iter().flat_map(|row| row.peer.versions());
        for version in base.chain(own) {
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        let mut lines = vec![
            format!(
                "{date}, {commit}; {machine}; {each}; median of {rounds} rounds in turn \
                 (and range). {}.",
                versions.join(", ")
            ),
            String::new(),
            table.markdown(),
            String::new(),
        ];
        let absent = entries.left_out.iter().filter(|one| one.peer.works.contains(&work));
        for LeftOut { peer, reason } in absent.chain(&table.left_out) {
            lines.extend([format!("Left out: {}: {reason}.", peer.name), String::new()]);
        }
        let mut command =
            format!("cargo xtask bench-peers --work {} --rounds {rounds}", work.name());
        if *threads != machine.cores {
            command += &format!(" --threads {threads}");
        }
        lines.push(format!("`{command}`"));
        lines.join("\n")
    }
}

/// The commit, and whether files differ from it.
fn commit(setup: &Setup<'_>) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        let output = git.current_dir(setup.folders.root()).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        output.status.success().then_some(text)
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ":!docs"])?;
    let changes = if changed.is_empty() { "" } else { " with changes" };
    Some(format!("commit {commit}{changes}"))
}
