//! `clip-cli search`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip::{Embedder, Embedding};
use clip_retrieval::Filter;

use crate::args::SearchArgs;
use crate::indexing::{self, Mode, Shelf};
use crate::output::{self, Found, Row};
use crate::query::{Content, Term};
use crate::report::{self, Skipped};
use crate::scan;
use crate::{Outcome, model};

pub(crate) fn run(args: &SearchArgs) -> Result<Outcome> {
    let (terms, paths) = read_query(args)?;
    let embedder = model::embedder(&args.model, super::overflow(args.truncate))?;
    // Before any indexing: a query that cannot be understood should fail at once.
    let query = embed_query(&embedder, args, &terms)?;
    match &args.texts {
        Some(file) => search_texts(args, &embedder, &query, file),
        None => search_pictures(args, &embedder, &query, &paths),
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

fn embed_query(embedder: &Embedder, args: &SearchArgs, terms: &[Term]) -> Result<Embedding> {
    // As the pictures of the library are read: the same file scores 1.
    let options = args.scan.reading(embedder);
    let embeddings = terms
        .iter()
        .map(|term| match &term.content {
            Content::Text(text) => embedder.text(text).map_err(super::name_truncate),
            Content::Picture(path) => Ok(embedder.files(&[path], &options)?.remove(0)?),
        })
        .collect::<Result<Vec<_>>>()?;
    match (terms, embeddings.as_slice()) {
        // Nothing to add up, and no rounding.
        ([Term { weight, .. }], [single]) if *weight > 0.0 => Ok(single.clone()),
        _ => {
            let weights = terms.iter().map(|term| term.weight);
            let terms: Vec<_> = weights.zip(&embeddings).collect();
            Ok(embedder.combine(&terms)?)
        }
    }
}

fn search_pictures(
    args: &SearchArgs,
    embedder: &Embedder,
    query: &Embedding,
    paths: &[PathBuf],
) -> Result<Outcome> {
    let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
    let mut skipped = Skipped::default();
    let filter = args.filter.pictures();
    let filter = if paths.is_empty() {
        if shelf.library().is_empty() {
            bail!(
                "the library is empty: name a folder of pictures to search, as in `clip-cli search \"a dog\" ~/Pictures`"
            );
        }
        filter
    } else if args.no_indexing {
        let under = paths.iter().map(|path| scan::absolute(path)).collect::<Result<_>>()?;
        Filter { under, ..filter }
    } else {
        let scan = scan::scan(paths, &args.scan)?;
        indexing::update(&mut shelf, embedder, &scan, &args.scan, Mode::Prune, &mut skipped)?;
        if scan.pictures.is_empty() {
            report::warning(format_args!("there are no pictures in {}", list(paths)));
        }
        Filter { only: Some(scan.pictures.into_iter().collect()), ..filter }
    };

    let mut hits = shelf.library().search(query.as_slice(), args.top, &filter)?;
    hits.retain(|hit| args.min_score.is_none_or(|least| hit.score >= least));
    let current = std::env::current_dir().ok();
    let rows: Vec<Row<'_>> = hits
        .iter()
        .enumerate()
        .filter_map(|(i, hit)| {
            let path = output::shorten(hit.item.path()?, current.as_deref());
            Some(Row { rank: i + 1, score: hit.score, found: Found::Image { path } })
        })
        .collect();
    output::rows(args.format.format(), &rows)?;
    skipped.summarize();
    if rows.is_empty() {
        return Ok(Outcome::Nothing);
    }
    shelf.introduce();
    Ok(Outcome::Found)
}

/// Ranks the lines of a file. They are few and change often, so they are not kept.
fn search_texts(
    args: &SearchArgs,
    embedder: &Embedder,
    query: &Embedding,
    file: &Path,
) -> Result<Outcome> {
    let content = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the texts in {}", file.display()))?;
    let lines: Vec<&str> = content.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let embeddings = embedder.texts(&lines).map_err(super::name_truncate)?;
    let mut scored: Vec<(f32, &str)> =
        embeddings.iter().map(|text| query.similarity(text)).zip(lines).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let rows: Vec<Row<'_>> = scored
        .iter()
        .take_while(|(score, _)| args.min_score.is_none_or(|least| *score >= least))
        .take(args.top)
        .enumerate()
        .map(|(i, &(score, text))| Row { rank: i + 1, score, found: Found::Text { text } })
        .collect();
    output::rows(args.format.format(), &rows)?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
