//! What the fuzz targets share: bytes become a file, the file a source.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use clip_weights::{Activation, Options, Source, open};

/// A folder of this process, in memory where the system has such a place.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = base.join(format!("clip-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the inputs");
    folder
});

/// Looks into a file of these bytes, and converts it where that is possible. Any answer is right,
/// as long as there is one.
pub fn read(bytes: &[u8]) {
    let source = FOLDER.join("source");
    fs::write(&source, bytes).expect("room for the input");
    let options = Options {
        output: Some(FOLDER.join("out.safetensors")),
        activation: Some(Activation::QuickGelu),
        ..Options::default()
    };
    if let Ok(opened) = open(&Source::Path(source), &options, &mut ())
        && opened.inspect().problem.is_none()
    {
        let _ = opened.convert(&mut ());
    }
}
