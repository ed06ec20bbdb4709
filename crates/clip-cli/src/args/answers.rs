//! What is searched, and which answers are printed how.

use clap::Args;
use clip_search::{Query, SearchRequest, Term};

use super::{DecodeArgs, FilterArgs, FormatArgs, LibraryArgs, ModelArgs, ScanArgs};

/// How relevant answers are where nothing else is asked for.
const RELEVANT: &str = "4";

/// What is searched, and which answers are printed how.
#[derive(Debug, Clone, Args)]
pub(crate) struct AnswerArgs {
    /// Print at most this many results
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,

    /// Print only what scores at least so much; each model has its own range, so look at some first
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub(crate) min_score: Option<f32>,

    /// Print only what stands out of the library by so many standard deviations: about as strict for
    /// every query and every model
    #[arg(
        long,
        value_name = "LEVEL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = RELEVANT,
        allow_negative_numbers = true
    )]
    pub(crate) relevance: Option<f32>,

    /// Search what is indexed already, without looking for new pictures
    #[arg(short, long)]
    pub(crate) no_indexing: bool,

    /// Compare every vector, also where the library has a graph to search by
    #[arg(long)]
    pub(crate) no_graph: bool,

    /// Show the pictures where standard output is a terminal
    #[arg(short, long, conflicts_with_all = ["json", "jsonl", "null", "filepath_only"])]
    pub(crate) preview: bool,

    /// Lines of the terminal that a shown picture takes
    #[arg(short = 'H', long, value_name = "LINES", default_value_t = 12, requires = "preview")]
    pub(crate) preview_height: u16,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) library: LibraryArgs,
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    #[command(flatten)]
    pub(crate) decode: DecodeArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

impl AnswerArgs {
    /// What is asked for, among all that the filters let pass.
    pub(crate) fn request(&self, terms: Vec<Term>) -> SearchRequest {
        SearchRequest {
            filter: self.filter.filter(),
            top: self.top,
            min_score: self.min_score,
            relevance: self.relevance,
            exact: self.no_graph,
            ..SearchRequest::new(Query::new(terms).with_decode(self.decode.options()))
        }
    }
}
