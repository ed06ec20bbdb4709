//! Files of PyTorch before 1.6 (`_legacy_save` in `torch/serialization.py`): five pickles, one after the
//! other, and then the storages. The pickles are a magic number, a version, what is known of the
//! machine, the object, and the keys of the storages in the order in which they follow, each as the
//! number of its values in eight bytes and the values.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use super::Fault;
use super::pickle::load_first;
use super::value::{Heap, Id, Storage, Value};
use crate::container::Place;

/// The magic number, as `pickle` writes it with protocol 2.
pub(in crate::container) const MAGIC: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";

/// As of the pickle in an archive; there are five.
const MAX_PICKLES: u64 = 4 << 20;

/// What a file begins with: all pickles, where they are not larger than any model's.
pub(super) fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.by_ref().take(MAX_PICKLES).read_to_end(&mut head)?;
    Ok(head)
}

/// The object, and its storages.
pub(super) fn open(
    head: &[u8],
    file: &mut File,
    bytes: u64,
) -> Result<(Heap, Id, Storages), Fault> {
    let rest = head.strip_prefix(MAGIC).ok_or_else(|| {
        Fault::Damaged("it begins with another number than files of PyTorch".to_owned())
    })?;
    let (version, number, rest) = load_first(rest)?;
    if version.size(number) != Some(1001) {
        return Fault::unread("it is of another version than 1001");
    }
    let (_, _, rest) = load_first(rest)?;
    let (heap, root, rest) = load_first(rest)?;
    let (keys, list, rest) = load_first(rest)?;
    let Value::List(items) = keys.get(list) else {
        return Fault::damaged("its storages have no list of keys");
    };
    let keys: Option<Vec<_>> = items.iter().map(|key| keys.text(*key).cloned()).collect();
    let Some(keys) = keys else { return Fault::damaged("a storage has a key that is no text") };
    // What the values of a storage are, only a tensor says.
    let sizes = heap.storages().map(|storage| (&storage.key, storage.size())).collect();
    let storages = Storages::measure(file, &keys, &sizes, (head.len() - rest.len()) as u64, bytes)?;
    Ok((heap, root, storages))
}

/// Where the storages lie.
pub(super) struct Storages(HashMap<Rc<str>, Place>);

impl Storages {
    /// Where the values of a storage lie.
    pub(super) fn find(&self, storage: &Storage) -> Result<Place, Fault> {
        let place = self.0.get(&storage.key).copied();
        place.ok_or_else(|| Fault::Damaged(format!("it has no storage {}", storage.key)))
    }

    /// Goes from one storage to the next: where one ends, its length says.
    fn measure(
        file: &mut File,
        keys: &[Rc<str>],
        sizes: &HashMap<&Rc<str>, usize>,
        mut start: u64,
        end: u64,
    ) -> Result<Self, Fault> {
        let mut places = HashMap::new();
        for key in keys {
            let Some(size) = sizes.get(key) else {
                return Fault::unread(format!("no tensor says of what its storage {key} is"));
            };
            let mut count = [0; 8];
            let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut count));
            read.map_err(|error| Fault::Damaged(format!("its storage {key}: {error}")))?;
            let bytes = u64::from_le_bytes(count).checked_mul(*size as u64);
            let next = bytes.and_then(|bytes| (start + 8).checked_add(bytes));
            match (next, bytes.and_then(|bytes| usize::try_from(bytes).ok())) {
                (Some(next), Some(bytes)) if next <= end => {
                    places.insert(Rc::clone(key), Place { start: start + 8, bytes, crc32: None });
                    start = next;
                }
                _ => {
                    return Fault::damaged(format!(
                        "its storage {key} reaches beyond the end of the file"
                    ));
                }
            }
        }
        Ok(Self(places))
    }
}
