//! The images below folders.

pub(crate) mod ignore_file;
mod list;
mod unread;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clip::FileFormat;
use clip_retrieval::{Filter, Modality};
use ignore::{DirEntry, IncrementalIgnore};

use crate::{Error, Result, Shard};
pub use ignore_file::NAME as IGNORE_FILE;
pub use list::path_from_bytes;
pub use unread::UnreadFormats;

/// Folders that hold no images of the user's own, or copies of them: those of Synology's
/// thumbnails, of programs, and of systems.
pub const EXCLUDED: [&str; 4] =
    ["@eaDir", "node_modules", "System Volume Information", "$RECYCLE.BIN"];

/// What a scan leaves out.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Names of folders that are not looked into.
    pub exclude: Vec<PathBuf>,
    /// Whether hidden files and folders count.
    pub hidden: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { exclude: EXCLUDED.map(PathBuf::from).to_vec(), hidden: false }
    }
}

/// What was found below the given paths.
#[derive(Debug, Default)]
pub struct Scan {
    /// The given paths, absolute.
    pub roots: Vec<PathBuf>,
    /// The images, absolute, each once, in the order of the folders.
    pub images: Vec<PathBuf>,
    /// Those of them that were given by name.
    pub named: HashSet<PathBuf>,
    /// Folders that could not be read, and why. What is below them is unknown.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Images of formats that are not read.
    pub unread: UnreadFormats,
    /// Listed files that are not among the images, since an ignore file leaves them out.
    pub ignored: usize,
    /// What was left out.
    pub options: ScanOptions,
}

/// Lists the images below `paths`. Symbolic links inside folders are not followed, so a loop of
/// them ends nothing.
///
/// # Errors
///
/// [`Error::NotFound`] and [`Error::Io`] for one of the paths. What is below them and cannot be read is
/// in [`Scan::unreadable`].
pub fn scan(paths: &[PathBuf], options: &ScanOptions) -> Result<Scan> {
    let mut scan = Scan { options: options.clone(), ..Scan::default() };
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
        scan.images.extend(found.into_iter().filter(|path| seen.insert(path.clone())));
        scan.roots.push(root);
    }
    Ok(scan)
}

/// The path with its links resolved, so that one image has one name.
///
/// # Errors
///
/// [`Error::NotFound`] where nothing is there, [`Error::Io`] where that cannot be found out.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound { path: path.to_owned() },
        _ => Error::io("open", path)(error),
    })
}

/// A path as collections have it, also where nothing is there just now.
pub fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let resolved = absolute.ancestors().find_map(|folder| {
        let rest = absolute.strip_prefix(folder).ok()?;
        let folder = folder.canonicalize().ok()?;
        // Joined with nothing, a file would end with a separator.
        Some(if rest.as_os_str().is_empty() { folder } else { folder.join(rest) })
    });
    resolved.unwrap_or(absolute)
}

/// The images of these paths and below them, whether they are there just now or not.
pub fn images_below(paths: &[PathBuf]) -> Filter {
    let under = paths.iter().map(|path| resolved(path)).collect();
    Filter { under, ..Filter::of(Modality::Image) }
}

impl Scan {
    /// The images below paths and those of a list, or one part of all of them.
    ///
    /// # Errors
    ///
    /// As [`scan`], and [`Error::List`] where the list cannot be read.
    pub fn of(
        paths: &[PathBuf],
        list: Option<&Path>,
        shard: Option<Shard>,
        options: &ScanOptions,
    ) -> Result<Self> {
        let mut scan = scan(paths, options)?;
        if let Some(list) = list {
            scan.add_listed(list)?;
        }
        if let Some(shard) = shard {
            scan.images.retain(|path| shard.has(path));
        }
        Ok(scan)
    }

    /// A filter for these images alone.
    pub fn narrow(self, filter: Filter) -> Filter {
        Filter { under: self.roots, only: Some(self.images.into_iter().collect()), ..filter }
    }

    /// What a person should know where there are no images below the given paths.
    pub fn nothing_found(&self, paths: &[PathBuf]) -> Option<String> {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let names = names.join(", ");
        self.images.is_empty().then(|| match self.unread.is_empty() {
            true => format!("there are no pictures in {names}"),
            false => format!("{names}: {}", self.unread),
        })
    }

    fn folder(&mut self, root: &Path) -> Vec<PathBuf> {
        let excluded = self.options.exclude.clone();
        let wanted = move |entry: &DirEntry| entry.depth() == 0 || is_wanted(entry, &excluded);
        let walk = ignore_file::walk(root)
            .hidden(!self.options.hidden)
            .sort_by_file_name(Ord::cmp)
            .filter_entry(wanted)
            .build();
        let mut images = Vec::new();
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
                            true => images.push(entry.into_path()),
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
        images
    }

    /// An ignore file that cannot be read says nothing, so nothing is known of what is below it.
    fn check_ignore_file(&mut self, folder: &Path) {
        if let Some(error) = ignore_file::error(folder) {
            self.unreadable.push((folder.to_owned(), error));
        }
    }

    /// Adds the images that a file lists, a path a line, or each ended by a NUL byte where there are
    /// any; but for those that an ignore file leaves out. `-` is standard input.
    ///
    /// # Errors
    ///
    /// [`Error::List`] where the list cannot be read.
    pub fn add_listed(&mut self, file: &Path) -> Result<()> {
        let wrong = |reason: String| Error::List { path: file.to_owned(), reason };
        let mut listed = Vec::new();
        let read = match file.to_str() {
            Some("-") => io::stdin().read_to_end(&mut listed),
            _ => File::open(file).and_then(|mut file| file.read_to_end(&mut listed)),
        };
        read.map_err(|error| wrong(error.to_string()))?;
        let listed =
            list::without_mark(&listed).ok_or_else(|| wrong("it is damaged UTF-16".to_owned()))?;
        let mut seen: HashSet<PathBuf> = self.images.iter().cloned().collect();
        let mut ignored = ignore_file::Ignored::default();
        for name in list::names(&listed) {
            // What is not there is named when it is read.
            let path = path_from_bytes(name).map_err(|error| wrong(error.to_string()))?;
            let path = path.canonicalize().or_else(|_| std::path::absolute(path));
            let path = path.map_err(|error| wrong(error.to_string()))?;
            if ignored.has(&path) {
                self.ignored += 1;
            } else if seen.insert(path.clone()) {
                self.images.push(path);
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
            folders.any(|folder| self.options.exclude.iter().any(|excluded| excluded == folder))
                || !self.options.hidden && path.iter().any(is_hidden)
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
