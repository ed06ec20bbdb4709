//! The whole model against the reference implementations, on every backend of the build.

mod common;
mod full_size;
mod golden;
mod siglip;
mod sources;
mod verify;
mod witness;
