//! The models that `tests/scripts/open_clip_weights.py` makes with OpenCLIP's own code.

use std::fs::{self, File};
use std::path::Path;

use flate2::read::GzDecoder;

/// Writes a committed model's configuration and weights to a folder.
pub(crate) fn unpack(name: &str, folder: &Path) {
    for entry in fs::read_dir(clip_testkit::goldens_dir().join("open-clip").join(name)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name.strip_suffix(".gz") {
            let mut packed = GzDecoder::new(File::open(&path).unwrap());
            std::io::copy(&mut packed, &mut File::create(folder.join(name)).unwrap()).unwrap();
        } else if name.ends_with(".json") {
            fs::copy(&path, folder.join(name)).unwrap();
        }
    }
}
