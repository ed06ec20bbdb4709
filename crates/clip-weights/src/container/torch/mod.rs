//! The archives of `torch.save` and `torch.jit.save`: a zip file with a pickle, `data.pkl`, that
//! describes the tensors, and an entry for each storage, in which the values lie as they are. Files of
//! PyTorch before 1.6 are read too ([`legacy`]), but for those before 0.1.10, which are tar archives.
//!
//! A pickle is a program for Python that may call any function. Here it is data: [`pickle`] walks
//! through it and builds descriptions, [`globals`] lists the few names that stand for something in
//! weights, and nothing is ever run. A training checkpoint mentions other names beside the weights
//! (in the states of optimizers and schedulers, in arguments): what they would make is passed over.
//! The crate `pytorch-reader` reads such archives too, but not TorchScript, which OpenAI's are.

mod archive;
mod globals;
mod legacy;
mod names;
mod pickle;
mod tensor;
mod value;

use std::fs::File;
use std::path::Path;

use archive::Archive;
pub(super) use legacy::MAGIC as LEGACY;
use value::{Heap, Id, Storage};

use super::{Contents, Place};
use crate::{Error, Result};

/// Why an archive is not read, without its path.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// Bytes are missing or contradict each other.
    Damaged(String),
    /// Something that weights may be, but not here.
    Unread(String),
}

impl Fault {
    fn damaged<T>(reason: impl Into<String>) -> std::result::Result<T, Self> {
        Err(Self::Damaged(reason.into()))
    }

    fn unread<T>(reason: impl Into<String>) -> std::result::Result<T, Self> {
        Err(Self::Unread(reason.into()))
    }
}

/// Reads the description of every tensor.
pub(super) fn contents(file: &mut File, bytes: u64, path: &Path) -> Result<Contents> {
    let error = |fault| fault_of(path, fault);
    let mut archive = Archive::open(file, bytes).map_err(error)?;
    let pickle = archive.pickle().map_err(error)?;
    let (heap, root) = pickle::load(&pickle).map_err(error)?;
    described(&heap, root, path, |storage| archive.storage(&storage.key))
}

/// Reads the description of every tensor of a file that PyTorch wrote before 1.6.
pub(super) fn legacy_contents(file: &mut File, bytes: u64, path: &Path) -> Result<Contents> {
    let error = |fault| fault_of(path, fault);
    let head = legacy::head(file).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let (heap, root, storages) = legacy::open(&head, file, bytes).map_err(error)?;
    described(&heap, root, path, |storage| storages.find(storage))
}

fn fault_of(path: &Path, fault: Fault) -> Error {
    let path = path.to_owned();
    match fault {
        Fault::Damaged(reason) => Error::Damaged { path, format: "PyTorch archive", reason },
        Fault::Unread(reason) => Error::UnreadTorch { path, reason },
    }
}

/// What a pickle describes, given where storages lie.
fn described(
    heap: &Heap,
    root: Id,
    path: &Path,
    mut place: impl FnMut(&Storage) -> std::result::Result<Place, Fault>,
) -> Result<Contents> {
    let error = |fault| fault_of(path, fault);
    let named = names::collect(heap, root).map_err(error)?;
    let mut contents =
        Contents { classes: named.classes, passed_over: heap.foreign(), ..Contents::default() };
    for (name, global) in named.foreign {
        let (path, global) = (path.to_owned(), global.to_owned());
        contents.unread.push((name, Error::ForeignGlobal { path, global }));
    }
    for (name, tensor) in named.tensors {
        let entry = place(&tensor.storage);
        match entry.and_then(|entry| tensor.stored(&name, entry)) {
            Ok(stored) => contents.tensors.push((name, stored)),
            Err(fault) => contents.unread.push((name, error(fault))),
        }
    }
    Ok(contents)
}
