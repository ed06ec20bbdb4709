//! `cargo xtask tidy`: the invariants of the workspace, checked.
//!
//! Reads `cargo metadata` and the sources; builds nothing. A broken rule is one line that says
//! which rule it is and how to mend it.

mod circles;
mod features;
mod hints;
mod layers;
mod mentions;
mod modules;
mod names;
mod pages;
mod sources;

use std::process::ExitCode;

use anyhow::Result;

use crate::print;
use crate::workspace::Workspace;

pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut broken = layers::check(&workspace.crates);
    broken.extend(features::check(&workspace.crates));
    broken.extend(names::check(&workspace.root)?);
    broken.extend(hints::check(&workspace.root)?);
    broken.extend(circles::check(&workspace.root, &workspace.crates)?);
    broken.extend(pages::check(&workspace.root)?);
    for line in &broken {
        print(format_args!("{line}\n"))?;
    }
    if broken.is_empty() {
        print(format_args!("tidy: {} crates, all rules kept\n", workspace.crates.len()))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(format_args!("tidy: {} broken\n", broken.len()))?;
    Ok(ExitCode::FAILURE)
}
