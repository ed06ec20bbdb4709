//! The header of a safetensors file whose length is right.

#![no_main]

libfuzzer_sys::fuzz_target!(|header: &[u8]| {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0x3c; 4096]);
    clip_fuzz::read(&bytes);
});
