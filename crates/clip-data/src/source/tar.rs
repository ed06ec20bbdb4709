//! WebDataset shards: `KEY.webp` and `KEY.json`, `KEY.txt` or `KEY.cls` one after the other.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use clip_preprocess::is_read_extension;

use super::{Index, Place, Skipped};
use crate::error::io;
use crate::fields::{Draft, Role};
use crate::{Problem, Result, text};

/// Longer texts and metadata are taken for a mistake.
const MAX_TEXT: u64 = 16 << 20;

/// What is known of one key so far.
#[derive(Default)]
struct Member {
    draft: Draft,
    /// The `.txt` file, which may have several captions.
    text: Option<String>,
    place: Option<Place>,
}

/// The members of one shard by key, in the order in which they begin.
struct Shard<'a> {
    path: &'a Path,
    shared: Arc<Path>,
    length: u64,
    members: Vec<(String, Member)>,
    by_key: HashMap<String, usize>,
    unreadable: Skipped,
}

/// Indexes a shard; what follows damage is lost, what precedes it is not.
pub(super) fn index(path: &Path, class_names: Option<&[String]>) -> Result<Index> {
    let fail = |source| io(path, source);
    let mut file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let has_end = ends_with_zeros(&mut file, length).map_err(fail)?;
    let mut shard = Shard {
        path,
        shared: Arc::from(path),
        length,
        members: Vec::new(),
        by_key: HashMap::new(),
        unreadable: Skipped::default(),
    };
    // Headers and texts are small; a larger buffer would be thrown away at each seek.
    let mut archive = tar::Archive::new(BufReader::with_capacity(2048, file));
    let damage = match archive.entries_with_seek() {
        Ok(mut entries) => loop {
            match entries.next() {
                None => break None,
                Some(Err(error)) => break Some(error.to_string()),
                Some(Ok(entry)) => {
                    if let Err(damage) = shard.add(entry) {
                        break Some(damage);
                    }
                }
            }
        },
        Err(error) => Some(error.to_string()),
    };
    let mut index = shard.finish(class_names);
    let samples = index.samples.len();
    match damage {
        Some(damage) => {
            let reason = format!("damaged after {samples} samples, the rest is lost: {damage}");
            index.problems.insert(0, Problem::new(path.display(), reason));
        }
        None if !has_end => {
            let reason = format!("has no end mark after {samples} samples, probably cut off");
            index.problems.insert(0, Problem::new(path.display(), reason));
        }
        None => {}
    }
    Ok(index)
}

impl Shard<'_> {
    /// Takes one member; an error is the damage at which the shard ends.
    fn add<R: Read>(&mut self, mut entry: tar::Entry<'_, R>) -> std::result::Result<(), String> {
        if !entry.header().entry_type().is_file() {
            return Ok(());
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (offset, size) = (entry.raw_file_position(), entry.size());
        if offset.checked_add(size).is_none_or(|end| end > self.length) {
            return Err(format!("{name} is cut off"));
        }
        let Some((key, extension)) = split(&name) else { return Ok(()) };
        let is_picture = is_read_extension(&extension);
        if !is_picture && !matches!(extension.as_str(), "json" | "txt" | "cls") {
            return Ok(());
        }
        let mut text = Vec::new();
        if !is_picture {
            if size > MAX_TEXT {
                self.unreadable.add(format_args!("{name} ({size} bytes)"));
                return Ok(());
            }
            entry.read_to_end(&mut text).map_err(|error| format!("{name}: {error}"))?;
        }
        let place = is_picture.then(|| Place::Part {
            shard: Arc::clone(&self.shared),
            member: name.clone(),
            offset,
            length: size,
        });
        let Ok(text) = text::decode(Path::new(&name), &text) else {
            self.unreadable.add(format_args!("{name} (it is not UTF-8)"));
            return Ok(());
        };
        let member = self.member(key);
        match extension.as_str() {
            "json" => match serde_json::from_str(&text) {
                Ok(object) => member.draft.set_json(&object),
                Err(error) => self.unreadable.add(format_args!("{name} ({error})")),
            },
            "txt" => {
                member.draft.set(Role::Caption, &text);
                member.text = Some(text.trim().to_owned());
            }
            "cls" => member.draft.set(Role::Class, &text),
            // Of a picture in several formats, the first counts.
            _ => {
                member.place.get_or_insert(place.expect("made for pictures"));
            }
        }
        Ok(())
    }

    fn member(&mut self, key: &str) -> &mut Member {
        let at = match self.by_key.get(key) {
            Some(at) => *at,
            None => {
                self.by_key.insert(key.to_owned(), self.members.len());
                self.members.push((key.to_owned(), Member::default()));
                self.members.len() - 1
            }
        };
        &mut self.members[at].1
    }

    fn finish(self, class_names: Option<&[String]>) -> Index {
        let mut index = Index::default();
        let (mut without_picture, mut without_text) = (Skipped::default(), Skipped::default());
        let shard = self.path.file_stem().unwrap_or_default().to_string_lossy();
        for (key, Member { mut draft, text, place }) in self.members {
            let Some(place) = place else {
                without_picture.add(key);
                continue;
            };
            // img2dataset gives the caption twice, as text and within the metadata.
            let captions = &mut draft.sample.captions;
            let mut seen = std::collections::HashSet::new();
            captions.retain(|caption| seen.insert(caption.clone()));
            draft.sample.text_file =
                captions.iter().position(|caption| Some(caption) == text.as_ref());
            if draft.complete(&format!("{shard}/{key}"), class_names) {
                index.samples.push((draft.sample, place));
            } else {
                without_text.add(key);
            }
        }
        self.unreadable.report(self.path, "the text cannot be read", &mut index.problems);
        without_picture.report(self.path, "has no picture", &mut index.problems);
        without_text.report(self.path, "has no text", &mut index.problems);
        index
    }
}

/// Key and lower-case ending. The ending begins at the first dot of the file name, so
/// `0001.seg.png` is not a picture of sample `0001`.
fn split(name: &str) -> Option<(&str, String)> {
    let name = name.trim_start_matches("./");
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = file + name[file..].find('.')?;
    (dot > file).then(|| (&name[..dot], name[dot + 1..].to_lowercase()))
}

/// Whether the last block is zeros, as the end mark is (POSIX, pax, "ustar Interchange Format").
fn ends_with_zeros(file: &mut File, length: u64) -> std::io::Result<bool> {
    let mut block = [1; 512];
    if length >= 512 {
        file.seek(SeekFrom::Start(length - 512))?;
        file.read_exact(&mut block)?;
        file.seek(SeekFrom::Start(0))?;
    }
    Ok(block.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn keys_end_at_the_first_dot_of_the_name() {
        let check = |name, expected: Option<(&str, &str)>| {
            let found = split(name);
            assert_eq!(found.as_ref().map(|(key, end)| (*key, end.as_str())), expected, "{name}");
        };
        check("000.webp", Some(("000", "webp")));
        check("./a.b/000.JPG", Some(("a.b/000", "jpg")));
        check("000.seg.png", Some(("000", "seg.png")));
        check("a.b/000", None);
        check(".hidden", None);
        check("", None);
    }
}
