//! The archives of `torch.save` and `torch.jit.save`: a zip file with a pickle, `data.pkl`, that
//! describes the tensors, and an entry for each storage, in which the values lie as they are.
//!
//! A pickle is a program for Python that may call any function. Here it is data: [`pickle`] walks
//! through it and builds descriptions, [`globals`] lists the few names that stand for something in
//! weights, and nothing is ever run. A training checkpoint mentions other names beside the weights
//! (in the states of optimizers and schedulers, in arguments): what they would make is passed over.
//! The crate `pytorch-reader` reads such archives too, but not TorchScript, which OpenAI's are.

mod archive;
mod globals;
mod names;
mod pickle;
mod tensor;
mod value;

use std::fs::File;
use std::path::Path;

use archive::Archive;

use super::Contents;
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
    let error = |fault| {
        let path = path.to_owned();
        match fault {
            Fault::Damaged(reason) => Error::Damaged { path, format: "PyTorch archive", reason },
            Fault::Unread(reason) => Error::UnreadTorch { path, reason },
        }
    };
    let mut archive = Archive::open(file, bytes).map_err(error)?;
    let pickle = archive.pickle().map_err(error)?;
    let (heap, root) = pickle::load(&pickle).map_err(error)?;
    let named = names::collect(&heap, root).map_err(error)?;
    let mut contents =
        Contents { classes: named.classes, passed_over: heap.foreign(), ..Contents::default() };
    for (name, global) in named.foreign {
        let (path, global) = (path.to_owned(), global.to_owned());
        contents.unread.push((name, Error::ForeignGlobal { path, global }));
    }
    for (name, tensor) in named.tensors {
        let entry = archive.storage(&tensor.storage.key);
        match entry.and_then(|entry| tensor.stored(&name, entry)) {
            Ok(stored) => contents.tensors.push((name, stored)),
            Err(fault) => contents.unread.push((name, error(fault))),
        }
    }
    Ok(contents)
}
