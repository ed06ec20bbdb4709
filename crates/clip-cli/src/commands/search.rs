//! `clip-cli search`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clip_retrieval::{Content, Filter, Item};
use clip_search::{
    Engine, Error, Query, SearchRequest, SearchResponse, Term, TermContent, UpdateOptions,
    absolute, rank_texts, scan,
};

use crate::args::{AnswerArgs, TruncateArgs};
use crate::output::{self, Found, Row};
use crate::progress::Reporter;
use crate::{Outcome, left_out, library, model, preview, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli search \"a dog on a beach\" ~/Pictures     index a folder and search it
  clip-cli search \"a dog on a beach\"                search what was indexed before
  clip-cli search ./dog.jpg ~/Pictures              pictures like this one, as `similar` finds them
  clip-cli search \"a dog\" --relevance               nothing, where nothing is like a dog
  clip-cli search beach --after 2019 --glob \"*.jpg\" -t 50
  clip-cli search beach + 2:sunset - people         add and subtract weighted terms
  clip-cli search --image dog.jpg --texts captions.txt   rank sentences for a picture

Scores are cosine similarities: compare them within one answer, not between queries. A picture that
fits a text well scores near 0.2 to 0.35 with OpenAI's weights.")]
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

pub(crate) fn run(args: &SearchArgs) -> Result<Outcome> {
    let (terms, paths) = read_query(args)?;
    match &args.texts {
        Some(file) => rank(args, terms, file),
        None => find(&args.answers, terms, args.truncate, &paths),
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
    for term in &args.add {
        terms.push(Term::parse(term)?);
    }
    for term in &args.subtract {
        let term = Term::parse(term)?;
        terms.push(Term { weight: -term.weight, ..term });
    }
    Ok((terms, paths))
}

/// Answers a query from the library.
pub(super) fn find(
    args: &AnswerArgs,
    terms: Vec<Term>,
    truncate: TruncateArgs,
    paths: &[PathBuf],
) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, truncate.overflow())?;
    let mut query = Query::new(terms).with_decode(args.decode.options());
    // Before any indexing: a query that cannot be understood should fail at once.
    query.encode(&embedder, None)?;
    let engine = library::engine(&args.library, embedder)?;
    let mut reporter = Reporter::new();
    let request = SearchRequest {
        query,
        filter: prepare(args, &engine, paths, &mut reporter)?,
        top: args.top,
        min_score: args.min_score,
        relevance: args.relevance,
        exact: args.no_graph,
    };
    let response = engine.search(&request)?;
    print(args, &response)?;
    reporter.summarize();
    if response.hits.is_empty() {
        return Ok(Outcome::Nothing);
    }
    library::introduce(engine.collection());
    Ok(Outcome::Found)
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
            bail!(
                "the library is empty: name a folder of pictures to search, as in `clip-cli search \"a dog\" ~/Pictures`"
            );
        }
        return Ok(filter);
    }
    if args.no_indexing {
        let under = paths.iter().map(|path| absolute(path)).collect::<Result<_, Error>>()?;
        return Ok(Filter { under, ..filter });
    }
    let scan = scan(paths, &args.scan.options())?;
    let options = UpdateOptions { decode: args.decode.options(), ..UpdateOptions::default() };
    let changes = engine.update(&scan, &options, reporter)?;
    left_out::warn(&changes.left_out);
    if scan.images.is_empty() {
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let names = names.join(", ");
        match scan.unread.is_empty() {
            true => report::warning(format_args!("there are no pictures in {names}")),
            false => report::warning(format_args!("{names}: {}", left_out::unread(&scan.unread))),
        }
    }
    let (under, only) = (scan.roots, Some(scan.images.into_iter().collect()));
    Ok(Filter { under, only, ..filter })
}

/// Prints the answers.
fn print(args: &AnswerArgs, response: &SearchResponse) -> Result<()> {
    let current = std::env::current_dir().ok();
    let rows = response.hits.iter().enumerate().map(|(i, hit)| {
        let found = match &hit.item.content {
            Content::Path(path) => {
                Found::Image { path: output::shorten(path, current.as_deref()).to_owned() }
            }
            Content::Text(text) => {
                let own = hit.item.id != Item::text_id(text);
                Found::Text { text: text.clone(), id: own.then(|| hit.item.id.clone()) }
            }
        };
        Row { rank: i + 1, score: hit.score, relevance: response.relevance(hit), found }
    });
    let rows: Vec<Row> = rows.collect();
    if !args.preview || !preview::is_possible() {
        return Ok(output::rows(args.format.format(), &rows)?);
    }
    for row in &rows {
        output::rows(args.format.format(), std::slice::from_ref(row))?;
        if let Found::Image { path } = &row.found {
            preview::show(path, args.preview_height);
        }
    }
    Ok(())
}

/// Ranks the lines of a file. They are few and change often, so they are not kept.
fn rank(args: &SearchArgs, terms: Vec<Term>, file: &Path) -> Result<Outcome> {
    let AnswerArgs { model, decode, min_score, top, format, .. } = &args.answers;
    let embedder = model::embedder(model, args.truncate.overflow())?;
    let query = Query::new(terms).with_decode(decode.options());
    let ranked = rank_texts(&embedder, query, file)?.into_iter();
    let rows: Vec<Row> = ranked
        .take_while(|(score, _)| min_score.is_none_or(|least| *score >= least))
        .take(*top)
        .zip(1..)
        .map(|((score, text), rank)| Row {
            rank,
            score,
            relevance: None,
            found: Found::Text { text, id: None },
        })
        .collect();
    output::rows(format.format(), &rows)?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}
