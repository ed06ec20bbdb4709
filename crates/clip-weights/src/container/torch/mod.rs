//! The archives of `torch.save` and `torch.jit.save`: a zip file with a pickle, `data.pkl`, that
//! describes the tensors, and an entry for each storage, in which the values lie as they are.
//!
//! A pickle is a program for Python that may call any function. Here it is data: [`pickle`] walks
//! through it and builds descriptions, [`globals`] lists the few names that it may mention, and
//! nothing is ever run. The crate `pytorch-reader` reads such archives too, but not TorchScript,
//! which OpenAI's are.

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
    /// A name of Python's that has nothing to do with tensors.
    Global(String),
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
    read(file, bytes).map_err(|fault| {
        let path = path.to_owned();
        match fault {
            Fault::Damaged(reason) => Error::Damaged { path, format: "PyTorch archive", reason },
            Fault::Unread(reason) => Error::UnreadTorch { path, reason },
            Fault::Global(global) => Error::ForeignGlobal { path, global },
        }
    })
}

fn read(file: &mut File, bytes: u64) -> std::result::Result<Contents, Fault> {
    let mut archive = Archive::open(file, bytes)?;
    let pickle = archive.pickle()?;
    let (heap, root) = pickle::load(&pickle)?;
    let named = names::collect(&heap, root)?;
    let stored = |(name, tensor): (String, &tensor::Tensor)| {
        let stored = tensor.stored(&name, archive.storage(&tensor.storage.key)?)?;
        Ok((name, stored))
    };
    let tensors = named.tensors.into_iter().map(stored).collect::<std::result::Result<_, _>>()?;
    Ok(Contents { tensors, classes: named.classes })
}
