//! Whole runs of a tiny model over the sample pictures.
#![cfg(feature = "flex")]

mod adapting;
mod distilling;
mod failing;
mod features;
mod resuming;
mod setup;
mod vocabulary;
