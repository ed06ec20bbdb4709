//! `clip-cli completions`.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::{Outcome, output};

pub(crate) fn run(shell: clap_complete::Shell) -> Result<Outcome> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    // It panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    output::print(|out| out.write_all(&script))?;
    Ok(Outcome::Found)
}
