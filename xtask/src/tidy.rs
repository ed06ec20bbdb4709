//! `cargo xtask tidy`: the invariants of the workspace, checked.
//!
//! Reads `cargo metadata` and the sources; builds nothing. A broken rule is one line that says
//! which rule it is and how to mend it.

mod features;
mod layers;
mod names;

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;

pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut broken = layers::check(&workspace.crates);
    broken.extend(features::check(&workspace.crates));
    broken.extend(names::check(&workspace.root)?);
    for line in &broken {
        anstream::println!("{line}");
    }
    if broken.is_empty() {
        anstream::println!("tidy: {} crates, all rules kept", workspace.crates.len());
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!("tidy: {} broken", broken.len());
    Ok(ExitCode::FAILURE)
}
