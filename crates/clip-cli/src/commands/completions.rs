//! `clip-cli completions`.

use anyhow::Result;
use clap::CommandFactory;

use crate::args::Cli;
use crate::{Outcome, output};

pub(crate) fn run(shell: clap_complete::Shell) -> Result<Outcome> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut output::stdout());
    Ok(Outcome::Found)
}
