//! The words that somebody gave a picture.
//!
//! Programs write them in several places and seldom in all, so that the places are read together. A
//! keyword below others counts by its own name and, as in immich, by the path of each level: `People|Anna`
//! of Lightroom and `People/Anna` of digiKam give `People`, `People/Anna` and `Anna`.

use clip::metadata::{Metadata, Tag};
use roxmltree::Document;

use super::{iptc, xmp};

/// All of them, in order, each once.
pub(super) fn of(metadata: &Metadata<'_>, xmp: Option<&Document<'_>>) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(xmp) = xmp {
        for property in [xmp::SUBJECT, xmp::LAST_KEYWORD] {
            words.extend(xmp::values(xmp, property));
        }
        for (property, separator) in [(xmp::HIERARCHICAL_SUBJECT, '|'), (xmp::TAGS_LIST, '/')] {
            for path in xmp::values(xmp, property) {
                words.extend(levels(&path, separator));
            }
        }
    }
    if let Some(data) = &metadata.iptc {
        words.extend(iptc::texts(data, iptc::KEYWORDS));
    }
    let windows = metadata.exif.as_ref().and_then(|exif| exif.field(Tag::XP_KEYWORDS));
    if let Some(field) = windows {
        let units: Vec<u16> =
            field.bytes().as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        words.extend(String::from_utf16_lossy(&units).split(';').map(str::to_owned));
    }
    let clean = |word: &String| {
        let word = word.replace('\0', "");
        word.trim().to_owned()
    };
    let mut words: Vec<String> = words.iter().map(clean).filter(|word| !word.is_empty()).collect();
    words.sort();
    words.dedup();
    words
}

/// The path of each level, joined by `/`, and the name of the last.
fn levels(path: &str, separator: char) -> Vec<String> {
    let names: Vec<&str> =
        path.split(separator).map(str::trim).filter(|name| !name.is_empty()).collect();
    let paths = (1..=names.len()).map(|count| names[..count].join("/"));
    paths.chain(names.last().map(|name| (*name).to_owned())).collect()
}
