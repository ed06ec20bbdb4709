//! Where test material lies.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// The root of the repository.
pub fn repository_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies two folders below the root").to_owned()
}

/// The file of the built-in model.
pub fn builtin_model() -> PathBuf {
    repository_root().join("crates/clip-builtin-model/clip-photo.safetensors")
}

/// The sample pictures with their captions.
pub fn samples_dir() -> PathBuf {
    repository_root().join("samples")
}

/// The sample pictures in the order of their names, which is that of the goldens.
///
/// # Panics
///
/// Where the folder cannot be read.
pub fn sample_pictures() -> Vec<PathBuf> {
    let files = std::fs::read_dir(samples_dir()).expect("the samples");
    let files = files.map(|entry| entry.expect("a file among the samples").path());
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| ["png", "jpg", "webp"].contains(&ending))
    };
    let mut pictures: Vec<_> = files.filter(is_picture).collect();
    pictures.sort();
    pictures
}

/// Three photographs in fourteen encodings each.
pub fn formats_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("formats")
}

/// The committed goldens.
pub fn goldens_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

/// The bytes of a golden that is committed as `NAME.gz`.
///
/// # Panics
///
/// Where there is none, or it is damaged.
pub fn unpacked(name: &str) -> Vec<u8> {
    let path = goldens_dir().join(format!("{name}.gz"));
    let bytes = std::fs::File::open(&path).and_then(|file| {
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).map(|_| bytes)
    });
    bytes.unwrap_or_else(|error| panic!("{}: cannot be unpacked: {error}", path.display()))
}

/// Writes a model that is committed in a folder of goldens, its configuration and unpacked weights,
/// to another folder.
///
/// # Panics
///
/// Where there is none, or a file of it is damaged.
pub fn unpack_model(name: &str, folder: &Path) {
    let from = goldens_dir().join(name);
    let entries = std::fs::read_dir(&from).expect("a folder of goldens");
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let (file, bytes) = match file.strip_suffix(".gz") {
            Some(file) => (file, unpacked(&format!("{name}/{file}"))),
            None if file.ends_with(".json") => (&*file, std::fs::read(&path).expect("a golden")),
            None => continue,
        };
        std::fs::write(folder.join(file), bytes).expect("a folder to write to");
    }
}

/// The folder that `CLIP_REFERENCE_DIR` names: full-size models with their goldens, written by
/// `tests/scripts/goldens.py full`. Where it is not set, prints that the test is skipped.
///
/// # Panics
///
/// Where the variable names no folder.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn reference_dir() -> Option<PathBuf> {
    let Some(dir) = std::env::var_os("CLIP_REFERENCE_DIR").map(PathBuf::from) else {
        eprintln!(
            "skipped: set CLIP_REFERENCE_DIR to a folder made by `tests/scripts/goldens.py full`"
        );
        return None;
    };
    assert!(dir.is_dir(), "CLIP_REFERENCE_DIR names no folder: {}", dir.display());
    Some(dir)
}
