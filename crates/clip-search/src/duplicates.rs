//! Which files are the same or much alike, and which of each group is the best.

mod files;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use clip_retrieval::{Filter, Item, Library, Modality, Store};
use serde::{Serialize, Serializer};

use crate::models::{BUILT_IN, lossy};
use crate::{Observer, Progress, Result, Task, absolute, count};
use files::File;
pub use files::{LeftOutFiles, Tally};

/// The images of a library that are there more than once.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundDuplicates {
    /// Groups of files of one content, then groups of images that are much alike.
    pub groups: Vec<DuplicateGroup>,
    /// What was left out.
    pub left_out: LeftOutFiles,
}

/// How alike two images are that people call the same, by a model of that name: a cosine similarity of 0.98,
/// but 0.9 for the built-in model, whose convolutions feel a shift by a pixel and a compression. Of its vectors
/// of photographs of different things the nearest two had 0.75.
pub fn usual_near(model: &str) -> f32 {
    if model == BUILT_IN { 0.9 } else { 0.98 }
}

/// Looks for files of one content among the images of these paths and below them, or of the whole
/// library where there are no paths; and for images that score at least `near` with the best of their
/// group, where that is asked for.
///
/// # Errors
///
/// [`Error::NotFound`](crate::Error::NotFound) and [`Error::Io`](crate::Error::Io) for one of the paths;
/// [`Error::Retrieval`](crate::Error::Retrieval) where the library cannot be read.
pub fn find_duplicates(
    library: &Library,
    paths: &[PathBuf],
    near: Option<f32>,
    observer: &mut dyn Observer,
) -> Result<FoundDuplicates> {
    let under = paths.iter().map(|path| absolute(path)).collect::<Result<_>>()?;
    let filter = Filter { under, ..Filter::of(Modality::Image) };
    let mut duplicates = Duplicates::new(library.items(&filter)?);
    let mut groups = duplicates.copies(observer);
    if let Some(min_score) = near {
        groups.extend(duplicates.near(library, min_score, observer)?);
    }
    Ok(FoundDuplicates { groups, left_out: duplicates.left_out })
}

impl fmt::Display for FoundDuplicates {
    /// How many files there are beside the best of each group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spare = |kind| {
            let groups = self.groups.iter().filter(|group| group.kind == kind);
            groups.map(|group| group.images.len() - 1).sum()
        };
        let copies = count(spare(DuplicateKind::Copies), "file");
        let near = count(spare(DuplicateKind::Near), "picture");
        write!(
            f,
            "{copies} of the same content and {near} much alike beside the best of each group"
        )
    }
}

/// Images that are much alike, the best first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuplicateGroup {
    /// How they are alike.
    pub kind: DuplicateKind,
    /// The least similarity of one of them to the best; 1 for copies.
    pub score: f32,
    /// The images.
    #[serde(rename = "pictures")]
    pub images: Vec<DuplicateImage>,
}

/// How the images of a group are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateKind {
    /// They are files of one content.
    Copies,
    /// Their vectors are.
    Near,
}

/// One of a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuplicateImage {
    /// The id of its item.
    #[serde(skip)]
    pub id: String,
    /// Its file.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Other names of the same file.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "lossy_paths")]
    pub links: Vec<PathBuf>,
    /// How much alike it is to the best, as a cosine similarity.
    pub score: f32,
    /// Width as it is shown, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height as it is shown, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Size of the file, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl DuplicateImage {
    /// The file and its other names.
    pub fn names(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.path).chain(&self.links)
    }

    /// As [`Self::names`], to be changed.
    pub fn names_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        std::iter::once(&mut self.path).chain(&mut self.links)
    }
}

impl fmt::Display for DuplicateImage {
    /// What makes one copy better than another: `1600×900, 420 kB`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.width, self.height) {
            (Some(width), Some(height)) => write!(f, "{width}×{height}")?,
            _ => f.write_str("?")?,
        }
        let Some(bytes) = self.bytes else { return Ok(()) };
        write!(f, ", {:.0} kB", bytes as f64 / 1e3)
    }
}

fn lossy_paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

/// The files among which groups are looked for, the best first: whichever group a file is in, it is not
/// better than those before it. The best has the most pixels, then the most bytes, then the most names
/// (hard links), then it was indexed first.
#[derive(Debug)]
pub struct Duplicates {
    files: Vec<File>,
    left_out: LeftOutFiles,
}

/// Members of a group by their place among the files, the best first, with how much alike each is to it.
type Members = Vec<(usize, f32)>;

impl Duplicates {
    /// Looks for the files of these items; what is not as it was indexed is left out.
    pub fn new(items: Vec<Item>) -> Self {
        let mut left_out = LeftOutFiles::default();
        let mut files = files::present(items, &mut left_out);
        let pixels = |item: &Item| item.facts.size.map(|[w, h]| u64::from(w) * u64::from(h));
        // The order of insertion stays among equals.
        files.sort_by_key(|File { item, links, .. }| {
            Reverse((pixels(item), item.stamp.map(|stamp| stamp.size), links.len()))
        });
        Self { files, left_out }
    }

    /// What was left out so far.
    pub fn left_out(&self) -> &LeftOutFiles {
        &self.left_out
    }

    /// Files of one content.
    pub fn copies(&mut self, observer: &mut dyn Observer) -> Vec<DuplicateGroup> {
        let mut by_content: HashMap<[u8; 32], Members> = HashMap::new();
        for (at, file) in self.files.iter().enumerate() {
            if let Some(hash) = file.item.facts.hash {
                by_content.entry(hash).or_default().push((at, 1.0));
            }
        }
        let mut groups: Vec<Members> =
            by_content.into_values().filter(|members| members.len() > 1).collect();
        if !self.are_as_indexed(&groups, observer) {
            for members in &mut groups {
                members.retain(|(at, _)| !self.files[*at].is_other());
            }
            groups.retain(|members| members.len() > 1);
        }
        self.finish(DuplicateKind::Copies, groups)
    }

    /// Files whose vectors score at least `min_score` with the best of their group, where
    /// [`Self::copies`] has been asked for before. Of files of one content the best alone counts, so that
    /// none is kept in one group and dropped in another.
    ///
    /// # Errors
    ///
    /// [`Error::Retrieval`](crate::Error::Retrieval) where the library cannot be read.
    pub fn near(
        &mut self,
        library: &Library,
        min_score: f32,
        observer: &mut dyn Observer,
    ) -> Result<Vec<DuplicateGroup>> {
        loop {
            let best = self.best_of_each_content();
            let ids: Vec<&str> = best.iter().map(|at| self.files[*at].item.id.as_str()).collect();
            let task = Task::Duplicates;
            let progress = |done, total| observer.progress(Progress { task, done, total });
            let found = library.near_duplicates(&ids, min_score, progress)?;
            let members = found.into_iter().map(|group| {
                let others = group.others.into_iter().map(|(other, score)| (best[other], score));
                std::iter::once((best[group.best], 1.0)).chain(others).collect()
            });
            let groups: Vec<Members> = members.collect();
            // Else compare again without those that are not: what was like one of them may be like one
            // that is.
            if self.are_as_indexed(&groups, observer) {
                return Ok(self.finish(DuplicateKind::Near, groups));
            }
        }
    }

    fn best_of_each_content(&self) -> Vec<usize> {
        let mut seen = HashSet::new();
        let mut is_first = |file: &File| file.item.facts.hash.is_none_or(|hash| seen.insert(hash));
        let all = self.files.iter().enumerate();
        all.filter(|(_, file)| !file.is_other() && is_first(file)).map(|(at, _)| at).collect()
    }

    /// Reads the members that were not read yet: whether all are what was indexed.
    fn are_as_indexed(&mut self, groups: &[Members], observer: &mut dyn Observer) -> bool {
        let members: Vec<usize> = groups.iter().flatten().map(|(at, _)| *at).collect();
        let (task, total) = (Task::Files, members.len());
        let mut all = true;
        for (done, at) in members.into_iter().enumerate() {
            observer.progress(Progress { task, done, total });
            all &= self.files[at].is_as_indexed(&mut self.left_out);
        }
        observer.progress(Progress { task, done: total, total });
        all
    }

    /// Groups in the order of their first insertion.
    fn finish(&self, kind: DuplicateKind, mut groups: Vec<Members>) -> Vec<DuplicateGroup> {
        let index = |(at, _): &(usize, f32)| self.files[*at].index;
        groups.sort_by_key(|members| members.iter().map(index).min());
        let group = |members: Members| {
            let score = members.iter().map(|(_, score)| *score).fold(1.0, f32::min);
            let images = members.iter().filter_map(|(at, score)| self.image(*at, *score));
            DuplicateGroup { kind, score, images: images.collect() }
        };
        groups.into_iter().map(group).collect()
    }

    fn image(&self, at: usize, score: f32) -> Option<DuplicateImage> {
        let File { item, links, .. } = &self.files[at];
        Some(DuplicateImage {
            id: item.id.clone(),
            path: item.path()?.to_owned(),
            links: links.clone(),
            score,
            width: item.facts.size.map(|[width, _]| width),
            height: item.facts.size.map(|[_, height]| height),
            bytes: item.stamp.map(|stamp| stamp.size),
        })
    }
}
