//! `clip-cli mcp`.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use clip::Overflow;
use clip_server::{Observer, Settings};

use crate::args::{LibraryArgs, ModelArgs};
use crate::{Outcome, library, model, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli index ~/Pictures                    first, so that there is something to find
  claude mcp add photos -- clip-cli mcp        then add it to an assistant, here Claude Code

The assistant starts this program itself, and can search images, find similar ones, see them, and ask what
the library holds; it can change nothing. docs/mcp.md has the settings of other assistants. `clip-cli serve`
offers the same over HTTP at /mcp.")]
pub(crate) struct McpArgs {
    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &McpArgs) -> Result<Outcome> {
    // A model may write long sentences: the beginning says what it looks for.
    let embedder = model::embedder(&args.model, Overflow::Truncate)?;
    let collection = library::open_or_create(&args.library, embedder.checkpoint())?;
    clip_server::run_mcp(embedder, Some(collection), Settings::default(), Arc::new(Console))?;
    Ok(Outcome::Found)
}

/// Says on standard error what happens: standard output belongs to the protocol.
struct Console;

impl Observer for Console {
    fn warning(&self, message: &str) {
        report::warning(message);
    }
}
