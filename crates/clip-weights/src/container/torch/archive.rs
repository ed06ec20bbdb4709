//! The zip file around it. PyTorch stores what it maps into memory as it is, so a tensor is a place
//! in the file; an entry that would have to be unpacked first is refused, and with it every zip bomb.

use std::fmt;
use std::fs::File;
use std::io::Read;

use zip::{CompressionMethod, ZipArchive};

use super::Fault;
use crate::container::Place;

/// A pickle has some 150 bytes for each tensor, and the largest CLIP 1,000 of them; a training
/// checkpoint has four of each, and what else was written down.
const MAX_PICKLE: u64 = 4 << 20;

/// An archive of PyTorch's, in which everything lies in one folder of any name.
pub(super) struct Archive<'a> {
    zip: ZipArchive<&'a mut File>,
    root: String,
    bytes: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn open(file: &'a mut File, bytes: u64) -> Result<Self, Fault> {
        let zip = ZipArchive::new(file).map_err(|error| {
            Fault::Damaged(format!("its list of entries is missing or broken: {error}"))
        })?;
        if zip.has_duplicate_names() {
            return Fault::damaged("two of its entries have the same name");
        }
        let names = zip.file_names().filter_map(Result::ok);
        let roots = names.filter_map(|name| {
            let root = name.strip_suffix("/data.pkl")?;
            (!root.contains('/')).then(|| root.to_owned())
        });
        let root = match &roots.collect::<Vec<_>>()[..] {
            [root] => root.clone(),
            [] => return missing("data.pkl"),
            _ => return Fault::damaged("it has more than one data.pkl"),
        };
        let mut archive = Self { zip, root, bytes };
        // Written since PyTorch 2.1; before, nothing but little-endian machines mattered.
        match archive.read("byteorder", 16)? {
            Some(order) if order != b"little" => Fault::unread("its numbers are not little-endian"),
            _ => Ok(archive),
        }
    }

    /// The pickle that describes the tensors.
    pub(super) fn pickle(&mut self) -> Result<Vec<u8>, Fault> {
        self.read("data.pkl", MAX_PICKLE)?.map_or_else(|| missing("data.pkl"), Ok)
    }

    /// Where the values of a storage lie.
    pub(super) fn storage(&mut self, key: &str) -> Result<Place, Fault> {
        let name = format!("data/{key}");
        let Some(index) = self.find(&name)? else { return missing(&name) };
        let entry = self.zip.by_index_raw(index).map_err(|error| broken(&name, error))?;
        let (start, bytes, crc32) = (entry.data_start(), entry.size(), Some(entry.crc32()));
        let end = start.and_then(|start| start.checked_add(bytes));
        match (start, end, usize::try_from(bytes)) {
            (Some(start), Some(end), Ok(bytes)) if end <= self.bytes => {
                Ok(Place { start, bytes, crc32 })
            }
            _ => Fault::damaged(format!("its entry {name} reaches beyond the end of the file")),
        }
    }

    /// Number of an entry, which is stored as it is.
    fn find(&self, name: &str) -> Result<Option<usize>, Fault> {
        let Some(index) = self.zip.index_for_name(&format!("{}/{name}", self.root)) else {
            return Ok(None);
        };
        let entry = self.zip.by_index_data(index).map_err(|error| broken(name, error))?;
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            return Fault::unread(format!("its entry {name} is compressed or encrypted"));
        }
        Ok(Some(index))
    }

    /// The bytes of a small entry, compared with their checksum.
    fn read(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Fault> {
        let Some(index) = self.find(name)? else { return Ok(None) };
        let mut entry = self.zip.by_index(index).map_err(|error| broken(name, error))?;
        if entry.size() > most {
            return Fault::unread(format!("its entry {name} has {} bytes", entry.size()));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| broken(name, error))?;
        Ok(Some(bytes))
    }
}

fn missing<T>(name: &str) -> Result<T, Fault> {
    Fault::damaged(format!("it has no entry {name}"))
}

fn broken(name: &str, error: impl fmt::Display) -> Fault {
    Fault::Damaged(format!("its entry {name}: {error}"))
}
