//! `clip-cli search` and `clip-cli similar`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clip_retrieval::Filter;
use clip_search::{
    Answer, Engine, Found, Note, SearchRequest, Term, TermContent, UpdateOptions, absolute,
    rank_texts, scan,
};

use crate::args::{AnswerArgs, TruncateArgs};
use crate::progress::Reporter;
use crate::{Outcome, hints, library, model, output, preview, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/search.txt"))]
pub(crate) struct SearchArgs {
    /// What to look for: words, or a picture where it starts with ./, / or file://; a prefix such
    /// as 2: is its weight
    #[arg(value_name = "QUERY", required_unless_present = "image")]
    query: Option<OsString>,

    /// Folders and pictures to search, indexed on the way; without any, the whole library
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Look for pictures like this file instead of a QUERY
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// Rank the lines of this file instead of pictures
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "relevance"])]
    texts: Option<PathBuf>,

    /// Another term to look for, written like QUERY; a bare + behind QUERY does the same (repeatable)
    #[arg(short, long, value_name = "TERM", allow_hyphen_values = true)]
    add: Vec<OsString>,

    /// A term to keep away from, written like QUERY; a bare - behind QUERY does the same (repeatable)
    #[arg(short, long, value_name = "TERM", allow_hyphen_values = true)]
    subtract: Vec<OsString>,

    #[command(flatten)]
    truncate: TruncateArgs,
    #[command(flatten)]
    answers: AnswerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/similar.txt"))]
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

/// Answers `similar`.
pub(crate) fn similar(args: &SimilarArgs) -> Result<Outcome> {
    let request = args.answers.request(vec![TermContent::Path(args.picture.clone()).into()]);
    find(&args.answers, request, TruncateArgs::default(), &args.paths)
}

pub(crate) fn run(args: &SearchArgs) -> Result<Outcome> {
    let (terms, paths) = read_query(args)?;
    let request = args.answers.request(terms);
    match &args.texts {
        Some(file) => rank(args, &request, file),
        None => find(&args.answers, request, args.truncate, &paths),
    }
}

/// The weighted terms, and the paths to search. After `--image` the first word is a path too.
fn read_query(args: &SearchArgs) -> Result<(Vec<Term>, Vec<PathBuf>)> {
    let mut paths = args.paths.clone();
    let first = match (&args.image, &args.query) {
        (Some(image), query) => {
            paths.splice(0..0, query.as_ref().map(PathBuf::from));
            TermContent::Path(image.clone()).into()
        }
        (None, Some(query)) => Term::parse(query)?,
        (None, None) => bail!("the query is empty: write what to look for"),
    };
    if args.texts.is_some() && !paths.is_empty() {
        bail!("--texts ranks the lines of a file: leave out {}", paths[0].display());
    }
    let mut terms = vec![first];
    terms.extend(Term::parse_all(&args.add, &args.subtract)?);
    Ok((terms, paths))
}

/// Answers a request from the library.
fn find(
    args: &AnswerArgs,
    mut request: SearchRequest,
    truncate: TruncateArgs,
    paths: &[PathBuf],
) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, truncate.overflow())?;
    // Before any indexing: a query that cannot be understood should fail at once.
    request.query.encode(&embedder, None)?;
    let engine = library::engine(&args.library, embedder)?;
    let mut reporter = Reporter::new();
    request.filter = prepare(args, &engine, paths, &mut reporter)?;
    let response = engine.search(&request)?;
    print(args, response.answers())?;
    reporter.summarize();
    if !response.hits.is_empty() {
        library::introduce(engine.collection());
    }
    Ok(Outcome::found(!response.hits.is_empty()))
}

/// Where there are paths, brings the library up to date with them; says what is searched.
fn prepare(
    args: &AnswerArgs,
    engine: &Engine,
    paths: &[PathBuf],
    reporter: &mut Reporter,
) -> Result<Filter> {
    let filter = args.filter.filter();
    if paths.is_empty() {
        if engine.count()? == 0 {
            bail!(hints::EMPTY);
        }
        return Ok(filter);
    }
    if args.no_indexing {
        let under = paths.iter().map(|path| absolute(path)).collect::<clip_search::Result<_>>()?;
        return Ok(Filter { under, ..filter });
    }
    let scan = scan(paths, &args.scan.options())?;
    let options = UpdateOptions { decode: args.decode.options(), ..UpdateOptions::default() };
    let changes = engine.update(&scan, &options, reporter)?;
    let notes = changes.left_out.notes(&scan, output::named).into_iter();
    report::left_out(notes.filter(|note| matches!(note, Note::Unreadable { .. })));
    if let Some(warning) = scan.nothing_found(paths) {
        report::warning(warning);
    }
    Ok(scan.narrow(filter))
}

/// Prints the answers.
fn print(args: &AnswerArgs, mut answers: Vec<Answer>) -> Result<()> {
    let (format, current) = (args.format.format(), std::env::current_dir().ok());
    for answer in &mut answers {
        if let Found::Image { path } = &mut answer.found {
            *path = output::shorten(path, current.as_deref()).to_owned();
        }
    }
    if !args.preview || !preview::is_possible() {
        return Ok(output::answers(format, &answers)?);
    }
    for answer in &answers {
        output::answers(format, std::slice::from_ref(answer))?;
        if let Found::Image { path } = &answer.found {
            preview::show(path, args.preview_height);
        }
    }
    Ok(())
}

/// Ranks the lines of a file. They are few and change often, so they are not kept.
fn rank(args: &SearchArgs, request: &SearchRequest, file: &Path) -> Result<Outcome> {
    let embedder = model::embedder(&args.answers.model, args.truncate.overflow())?;
    let ranked = rank_texts(&embedder, request, file)?;
    output::answers(args.answers.format.format(), &ranked)?;
    Ok(Outcome::found(!ranked.is_empty()))
}
