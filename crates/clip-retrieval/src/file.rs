//! The file of a library.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `CLIPINDX` |
//! | 4 | format version, 1 |
//! | 4 | dimension |
//! | 8 | number of items |
//! | 8 | length of the header |
//! | header | JSON: model, fingerprint, items; blanks up to a multiple of 8 bytes |
//! | items · dimension · 4 | vectors, `f32` |
//! | 4 | CRC-32 of all before |
//!
//! All numbers are little-endian. The size of the file follows from its first 32 bytes, so a file
//! that was cut off is told from one that was changed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::header::Header;
use crate::{Error, Library, Result};

/// The version of the format that is written, and the latest that is read.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"CLIPINDX";

impl Library {
    /// Reads a library, of whatever model.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where there is no such file, and one error each for a file of another kind, of
    /// a later version, cut off, or changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(io_error("read", path))?;
        parse(path, &bytes)
    }

    /// Reads a library that must be of the model with this fingerprint. The name is for the message.
    ///
    /// # Errors
    ///
    /// [`Error::OtherModel`] where the fingerprint differs, and those of [`Self::open`].
    pub fn open_for(path: impl AsRef<Path>, fingerprint: &str, model_name: &str) -> Result<Self> {
        let library = Self::open(path.as_ref())?;
        if library.fingerprint() == fingerprint {
            return Ok(library);
        }
        Err(Error::OtherModel {
            path: path.as_ref().to_owned(),
            found_name: library.model_name().to_owned(),
            wanted_name: model_name.to_owned(),
        })
    }

    /// Writes the library: into a file beside `path` that takes its name when it is whole and on the
    /// disk. Folders that are missing are made. Of two programs that write at once the last wins;
    /// hold a [`Lock`](crate::Lock) from reading to writing so that nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and [`Error::PathNotUnicode`] on platforms other than Unix; the old file is
    /// still there then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let io = io_error("write", path);
        let header = Header::new(self)?;
        let mut header = serde_json::to_vec(&header).map_err(|error| io(error.into()))?;
        header.resize(header.len().next_multiple_of(8), b' ');

        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(&io)?;
        let file = NamedTempFile::new_in(folder).map_err(&io)?;
        self.write(&header, file.as_file()).map_err(&io)?;
        make_readable(file.as_file()).map_err(&io)?;
        file.as_file().sync_all().map_err(&io)?;
        file.persist(path).map_err(|error| io(error.error))?;
        sync_folder(folder).map_err(&io)
    }

    fn write(&self, header: &[u8], file: &File) -> io::Result<()> {
        let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let dimension = u32::try_from(self.dimension()).map_err(too_long)?;
        let mut out = Checksummed::new(BufWriter::with_capacity(1 << 20, file));
        out.write_all(&MAGIC)?;
        out.write_all(&FORMAT_VERSION.to_le_bytes())?;
        out.write_all(&dimension.to_le_bytes())?;
        out.write_all(&(self.len() as u64).to_le_bytes())?;
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header)?;
        for value in self.vectors() {
            out.write_all(&value.to_le_bytes())?;
        }
        let checksum = out.checksum.clone().finalize();
        out.write_all(&checksum.to_le_bytes())?;
        out.flush()
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Library> {
    let owned = || path.to_owned();
    let damaged = |reason: &str| Error::Damaged { path: owned(), reason: reason.to_owned() };
    let found = bytes.len() as u64;
    if !bytes.starts_with(&MAGIC) {
        return Err(match MAGIC.starts_with(bytes) {
            true => Error::Truncated { path: owned(), found, expected: Preamble::SIZE },
            false => Error::NotALibrary { path: owned() },
        });
    }
    let Some((preamble, rest)) = Preamble::split(bytes) else {
        return Err(Error::Truncated { path: owned(), found, expected: Preamble::SIZE });
    };
    if preamble.version > FORMAT_VERSION {
        let (found, supported) = (preamble.version, FORMAT_VERSION);
        return Err(Error::Newer { path: owned(), found, supported });
    }
    if preamble.version == 0 {
        return Err(damaged("no format has the version 0"));
    }
    let expected = preamble.file_size().ok_or_else(|| damaged("its sizes are impossible"))?;
    if found < expected {
        return Err(Error::Truncated { path: owned(), found, expected });
    }
    if found > expected {
        return Err(damaged("bytes follow its end"));
    }
    let (content, checksum) =
        bytes.split_last_chunk().ok_or_else(|| damaged("its checksum is missing"))?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Err(damaged("its checksum does not match"));
    }
    let (header, rest) = usize::try_from(preamble.header)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| damaged("its header is missing"))?;
    let header: Header = serde_json::from_slice(header)
        .map_err(|error| damaged(&format!("its header cannot be read: {error}")))?;
    let library = Library::new(&header.fingerprint, &header.model, preamble.dimension as usize);
    let items = header.into_items().ok_or_else(|| damaged("a path in it is not one"))?;
    if items.len() as u64 != preamble.items {
        return Err(damaged("its header has another number of items"));
    }
    let values = rest.strip_suffix(checksum).unwrap_or(rest).as_chunks().0;
    let vectors = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    library.filled(items, vectors).ok_or_else(|| damaged("an item is there twice"))
}

/// The numbers after the magic.
struct Preamble {
    version: u32,
    dimension: u32,
    items: u64,
    header: u64,
}

impl Preamble {
    /// Bytes of magic and numbers.
    const SIZE: u64 = 32;

    /// The numbers, and the rest of the file.
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (_, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (dimension, rest) = rest.split_first_chunk()?;
        let (items, rest) = rest.split_first_chunk()?;
        let (header, rest) = rest.split_first_chunk()?;
        let preamble = Self {
            version: u32::from_le_bytes(*version),
            dimension: u32::from_le_bytes(*dimension),
            items: u64::from_le_bytes(*items),
            header: u64::from_le_bytes(*header),
        };
        Some((preamble, rest))
    }

    /// The size of the whole file; none where no file is that large.
    fn file_size(&self) -> Option<u64> {
        let vectors = self.items.checked_mul(u64::from(self.dimension))?.checked_mul(4)?;
        Self::SIZE.checked_add(self.header)?.checked_add(vectors)?.checked_add(4)
    }
}

/// Passes bytes on and keeps their checksum.
struct Checksummed<W> {
    inner: W,
    checksum: crc32fast::Hasher,
}

impl<W> Checksummed<W> {
    fn new(inner: W) -> Self {
        Self { inner, checksum: crc32fast::Hasher::new() }
    }
}

impl<W: Write> Write for Checksummed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.checksum.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes an [`Error::Io`] of what the system says.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

/// Temporary files are private to the user; a library is an ordinary file.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The new name is on the disk when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
