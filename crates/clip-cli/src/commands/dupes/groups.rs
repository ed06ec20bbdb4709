//! Which files are the same, and which of each group is kept.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use anyhow::Result;
use clip_retrieval::{Item, Library};

use super::disk::{self, File, LeftOut};
use super::{Group, Picture};
use crate::output;
use crate::report::Bar;

/// The files among which groups are looked for, the best first: whichever group a file is in, it is not
/// better than those before it.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<File>,
    left_out: LeftOut,
}

/// Members of a group by their place among the files, the best first, with how much alike each is to it.
type Members = Vec<(usize, f32)>;

impl Files {
    pub(super) fn new(items: Vec<Item>) -> Self {
        let mut left_out = LeftOut::default();
        let mut files = disk::present(items, &mut left_out);
        let pixels = |item: &Item| item.facts.size.map(|[w, h]| u64::from(w) * u64::from(h));
        // The order of insertion stays among equals.
        files.sort_by_key(|File { item, links, .. }| {
            Reverse((pixels(item), item.stamp.map(|stamp| stamp.size), links.len()))
        });
        Self { files, left_out }
    }

    /// What was left out so far.
    pub(super) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Files of one content.
    pub(super) fn copies(&mut self) -> Vec<Group> {
        let mut by_content: HashMap<[u8; 32], Members> = HashMap::new();
        for (at, file) in self.files.iter().enumerate() {
            if let Some(hash) = file.item.facts.hash {
                by_content.entry(hash).or_default().push((at, 1.0));
            }
        }
        let mut groups: Vec<Members> =
            by_content.into_values().filter(|members| members.len() > 1).collect();
        if !self.are_as_indexed(&groups) {
            for members in &mut groups {
                members.retain(|(at, _)| !self.files[*at].is_other());
            }
            groups.retain(|members| members.len() > 1);
        }
        self.finish("copies", groups)
    }

    /// Files that are much alike, where [`Self::copies`] has been asked for before. Of files of one
    /// content the best alone counts, so that none is kept in one group and dropped in another.
    pub(super) fn near(&mut self, library: &Library, min_score: f32) -> Result<Vec<Group>> {
        loop {
            let best = self.best_of_each_content();
            let ids: Vec<&str> = best.iter().map(|at| self.files[*at].item.id.as_str()).collect();
            let bar = Bar::pictures(0);
            let found = library.near_duplicates(&ids, min_score, |done, of| bar.stand(done, of))?;
            drop(bar);
            let members = found.into_iter().map(|group| {
                let others = group.others.into_iter().map(|(other, score)| (best[other], score));
                std::iter::once((best[group.best], 1.0)).chain(others).collect()
            });
            let groups: Vec<Members> = members.collect();
            // Else compare again without those that are not: what was like one of them may be like one
            // that is.
            if self.are_as_indexed(&groups) {
                return Ok(self.finish("near", groups));
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
    fn are_as_indexed(&mut self, groups: &[Members]) -> bool {
        let members: Vec<usize> = groups.iter().flatten().map(|(at, _)| *at).collect();
        let bar = Bar::pictures(members.len());
        let mut all = true;
        for at in members {
            all &= self.files[at].is_as_indexed(&mut self.left_out);
            bar.advance(1);
        }
        all
    }

    /// Groups as they are printed, in the order of their first insertion.
    fn finish(&self, kind: &'static str, mut groups: Vec<Members>) -> Vec<Group> {
        let index = |(at, _): &(usize, f32)| self.files[*at].index;
        groups.sort_by_key(|members| members.iter().map(index).min());
        let group = |members: Members| {
            let score = members.iter().map(|(_, score)| *score).fold(1.0, f32::min);
            let pictures = members.iter().filter_map(|(at, score)| self.picture(*at, *score));
            Group { kind, score, pictures: pictures.collect() }
        };
        groups.into_iter().map(group).collect()
    }

    fn picture(&self, at: usize, score: f32) -> Option<Picture> {
        let File { item, links, .. } = &self.files[at];
        let current = std::env::current_dir().ok();
        let shorten = |path| output::shorten(path, current.as_deref()).to_owned();
        let [width, height] =
            item.facts.size.map_or([None; 2], |[width, height]| [Some(width), Some(height)]);
        Some(Picture {
            path: shorten(item.path()?),
            links: links.iter().map(|link| shorten(link)).collect(),
            score,
            width,
            height,
            bytes: item.stamp.map(|stamp| stamp.size),
        })
    }
}
