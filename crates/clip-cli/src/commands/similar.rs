//! `clip-cli similar`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip_search::TermContent;

use super::search;
use crate::Outcome;
use crate::args::{AnswerArgs, TruncateArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli similar dog.jpg                 pictures of the library like this one
  clip-cli similar dog.jpg ~/Pictures      index a folder and search it
  clip-cli similar dog.jpg --modality text     what is written like it, after `index --texts`

The picture itself is not among the answers; `dupes` finds copies.")]
pub(crate) struct SimilarArgs {
    /// The picture
    #[arg(value_name = "FILE")]
    picture: PathBuf,

    /// Folders and pictures to search, indexed on the way; without any, the whole library
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    answers: AnswerArgs,
}

pub(crate) fn run(args: &SimilarArgs) -> Result<Outcome> {
    let terms = vec![TermContent::Path(args.picture.clone()).into()];
    search::find(&args.answers, terms, TruncateArgs::default(), &args.paths)
}
