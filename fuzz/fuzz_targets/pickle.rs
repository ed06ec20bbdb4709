//! The pickle in an archive that is whole: checksums would stop most damage before it is read.

#![no_main]

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

libfuzzer_sys::fuzz_target!(|pickle: &[u8]| {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: &str, bytes: &[u8]| {
        archive.start_file(name, stored).expect("a name of its own");
        archive.write_all(bytes).expect("memory takes all");
    };
    put("archive/data.pkl", pickle);
    // The tiny models of the goldens have some fifty storages.
    for key in 0..60 {
        put(&format!("archive/data/{key}"), &[0x3c; 4096]);
    }
    clip_fuzz::read(&archive.finish().expect("memory takes all").into_inner());
});
