//! `clip-cli search`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clip::Embedder;

use crate::args::{AnswerArgs, ScanArgs};
use crate::finding::{Finder, Question};
use crate::output::{self, Found, Row};
use crate::query::{Content, Term};
use crate::relevance::{self, Terms};
use crate::{Outcome, model};

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
    #[arg(long, value_name = "FILE", conflicts_with = "relevance")]
    texts: Option<PathBuf>,

    /// Another term to look for, written like QUERY; a bare + behind QUERY does the same (repeatable)
    #[arg(short, long, value_name = "TERM", allow_hyphen_values = true)]
    add: Vec<OsString>,

    /// A term to keep away from, written like QUERY; a bare - behind QUERY does the same (repeatable)
    #[arg(short, long, value_name = "TERM", allow_hyphen_values = true)]
    subtract: Vec<OsString>,

    /// Cut texts that are too long for the model instead of refusing them
    #[arg(long)]
    truncate: bool,

    #[command(flatten)]
    answers: AnswerArgs,
}

pub(crate) fn run(args: &SearchArgs) -> Result<Outcome> {
    let (terms, paths) = read_query(args)?;
    match &args.texts {
        Some(file) => rank_texts(args, terms, file),
        None => find(&args.answers, terms, args.truncate, &paths),
    }
}

/// The weighted terms, and the paths to search. After `--image` the first word is a path too.
fn read_query(args: &SearchArgs) -> Result<(Vec<Term>, Vec<PathBuf>)> {
    let mut paths = args.paths.clone();
    let first = match (&args.image, &args.query) {
        (Some(image), query) => {
            paths.splice(0..0, query.as_ref().map(PathBuf::from));
            Term::picture(image.clone())
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
    truncate: bool,
    paths: &[PathBuf],
) -> Result<Outcome> {
    let embedder = model::embedder(&args.model, super::overflow(truncate))?;
    // Before any indexing: a query that cannot be understood should fail at once.
    let terms = embed(&embedder, &args.scan, terms)?;
    let finder = Finder::open(args, &embedder, paths)?;
    let sample = match terms.is_mixed() || args.relevance.is_some() {
        true => relevance::sample(finder.store(), finder.modality())?,
        false => Vec::new(),
    };
    let vector = terms.together(&embedder, &sample)?;
    let background = match args.relevance {
        Some(_) => terms.background(&embedder, &vector, &sample, finder.store())?,
        None => None,
    };
    finder.answer(&Question { vector: &vector, background, pictures: terms.pictures() })
}

fn embed(embedder: &Embedder, scan: &ScanArgs, terms: Vec<Term>) -> Result<Terms> {
    // As the pictures of the library are read: the same file scores 1.
    let options = scan.reading(embedder);
    let embeddings = terms
        .iter()
        .map(|term| match &term.content {
            Content::Text(text) => embedder.text(text).map_err(super::name_truncate),
            Content::Picture(path) => Ok(embedder.files(&[path], &options)?.remove(0)?),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Terms::new(terms, embeddings))
}

/// Ranks the lines of a file. They are few and change often, so they are not kept.
fn rank_texts(args: &SearchArgs, terms: Vec<Term>, file: &Path) -> Result<Outcome> {
    let embedder = model::embedder(&args.answers.model, super::overflow(args.truncate))?;
    let query = embed(&embedder, &args.answers.scan, terms)?.together(&embedder, &[])?;
    let content = clip_data::text::read(file)
        .with_context(|| format!("cannot read the texts in {}", file.display()))?;
    let lines: Vec<&str> = content.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let embeddings = embedder.texts(&lines).map_err(super::name_truncate)?;
    let mut scored: Vec<(f32, &str)> =
        embeddings.iter().map(|text| query.similarity(text)).zip(lines).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let rows: Vec<Row> = scored
        .iter()
        .take_while(|(score, _)| args.answers.min_score.is_none_or(|least| *score >= least))
        .take(args.answers.top)
        .enumerate()
        .map(|(i, &(score, text))| {
            let found = Found::Text { text: text.to_owned(), id: None };
            Row { rank: i + 1, score, relevance: None, found }
        })
        .collect();
    output::rows(args.answers.format.format(), &rows)?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}
