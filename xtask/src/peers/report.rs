//! What goes on the page: a table, and all that one must know to read or repeat it.

use anyhow::Result;

use super::Setup;
use super::entry::{Entries, LeftOut};
use super::isa::Variable;
use super::model::Model;
use super::python::BASE;
use super::table::Table;
use super::work::Work;
use crate::workspace::commit;

/// What all blocks of a run say.
#[derive(Debug)]
pub(crate) struct Report {
    date: String,
    python: String,
    commit: String,
}

impl Report {
    pub(crate) fn new(setup: &Setup<'_>) -> Result<Self> {
        let [date, python] = setup.python.today()?;
        let commit = commit(setup.folders.root()).unwrap_or_else(|| "an unknown commit".to_owned());
        Ok(Self { date, python, commit })
    }

    /// The block of one work.
    pub(crate) fn block(
        &self,
        setup: &Setup<'_>,
        work: Work,
        entries: &Entries,
        table: &Table,
    ) -> String {
        let Self { date, python, commit } = self;
        let (machine, rounds, threads) = (&setup.machine, setup.rounds, setup.python.threads());
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
                "{}: {date}, {commit}; {machine}; {each}; median of {rounds} rounds in turn \
                 (and range). {}.",
                instructions(setup, table),
                versions.join(", ")
            ),
            String::new(),
            table.markdown(),
            String::new(),
        ];
        let absent = entries.left_out.iter().filter(|one| one.peer.does(work, setup.model));
        lines.extend(table.note().into_iter().flat_map(|note| [note, String::new()]));
        for LeftOut { peer, reason } in absent {
            lines.extend([format!("Left out: {}: {reason}.", peer.name), String::new()]);
        }
        lines.push(format!("`{}`", command(setup, work)));
        lines.join("\n")
    }
}

/// The instruction set, and what holds peers down to it.
fn instructions(setup: &Setup<'_>, table: &Table) -> String {
    let Some(limit) = setup.limit else { return format!("`{}`", setup.machine.kind()) };
    let mut variables: Vec<Variable> = Vec::new();
    for row in &table.rows {
        for variable in row.peer.kernels.variables(limit).unwrap_or_default() {
            if !variables.contains(&variable) {
                variables.push(variable);
            }
        }
    }
    let shown: Vec<_> = variables.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
    format!("`{}`, held down by {}", limit.isa, shown.join(", "))
}

/// How to repeat it.
fn command(setup: &Setup<'_>, work: Work) -> String {
    let mut command = format!("cargo xtask bench-peers --work {}", work.name());
    if setup.model != Model::VitB32 {
        command += &format!(" --model {}", setup.model.name());
    }
    if let Some(limit) = setup.limit {
        command += &format!(" --isa {}", limit.isa);
    }
    command += &format!(" --rounds {}", setup.rounds);
    if let Some(group) = setup.group.filter(|_| work.is_contest()) {
        command += &format!(" --group {group}");
    }
    if setup.python.threads() != setup.machine.cores {
        command += &format!(" --threads {}", setup.python.threads());
    }
    command
}
