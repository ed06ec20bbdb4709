//! The pictures below folders.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ignore::{DirEntry, WalkBuilder};

use crate::args::ScanArgs;

/// Endings of the formats that are read. A file given by name is read whatever its ending.
const ENDINGS: &[&str] = &["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "qoi"];

/// Folders that hold no pictures of the user's own, or copies of them: those of Synology's
/// thumbnails, of programs, and of systems.
pub(crate) const EXCLUDED: [&str; 4] =
    ["@eaDir", "node_modules", "System Volume Information", "$RECYCLE.BIN"];

/// Files that say what below their folder is left out, as `.gitignore` does.
const IGNORE_FILE: &str = ".clipignore";

/// Those that the feature adds; the only place that asks for it.
const HEIF_ENDINGS: &[&str] = if cfg!(feature = "heif") { &["heic", "heif", "avif"] } else { &[] };

/// What was found below the given paths.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The given paths, absolute; not the empty folders, each of which may be where a drive belongs
    /// that is not plugged in.
    pub(crate) roots: Vec<PathBuf>,
    /// The pictures, absolute, each once, in the order of the folders.
    pub(crate) pictures: Vec<PathBuf>,
    /// Folders that could not be read, and why. What is below them is unknown.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
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
        let excluded = args.exclude_dir.clone();
        let wanted = move |entry: &DirEntry| entry.depth() == 0 || is_wanted(entry, &excluded);
        let walk = WalkBuilder::new(root)
            // No .gitignore: pictures are often what a repository leaves out.
            .standard_filters(false)
            .hidden(!args.include_hidden)
            .add_custom_ignore_filename(IGNORE_FILE)
            .sort_by_file_name(Ord::cmp)
            .filter_entry(wanted)
            .build();
        let mut pictures = Vec::new();
        for entry in walk {
            match entry {
                Ok(entry) => {
                    if let Some(error) = entry.error() {
                        self.unreadable.push((entry.path().to_owned(), error.to_string()));
                    }
                    let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
                    if is_file && is_picture(entry.path()) {
                        pictures.push(entry.into_path());
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

    /// Adds the pictures that a file lists, a path a line, or each ended by a NUL byte where there are
    /// any.
    pub(crate) fn add_listed(&mut self, file: &Path) -> Result<()> {
        let mut listed = Vec::new();
        let read = match file.to_str() {
            Some("-") => io::stdin().read_to_end(&mut listed),
            _ => File::open(file).and_then(|mut file| file.read_to_end(&mut listed)),
        };
        read.with_context(|| format!("cannot read the list in {}", file.display()))?;
        let mut seen: HashSet<PathBuf> = self.pictures.iter().cloned().collect();
        for name in names(without_mark(&listed)?.as_ref()) {
            // What is not there is named when it is read.
            let path = path_from_bytes(name)
                .with_context(|| format!("cannot read the list in {}", file.display()))?;
            let path = path.canonicalize().or_else(|_| std::path::absolute(path))?;
            if seen.insert(path.clone()) {
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
}

/// The list in UTF-8 or in what the names are, without the mark of Windows' programs at its beginning,
/// by which UTF-16 is known too.
fn without_mark(listed: &[u8]) -> Result<Cow<'_, [u8]>> {
    let units = |from: fn([u8; 2]) -> u16| {
        let units = listed[2..].chunks_exact(2).map(move |unit| from([unit[0], unit[1]]));
        let text: std::result::Result<String, _> = char::decode_utf16(units).collect();
        text.map(|text| Cow::Owned(text.into_bytes())).context("it is damaged UTF-16")
    };
    match listed {
        [0xef, 0xbb, 0xbf, listed @ ..] => Ok(Cow::Borrowed(listed)),
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => Ok(Cow::Borrowed(listed)),
    }
}

/// The names of a list. A name may hold all but NUL, so NUL bytes end names where there are any.
fn names(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (end, ending) = match listed.contains(&0) {
        true => (0, &b""[..]),
        false => (b'\n', &b"\r"[..]),
    };
    let names = listed.split(move |byte| *byte == end);
    names.map(move |name| name.strip_suffix(ending).unwrap_or(name)).filter(|name| !name.is_empty())
}

/// A path as the system has it, which on Unix is any bytes.
#[cfg(unix)]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf> {
    let name = || format!("{} is not UTF-8", String::from_utf8_lossy(bytes));
    Ok(str::from_utf8(bytes).with_context(name)?.into())
}

pub(crate) fn is_empty_folder(path: &Path) -> bool {
    path.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

fn is_wanted(entry: &DirEntry, excluded: &[PathBuf]) -> bool {
    let name = entry.file_name();
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    // `._name` is what macOS keeps of a file on foreign drives, whatever its ending says.
    let is_shadow = name.as_encoded_bytes().starts_with(b"._");
    let is_excluded = is_folder && excluded.iter().any(|folder| folder == name);
    !is_shadow && !is_excluded
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let mut known = ENDINGS.iter().chain(HEIF_ENDINGS);
    ending.is_some_and(|ending| known.any(|known| ending.eq_ignore_ascii_case(known)))
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
