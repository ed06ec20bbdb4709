//! Picture files, read whole and with fewer pixels: what is a picture whole is one in part.

#![no_main]

use clip_preprocess::{Detail, ReadOptions, decode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = ReadOptions { max_megapixels: 4, ..ReadOptions::default() };
    let part = ReadOptions { detail: Detail::AtLeast(3), ..whole.clone() };
    let read = |options| decode(bytes, "input", options).is_ok();
    assert!(!read(&whole) || read(&part), "a picture that cannot be read with fewer pixels");
});
