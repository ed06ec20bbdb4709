//! The pictures below folders.

pub(crate) mod ignore_file;
mod list;
mod unread;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip::FileFormat;
use ignore::{DirEntry, IncrementalIgnore};

use crate::args::ScanArgs;
pub(crate) use list::path_from_bytes;
pub(crate) use unread::Unread;

/// Folders that hold no pictures of the user's own, or copies of them: those of Synology's
/// thumbnails, of programs, and of systems.
pub(crate) const EXCLUDED: [&str; 4] =
    ["@eaDir", "node_modules", "System Volume Information", "$RECYCLE.BIN"];

/// What was found below the given paths.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The given paths, absolute.
    pub(crate) roots: Vec<PathBuf>,
    /// The pictures, absolute, each once, in the order of the folders.
    pub(crate) pictures: Vec<PathBuf>,
    /// Those of them that were given by name.
    pub(crate) named: HashSet<PathBuf>,
    /// Folders that could not be read, and why. What is below them is unknown.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
    /// Pictures of formats that are not read.
    pub(crate) unread: Unread,
    /// Listed files that are not among the pictures, since an ignore file leaves them out.
    pub(crate) ignored: usize,
    /// Folders of these names were left out,
    pub(crate) excluded: Vec<PathBuf>,
    /// and hidden files and folders, unless they were asked for.
    pub(crate) includes_hidden: bool,
}

/// Lists the pictures below `paths`. Symbolic links inside folders are not followed, so a loop of
/// them ends nothing.
pub(crate) fn scan(paths: &[PathBuf], args: &ScanArgs) -> Result<Scan> {
    let (excluded, includes_hidden) = (args.exclude_dir.clone(), args.include_hidden);
    let mut scan = Scan { excluded, includes_hidden, ..Scan::default() };
    let mut seen = HashSet::new();
    for path in paths {
        let root = absolute(path)?;
        let found = match root.is_dir() {
            true => scan.folder(&root),
            false => {
                scan.named.insert(root.clone());
                vec![root.clone()]
            }
        };
        scan.pictures.extend(found.into_iter().filter(|path| seen.insert(path.clone())));
        scan.roots.push(root);
    }
    Ok(scan)
}

/// The path with its links resolved, so that one picture has one name.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no file or folder {}", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}

impl Scan {
    fn folder(&mut self, root: &Path) -> Vec<PathBuf> {
        let excluded = self.excluded.clone();
        let wanted = move |entry: &DirEntry| entry.depth() == 0 || is_wanted(entry, &excluded);
        let walk = ignore_file::walk(root)
            .hidden(!self.includes_hidden)
            .sort_by_file_name(Ord::cmp)
            .filter_entry(wanted)
            .build();
        let mut pictures = Vec::new();
        for folder in root.ancestors().skip(1) {
            self.check_ignore_file(folder);
        }
        for entry in walk {
            match entry {
                Ok(entry) => {
                    if let Some(error) = entry.error() {
                        self.unreadable.push((entry.path().to_owned(), error.to_string()));
                    }
                    let kind = entry.file_type();
                    if kind.is_some_and(|kind| kind.is_dir()) {
                        self.check_ignore_file(entry.path());
                    } else if kind.is_some_and(|kind| kind.is_file())
                        && let Some(format) = FileFormat::of_name(entry.path())
                    {
                        match format.is_read_in(entry.path()) {
                            true => pictures.push(entry.into_path()),
                            false => self.unread.add(format),
                        }
                    }
                }
                Err(error) => {
                    let path = path_of(&error).unwrap_or(root).to_owned();
                    let reason = error.io_error().map_or(error.to_string(), ToString::to_string);
                    self.unreadable.push((path, reason));
                }
            }
        }
        pictures
    }

    /// An ignore file that cannot be read says nothing, so nothing is known of what is below it.
    fn check_ignore_file(&mut self, folder: &Path) {
        if let Some(error) = ignore_file::error(folder) {
            self.unreadable.push((folder.to_owned(), error));
        }
    }

    /// Adds the pictures that a file lists, a path a line, or each ended by a NUL byte where there are
    /// any; but for those that an ignore file leaves out.
    pub(crate) fn add_listed(&mut self, file: &Path) -> Result<()> {
        let mut listed = Vec::new();
        let read = match file.to_str() {
            Some("-") => io::stdin().read_to_end(&mut listed),
            _ => File::open(file).and_then(|mut file| file.read_to_end(&mut listed)),
        };
        read.with_context(|| format!("cannot read the list in {}", file.display()))?;
        let mut seen: HashSet<PathBuf> = self.pictures.iter().cloned().collect();
        let mut ignored = ignore_file::Ignored::default();
        for name in list::names(list::without_mark(&listed)?.as_ref()) {
            // What is not there is named when it is read.
            let path = path_from_bytes(name)
                .with_context(|| format!("cannot read the list in {}", file.display()))?;
            let path = path.canonicalize().or_else(|_| std::path::absolute(path))?;
            if ignored.has(&path) {
                self.ignored += 1;
            } else if seen.insert(path.clone()) {
                self.pictures.push(path);
            }
        }
        Ok(())
    }

    /// Whether a path that the scan did not list is really gone, as far as the scan could see.
    pub(crate) fn knows(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
            && !self.unreadable.iter().any(|(folder, _)| path.starts_with(folder))
    }

    /// For each given folder, what the ignore files leave out of it.
    pub(crate) fn ignore_matchers(&self) -> Vec<IncrementalIgnore> {
        let folders = self.roots.iter().filter(|root| root.is_dir());
        folders.map(|root| ignore_file::matcher(root)).collect()
    }

    /// Whether the scan would list a file with other options: it is hidden, or in a folder that was
    /// left out by its name.
    pub(crate) fn is_excluded(&self, path: &Path) -> bool {
        let below = |root| path.strip_prefix(root).ok();
        self.roots.iter().filter_map(below).any(|path| {
            let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
            let mut folders = path.ancestors().skip(1).filter_map(Path::file_name);
            folders.any(|folder| self.excluded.iter().any(|excluded| excluded == folder))
                || !self.includes_hidden && path.iter().any(is_hidden)
        })
    }
}

fn is_wanted(entry: &DirEntry, excluded: &[PathBuf]) -> bool {
    let name = entry.file_name();
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    // `._name` is what macOS keeps of a file on foreign drives, whatever its ending says.
    let is_shadow = name.as_encoded_bytes().starts_with(b"._");
    let is_excluded = is_folder && excluded.iter().any(|folder| folder == name);
    !is_shadow && !is_excluded
}

/// The path that an error is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}
