//! What the tests share: small shards of the pictures that the workspace keeps in every format.

use std::path::{Path, PathBuf};

use clip_data::Dataset;

/// A file of `clip-testkit/formats`.
pub(crate) fn format_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-testkit/formats").join(name)
}

/// Its bytes.
pub(crate) fn format(name: &str) -> Vec<u8> {
    std::fs::read(format_path(name)).unwrap()
}

/// Writes a shard.
pub(crate) fn tar(path: &Path, members: &[(&str, &[u8])]) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.finish().unwrap();
}

/// Writes a shard of `count` pictures, the names `name-0`, `name-1`, .. taking turns.
pub(crate) fn numbered_tar(path: &Path, count: usize, names: usize) {
    let pictures = ["cat-lossy.webp", "dog-baseline.jpg", "horse-palette.png"];
    let bytes = pictures.map(format);
    let members: Vec<(String, Vec<u8>)> = (0..count)
        .flat_map(|number| {
            let extension = pictures[number % 3].rsplit_once('.').unwrap().1;
            let name = number % names;
            let json = format!(r#"{{"id": "t/{number}", "name": "name-{name}", "kind": "photo"}}"#);
            [
                (format!("{number:04}.{extension}"), bytes[number % 3].clone()),
                (format!("{number:04}.json"), json.into_bytes()),
            ]
        })
        .collect();
    let members: Vec<(&str, &[u8])> =
        members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    tar(path, &members);
}

/// Opens one path.
pub(crate) fn open(path: &Path) -> Dataset {
    Dataset::open(&[path.to_owned()]).unwrap()
}

/// Why one path does not open.
pub(crate) fn refusal(path: &Path) -> String {
    Dataset::open(&[path.to_owned()]).unwrap_err().to_string()
}

/// The names of all samples, and that each picture is read whole.
pub(crate) fn names(dataset: &Dataset) -> Vec<&str> {
    for index in 0..dataset.len() {
        dataset.picture(index, &clip_preprocess::ReadOptions::default()).unwrap();
    }
    dataset.samples().iter().map(|sample| sample.name.as_str()).collect()
}
