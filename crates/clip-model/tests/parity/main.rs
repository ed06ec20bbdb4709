//! The whole model against transformers, on every backend of the build.

mod common;
mod full_size;
mod golden;
