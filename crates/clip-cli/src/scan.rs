//! The pictures below folders.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use walkdir::{DirEntry, WalkDir};

use crate::args::ScanArgs;

/// Endings of the formats that are read. A file given by name is read whatever its ending.
const ENDINGS: &[&str] = &["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "qoi"];

/// What was found below the given paths.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The given paths, absolute; not the empty folders, each of which may be where a drive belongs
    /// that is not plugged in.
    pub(crate) roots: Vec<PathBuf>,
    /// The pictures, absolute, each once, in the order of the folders.
    pub(crate) pictures: Vec<PathBuf>,
    /// Folders that could not be read, and why. What is below them is unknown.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
}

/// Lists the pictures below `paths`. Symbolic links inside folders are not followed, so a loop of
/// them ends nothing.
pub(crate) fn scan(paths: &[PathBuf], args: &ScanArgs) -> Result<Scan> {
    let mut scan = Scan::default();
    let mut seen = HashSet::new();
    for path in paths {
        let root = absolute(path)?;
        let found = if root.is_dir() { scan.folder(&root, args) } else { vec![root.clone()] };
        scan.pictures.extend(found.into_iter().filter(|path| seen.insert(path.clone())));
        if !is_empty_folder(&root) {
            scan.roots.push(root);
        }
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
    fn folder(&mut self, root: &Path, args: &ScanArgs) -> Vec<PathBuf> {
        let wanted = |entry: &DirEntry| entry.depth() == 0 || is_wanted(entry, args);
        let walk = WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(wanted);
        let mut pictures = Vec::new();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_picture(entry.path()) => {
                    pictures.push(entry.into_path());
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    self.unreadable.push((path, error.into()));
                }
            }
        }
        pictures
    }

    /// Whether a path that the scan did not list is really gone, as far as the scan could see.
    pub(crate) fn knows(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
            && !self.unreadable.iter().any(|(folder, _)| path.starts_with(folder))
    }
}

pub(crate) fn is_empty_folder(path: &Path) -> bool {
    path.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

fn is_wanted(entry: &DirEntry, args: &ScanArgs) -> bool {
    let name = entry.file_name();
    let hidden = name.as_encoded_bytes().starts_with(b".");
    let excluded = entry.file_type().is_dir() && args.exclude_dir.iter().any(|dir| dir == name);
    (args.include_hidden || !hidden) && !excluded
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}
