//! Asking the library, and printing what it answers.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip::{Embedder, Embedding};
use clip_retrieval::{Background, Content, Filter, Hit, Modality, SearchOptions, Store};

use crate::args::AnswerArgs;
use crate::indexing::{self, Mode};
use crate::output::{self, Found, Row};
use crate::report::{self, Skipped};
use crate::shelf::Shelf;
use crate::{Outcome, preview, scan};

/// A library that is about to be asked.
pub(crate) struct Finder<'a> {
    args: &'a AnswerArgs,
    shelf: Shelf,
    filter: Filter,
    skipped: Skipped,
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) vector: &'a Embedding,
    /// What its scores are compared with, where answers are to be relevant.
    pub(crate) background: Option<Background>,
    /// Pictures that are part of the question, and no answers.
    pub(crate) pictures: Vec<PathBuf>,
}

impl<'a> Finder<'a> {
    /// Opens the library; where there are paths, brings it up to date with them and searches these
    /// alone.
    pub(crate) fn open(
        args: &'a AnswerArgs,
        embedder: &Embedder,
        paths: &[PathBuf],
    ) -> Result<Self> {
        let mut shelf = Shelf::open(&args.library, embedder.checkpoint())?;
        let mut skipped = Skipped::default();
        let filter = args.filter.filter();
        let filter = if paths.is_empty() {
            if shelf.store().count()? == 0 {
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
            let (options, mode) = (&args.scan, Mode::Prune);
            let changes =
                indexing::update(&mut shelf, embedder, &scan, options, mode, &mut skipped)?;
            changes.left_out.warn();
            match (scan.pictures.is_empty(), scan.unread.is_empty()) {
                (false, _) => {}
                (true, true) => {
                    report::warning(format_args!("there are no pictures in {}", list(paths)));
                }
                (true, false) => report::warning(format_args!("{}: {}", list(paths), scan.unread)),
            }
            let (under, only) = (scan.roots, Some(scan.pictures.into_iter().collect()));
            Filter { under, only, ..filter }
        };
        Ok(Self { args, shelf, filter, skipped })
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.shelf.store()
    }

    /// The kind of what is searched, if it is one.
    pub(crate) fn modality(&self) -> Option<Modality> {
        self.filter.modality
    }

    /// Prints the best answers.
    pub(crate) fn answer(&self, question: &Question<'_>) -> Result<Outcome> {
        let args = self.args;
        let mut hits = self.hits(question)?;
        hits.retain(|hit| args.min_score.is_none_or(|least| hit.score >= least));
        let relevance = |hit: &Hit| Some(question.background?.relevance(hit.score));
        if let Some(least) = args.relevance {
            hits.retain(|hit| relevance(hit).is_none_or(|relevance| relevance >= least));
        }
        let current = std::env::current_dir().ok();
        let row = |(i, hit): (usize, &'_ Hit)| {
            let found = match &hit.item.content {
                Content::Path(path) => {
                    let path = output::shorten(path, current.as_deref()).to_owned();
                    Found::Image { path }
                }
                Content::Text(text) => {
                    let own = hit.item.id != clip_retrieval::Item::text_id(text);
                    Found::Text { text: text.clone(), id: own.then(|| hit.item.id.clone()) }
                }
            };
            Row { rank: i + 1, score: hit.score, relevance: relevance(hit), found }
        };
        let rows: Vec<Row> = hits.iter().enumerate().map(row).collect();
        if args.preview && preview::is_possible() {
            for row in &rows {
                output::rows(args.format.format(), std::slice::from_ref(row))?;
                if let Found::Image { path } = &row.found {
                    preview::show(path, args.preview_height);
                }
            }
        } else {
            output::rows(args.format.format(), &rows)?;
        }
        self.skipped.summarize();
        if rows.is_empty() {
            return Ok(Outcome::Nothing);
        }
        self.shelf.introduce();
        Ok(Outcome::Found)
    }

    /// The best hits that are no part of the question.
    fn hits(&self, question: &Question<'_>) -> Result<Vec<Hit>> {
        let own = |path: &PathBuf| scan::absolute(path).unwrap_or_else(|_| path.clone());
        let own: Vec<PathBuf> = question.pictures.iter().map(own).collect();
        let (queries, top) = ([question.vector.as_slice()], self.args.top + own.len());
        let options = SearchOptions { exact: self.args.no_graph, ..SearchOptions::default() };
        let found = self.store().search_all(&queries, top, &self.filter, &options)?;
        let is_own = |path: &Path| own.iter().any(|own| own == path);
        let mut hits: Vec<Hit> = found.into_iter().flatten().collect();
        hits.retain(|hit| !hit.item.path().is_some_and(is_own));
        hits.truncate(self.args.top);
        Ok(hits)
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
