//! The library that a command works on.

use std::path::PathBuf;

use anyhow::Result;
use clip::Checkpoint;
use clip_retrieval::{Library, Precision, Store};

use crate::args::LibraryArgs;
use crate::commands::reindex;
use crate::places::{self, Place};
use crate::{cluster, model, output, report};

/// The library that a command works on.
pub(crate) struct Shelf {
    opened: Opened,
    is_new: bool,
}

enum Opened {
    Folder(Box<Library>),
    Cluster(Box<dyn Store>),
}

impl Shelf {
    /// Opens the library that the options ask for, or starts an empty one for this model.
    pub(crate) fn open(args: &LibraryArgs, checkpoint: &Checkpoint) -> Result<Self> {
        let (card, fingerprint) = (checkpoint.card(), checkpoint.fingerprint());
        let dimension = card.config.embed_dim;
        match places::library(args, checkpoint)? {
            Place::Folder(path) => {
                reindex::put_back(&path)?;
                let is_new = !path.exists();
                let name = &card.name;
                let library =
                    Library::open_or_create(&path, &fingerprint, name, dimension, Precision::F32)?;
                warn(&library);
                Ok(Self { opened: Opened::Folder(Box::new(library)), is_new })
            }
            Place::Cluster(address) => {
                let store = cluster::open_or_create(&address, checkpoint)?;
                let is_new = store.count()? == 0;
                Ok(Self { opened: Opened::Cluster(store), is_new })
            }
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match &self.opened {
            Opened::Folder(library) => &**library,
            Opened::Cluster(store) => &**store,
        }
    }

    pub(crate) fn store_mut(&mut self) -> &mut dyn Store {
        match &mut self.opened {
            Opened::Folder(library) => &mut **library,
            Opened::Cluster(store) => &mut **store,
        }
    }

    /// Where it is: a folder, or an address.
    pub(crate) fn place(&self) -> PathBuf {
        match &self.opened {
            Opened::Folder(library) => library.folder().to_owned(),
            Opened::Cluster(store) => store.place().into(),
        }
    }

    /// The library, where it is a folder.
    pub(crate) fn folder(&mut self) -> Option<&mut Library> {
        match &mut self.opened {
            Opened::Folder(library) => Some(library),
            Opened::Cluster(_) => None,
        }
    }

    /// Says once for each library that the built-in model is small.
    pub(crate) fn introduce(&self) {
        if self.is_new && self.store().model_name() == model::EMBEDDED {
            report::hint(model::ADVICE);
        }
    }
}

/// Says what a library has lost.
pub(crate) fn warn(library: &Library) {
    if let Some(lost) = library.lost() {
        let items = output::count(lost.items, "item");
        report::warning(format_args!("the library has lost {items}: {}", lost.cause));
    }
}
