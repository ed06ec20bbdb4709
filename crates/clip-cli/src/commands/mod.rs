//! One module a command.

pub(crate) mod classify;
pub(crate) mod dupes;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod exchange;
pub(crate) mod explain;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod library;
pub(crate) mod map;
pub(crate) mod models;
pub(crate) mod reindex;
pub(crate) mod search;
pub(crate) mod tags;
pub(crate) mod train;
