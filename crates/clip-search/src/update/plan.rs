//! What an update has to do.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clip_retrieval::{Failure, Item, KeptTags, KnownFile, Snapshot, UserTags};

use super::absence::{Absence, Absences};
use super::attempts::{Reader, State};
use super::pending::Pending;
use super::{Changes, LeftOut, MissingFiles, absence, moves};
use crate::{Result, Scan, metadata};

/// What an update has to do.
#[derive(Debug)]
pub(super) struct Plan {
    /// Pictures to encode.
    pub(super) pending: Vec<Pending>,
    /// Pictures that leave the library.
    pub(super) gone: Vec<KnownFile>,
    /// Files that could not be read, and are no longer there or no longer wanted.
    pub(super) forgotten: Vec<PathBuf>,
    /// Pictures that are no longer where they were, or no longer what they were.
    vacated: Vec<KnownFile>,
    /// Of files that have no item, by their paths, which no pending picture has claimed.
    pub(super) kept: HashMap<PathBuf, KeptTags>,
    unchanged: usize,
    left_out: LeftOut,
}

impl Plan {
    pub(super) fn new(
        store: &dyn Snapshot,
        scan: &Scan,
        missing: MissingFiles,
        reader: &Reader,
    ) -> Result<Self> {
        let known = store.files()?;
        let failures = store.failures()?;
        let known: HashMap<&Path, &KnownFile> =
            known.iter().map(|file| (file.path.as_path(), file)).collect();
        let failed: HashMap<&Path, &Failure> =
            failures.iter().map(|failure| (failure.path.as_path(), failure)).collect();
        let mut plan = Self {
            pending: Vec::new(),
            gone: Vec::new(),
            forgotten: Vec::new(),
            vacated: Vec::new(),
            kept: store.kept_tags()?.into_iter().map(|kept| (kept.path.clone(), kept)).collect(),
            unchanged: 0,
            left_out: LeftOut::default(),
        };
        let listed: HashSet<&Path> = scan.images.iter().map(PathBuf::as_path).collect();
        let mut absences = Absences::new(scan);
        for file in known.values().filter(|file| !listed.contains(file.path.as_path())) {
            plan.miss(file, absences.of(&file.path), missing);
        }
        for failure in failures.iter().filter(|file| !listed.contains(file.path.as_path())) {
            let is_forgotten = match absences.of(&failure.path) {
                Absence::Gone | Absence::Ignored => true,
                Absence::Unplugged => missing == MissingFiles::Drop,
                Absence::Excluded | Absence::Unknown => false,
            };
            if is_forgotten {
                plan.forgotten.push(failure.path.clone());
            }
        }
        plan.gone.sort_by(|a, b| a.path.cmp(&b.path));
        for path in &scan.images {
            let state = State::of(path);
            let known = known.get(path.as_path()).copied();
            let is_named = scan.named.contains(path);
            if known.is_some_and(|known| known.stamp == state.stamp) {
                plan.unchanged += 1;
            } else if let Some(failure) = failed.get(path.as_path())
                && !is_named
                && !reader.may_succeed(failure, &state)
            {
                plan.left_out.unreadable.push(path.clone());
            } else {
                plan.vacated.extend(known.cloned());
                let kept = plan.kept.remove(path);
                let is_kept = kept.is_some();
                let mut user_tags = kept.map(|kept| kept.user_tags).unwrap_or_default();
                known.iter().for_each(|known| user_tags.merge(&known.user_tags));
                plan.pending.push(Pending {
                    path: path.clone(),
                    state,
                    known: known.cloned(),
                    user_tags,
                    inherits: false,
                    is_kept,
                    hash: OnceLock::new(),
                    facts: OnceLock::new(),
                });
            }
        }
        plan.vacate_elsewhere(known.values().copied(), scan);
        Ok(plan)
    }

    /// A new picture may come from a folder that the scan does not know. Files of other sizes than the
    /// new ones are not looked at.
    fn vacate_elsewhere<'a>(&mut self, known: impl Iterator<Item = &'a KnownFile>, scan: &Scan) {
        let new = self.pending.iter().filter(|pending| pending.known.is_none());
        let sizes: HashSet<u64> =
            new.filter_map(|pending| Some(pending.state.stamp?.size)).collect();
        let may_be_new = |file: &&KnownFile| file.stamp.is_some_and(|s| sizes.contains(&s.size));
        let elsewhere = known.filter(|file| !scan.knows(&file.path)).filter(may_be_new);
        self.vacated.extend(elsewhere.filter(|file| absence::is_missing(&file.path)).cloned());
    }

    /// Decides on a picture of the library that was not listed.
    fn miss(&mut self, file: &KnownFile, absence: Absence, missing: MissingFiles) {
        let leaves = match (absence, missing) {
            (Absence::Unknown, _) => return,
            (Absence::Excluded, _) => {
                self.left_out.excluded += 1;
                return;
            }
            (Absence::Ignored, _) => {
                self.left_out.ignored += 1;
                self.gone.push(file.clone());
                return;
            }
            (_, MissingFiles::Keep) => false,
            (Absence::Gone, _) | (Absence::Unplugged, MissingFiles::Drop) => true,
            (Absence::Unplugged, MissingFiles::Prune) => {
                self.left_out.unplugged.push(file.path.clone());
                false
            }
        };
        // It may have another name now, also where it would stay.
        self.vacated.push(file.clone());
        if leaves {
            self.gone.push(file.clone());
        }
    }

    /// Calls `rename` for each new picture that is one that is gone, by its content, with the id that
    /// it had; says how many there were. They are no longer pending, nor gone. What a user said of tags
    /// goes with the content, and stays with the path where the content is new.
    pub(super) fn follow(
        &mut self,
        mut rename: impl FnMut(&str, &Pending) -> clip_retrieval::Result<()>,
    ) -> Result<usize> {
        let origins = moves::origins(&self.pending, &self.vacated);
        let left: HashSet<PathBuf> =
            origins.values().map(|from| self.vacated[*from].path.clone()).collect();
        let is_there: HashSet<PathBuf> = self.pending.iter().map(|new| new.path.clone()).collect();
        let mut renamed = HashSet::new();
        for (index, mut pending) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            let origin = origins.get(&index).map(|from| &self.vacated[*from]);
            let Some(origin) = origin.filter(|origin| origin.path != pending.path) else {
                self.pending.push(pending);
                continue;
            };
            // What was here before went elsewhere with its tags. Where it was written over, they stay.
            if left.contains(&pending.path) {
                pending.user_tags = UserTags::default();
            }
            pending.user_tags.merge(&origin.user_tags);
            if pending.known.is_some() || is_there.contains(&origin.path) {
                (pending.inherits, pending.is_kept) = (true, true);
                self.pending.push(pending);
                continue;
            }
            let _ = pending.facts.set(metadata::of_file(&pending.path));
            rename(&Item::path_id(&origin.path), &pending)?;
            self.left_out.unplugged.retain(|path| *path != origin.path);
            renamed.insert(origin.path.clone());
        }
        self.gone.retain(|file| !renamed.contains(&file.path));
        for file in self.gone.iter_mut().filter(|file| left.contains(&file.path)) {
            file.user_tags = UserTags::default();
        }
        Ok(renamed.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.gone.is_empty() && self.forgotten.is_empty()
    }

    /// What carrying it out does, where every picture can be read and none was moved.
    pub(super) fn changes(&self) -> Changes {
        let changed = self.pending.iter().filter(|pending| pending.known.is_some()).count();
        Changes {
            added: self.pending.len() - changed,
            changed,
            moved: 0,
            unchanged: self.unchanged,
            removed: self.gone.len(),
            left_out: self.left_out.clone(),
        }
    }
}
