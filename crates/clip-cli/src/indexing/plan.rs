//! What an update has to do.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;
use clip_retrieval::{Facts, FileStamp, Item, KnownFile, Store};

use super::{Changes, picture, stamp};
use crate::facts;
use crate::output;
use crate::scan::Scan;

/// What happens to pictures that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They leave the library.
    Prune,
    /// They stay, for their drive may not be plugged in.
    KeepMissing,
}

/// What an update has to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Pictures to encode.
    pub(crate) pending: Vec<Pending>,
    /// Pictures that are no longer there.
    pub(crate) gone: Vec<PathBuf>,
    /// Files that could not be read, and are no longer there.
    pub(crate) forgotten: Vec<PathBuf>,
    /// Where pictures that are new may come from, by their size.
    missing: HashMap<u64, Vec<KnownFile>>,
    unchanged: usize,
    unreadable: usize,
}

/// A picture to encode.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Option<FileStamp>,
    pub(crate) was_known: bool,
    /// Found when it is read.
    pub(crate) facts: OnceLock<Facts>,
}

impl Pending {
    /// As short as the user would write it, for the messages.
    pub(crate) fn short(&self, current: Option<&Path>) -> &Path {
        output::shorten(&self.path, current)
    }
}

impl Plan {
    pub(crate) fn new(store: &dyn Store, scan: &Scan, mode: Mode) -> Result<Self> {
        let known = store.files()?;
        let failures = store.failures()?;
        let known: HashMap<&Path, &KnownFile> =
            known.iter().map(|file| (file.path.as_path(), file)).collect();
        let failed: HashMap<&Path, Option<FileStamp>> =
            failures.iter().map(|failure| (failure.path.as_path(), failure.stamp)).collect();
        let listed: HashSet<&Path> = scan.pictures.iter().map(PathBuf::as_path).collect();
        let is_gone = |path: &Path| !listed.contains(path) && scan.knows(path) && !path.exists();
        let mut plan = Self {
            pending: Vec::new(),
            gone: Vec::new(),
            forgotten: failed.keys().filter(|path| is_gone(path)).map(|path| path.into()).collect(),
            missing: HashMap::new(),
            unchanged: 0,
            unreadable: 0,
        };
        for file in known.values().filter(|file| is_gone(&file.path)) {
            if mode == Mode::Prune {
                plan.gone.push(file.path.clone());
            }
            if let (Some(stamp), Some(_)) = (file.stamp, file.hash) {
                plan.missing.entry(stamp.size).or_default().push((*file).clone());
            }
        }
        plan.gone.sort();
        for path in &scan.pictures {
            let stamp = stamp(path);
            let old = known.get(path.as_path());
            if old.is_some_and(|old| old.stamp == stamp) {
                plan.unchanged += 1;
            } else if failed.get(path.as_path()).is_some_and(|failed| *failed == stamp) {
                plan.unreadable += 1;
            } else {
                plan.pending.push(Pending {
                    path: path.clone(),
                    stamp,
                    was_known: old.is_some(),
                    facts: OnceLock::new(),
                });
            }
        }
        Ok(plan)
    }

    /// Calls `rename` for each new picture that is one that is gone, by its content, with the id that
    /// it had; says how many there were. They are no longer pending, nor gone.
    pub(crate) fn follow(
        &mut self,
        mut rename: impl FnMut(&str, &Item) -> clip_retrieval::Result<bool>,
    ) -> Result<usize> {
        let mut moved = 0;
        for pending in std::mem::take(&mut self.pending) {
            match self.origin(&pending) {
                Some(origin) => {
                    let facts = facts::of(&pending.path);
                    rename(&Item::path_id(&origin), &picture(&pending, facts))?;
                    self.gone.retain(|path| *path != origin);
                    moved += 1;
                }
                None => self.pending.push(pending),
            }
        }
        Ok(moved)
    }

    /// The picture that is gone and has the content of this one; it has no other place any more.
    fn origin(&mut self, pending: &Pending) -> Option<PathBuf> {
        let candidates = self.missing.get_mut(&pending.stamp?.size)?;
        if pending.was_known || candidates.is_empty() {
            return None;
        }
        let hash = facts::hash(&pending.path).ok()?;
        let at = candidates.iter().position(|file| file.hash == Some(hash))?;
        Some(candidates.remove(at).path)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.gone.is_empty() && self.forgotten.is_empty()
    }

    /// What carrying it out does, where every picture can be read and none was moved.
    pub(crate) fn changes(&self) -> Changes {
        let changed = self.pending.iter().filter(|pending| pending.was_known).count();
        Changes {
            added: self.pending.len() - changed,
            changed,
            moved: 0,
            unchanged: self.unchanged,
            removed: self.gone.len(),
            unreadable: self.unreadable,
        }
    }
}
