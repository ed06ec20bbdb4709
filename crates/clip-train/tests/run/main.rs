//! Whole runs of a tiny model over the sample pictures.
#![cfg(feature = "flex")]

mod adapting;
mod failing;
mod features;
mod resuming;
mod setup;
