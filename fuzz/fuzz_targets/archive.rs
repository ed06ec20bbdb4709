//! PyTorch's zip archives, byte by byte.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_fuzz::read(bytes));
