//! The small CLIP that is compiled into programs, so that everything works on a machine that never saw a network.
//!
//! A crate of its own: programs that bring a model of theirs neither download nor compile these bytes, and a new
//! model is a new version of nothing else. The feature `embedded-model` of the package `burn-clip` asks for it.

#![no_std]

/// The canonical checkpoint file: what `clip_checkpoint::Checkpoint::embedded` takes. It begins at a multiple of 64
/// bytes, as a mapped file does, so that weights can be read in place.
pub static CHECKPOINT: &[u8] = &FILE.0;

#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../clip-photo.safetensors"));
