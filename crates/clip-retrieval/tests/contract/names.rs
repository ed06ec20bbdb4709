//! Names of any letters.

use std::ffi::OsString;
use std::path::PathBuf;

use clip_retrieval::{Facts, Failure, Filter, Item, PathGlob};

use crate::place::Place;

/// Names that mean something in some language of queries, or in none.
const NAMES: &[&str] = &[
    "100%.jpg",
    "100_.jpg",
    "100x.jpg",
    "%",
    "_",
    "a\\b.jpg",
    "a\\",
    "it's.jpg",
    "say \"hi\".jpg",
    "\"",
    "two\nlines.jpg",
    "tab\tand\r.jpg",
    "bell\u{7}f.jpg",
    "Hündin 犬 🐕.jpg",
    "{x}.jpg",
    "[a-z]*?.jpg",
    "x == 1 or key >= \"\"",
];

fn names() -> Vec<OsString> {
    let mut names: Vec<OsString> = NAMES.iter().map(OsString::from).collect();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        names.push(OsString::from_vec(b"caf\xe9.jpg".to_vec()));
        names.push(OsString::from_vec(b"caf%E9.jpg".to_vec()));
    }
    names
}

/// Each is a folder with a picture in it, a tag, and a text.
pub(crate) fn names_of_any_letters_come_back_and_are_found(place: &dyn Place) {
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    let inside = |name: &OsString| PathBuf::from(name).join("in.jpg");
    for name in names() {
        let tag = name.to_string_lossy().into_owned();
        let facts = Facts { tags: vec![tag.clone()], ..Facts::default() };
        let picture = Item { facts, ..Item::picture(inside(&name), None) };
        writer.upsert(&picture, &[1.0, 0.0]).unwrap();
        writer.upsert(&Item::text(tag), &[0.0, 1.0]).unwrap();
        let path = PathBuf::from(&name).join("no.jpg");
        writer.fail(&Failure::new(path, None, &name.to_string_lossy())).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let mut failed: Vec<PathBuf> =
        store.failures().unwrap().into_iter().map(|failure| failure.path).collect();
    failed.sort();
    let mut expected: Vec<PathBuf> =
        names().iter().map(|name| PathBuf::from(name).join("no.jpg")).collect();
    expected.sort();
    assert_eq!(failed, expected);
    for name in names() {
        let (path, text) = (inside(&name), name.to_string_lossy().into_owned());
        let paths = |filter: Filter| {
            let hits = store.search(&[1.0, 0.0], 100, &filter).unwrap();
            let paths = hits.iter().filter_map(|hit| Some(hit.item.path()?.to_owned()));
            paths.collect::<Vec<PathBuf>>()
        };
        let id = Item::path_id(&path);
        assert_eq!(store.get(&id).unwrap().unwrap().0.path(), Some(path.as_path()));
        let (item, _) = store.get(&Item::text_id(&text)).unwrap().unwrap();
        assert_eq!(item, Item::text(text.clone()));
        let only = [path.clone()];
        let under = Filter { under: vec![name.clone().into()], ..Filter::default() };
        assert_eq!(paths(under), only, "{name:?}");
        let set = Filter { only: Some(only.clone().into()), ..Filter::default() };
        assert_eq!(paths(set), only, "{name:?}");
        let globs = vec![PathGlob::new("in.jpg").unwrap()];
        let under = Filter { under: vec![name.clone().into()], globs, ..Filter::default() };
        assert_eq!(paths(under), only, "{name:?}");
        if !text.contains('\u{fffd}') {
            let tags = Filter { tags: vec![text], ..Filter::default() };
            assert_eq!(paths(tags), only, "{name:?}");
        }
    }
}

/// macOS writes a letter and its mark as two characters, keyboards write one.
pub(crate) fn letters_with_marks_are_the_same_in_both_forms(place: &dyn Place) {
    const COMPOSED: &str = "Z\u{fc}rich";
    const DECOMPOSED: &str = "Zu\u{308}rich";
    let store = place.open(2);
    let mut writer = store.writer().unwrap();
    for (folder, tags) in [
        ("a", vec![COMPOSED]),
        ("b", vec![DECOMPOSED]),
        ("c", vec![DECOMPOSED, COMPOSED]),
        ("d", vec!["Zurich"]),
    ] {
        let tags = tags.into_iter().map(str::to_owned).collect();
        let facts = Facts { tags, ..Facts::default() };
        let name = if folder == "a" { "Ma\u{308}rz.JPG" } else { "M\u{e4}rz.jpg" };
        let picture = Item { facts, ..Item::picture(PathBuf::from(folder).join(name), None) };
        writer.upsert(&picture, &[1.0, 0.0]).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let count = |filter: Filter| {
        let items = store.items(&filter).unwrap();
        assert_eq!(store.search(&[1.0, 0.0], 10, &filter).unwrap().len(), items.len());
        items.len()
    };
    for tag in [COMPOSED, DECOMPOSED] {
        assert_eq!(count(Filter { tags: vec![tag.to_owned()], ..Filter::default() }), 3, "{tag}");
    }
    // Case counts in tags and not in patterns.
    assert_eq!(count(Filter { tags: vec!["z\u{fc}rich".to_owned()], ..Filter::default() }), 0);
    for pattern in ["m\u{e4}rz.jpg", "Ma\u{308}rz.*", "*.jpg", "*.JPG"] {
        let globs = vec![PathGlob::new(pattern).unwrap()];
        assert_eq!(count(Filter { globs, ..Filter::default() }), 4, "{pattern}");
    }
    let (item, _) = store.get(&Item::path_id("c/M\u{e4}rz.jpg".as_ref())).unwrap().unwrap();
    assert_eq!(item.facts.tags, [COMPOSED], "each once");
}
