//! Tags, which stay with pictures whatever becomes of their files.

use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// Two pictures; the dog is tagged.
fn tagged() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["dog", "cat"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("p/{name}.png"));
    }
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox.run(&["tags", "add", "mine", "p/dog.png"]).check(0, &[]);
    sandbox
}

/// Paths of the pictures with a tag, in order.
fn with(sandbox: &Sandbox, tag: &str) -> Vec<String> {
    let run = sandbox.run(&["search", "x", "--tag", tag, "-f"]);
    let mut lines: Vec<String> = run.lines().into_iter().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn rename(sandbox: &Sandbox, from: &str, to: &str) {
    fs::create_dir_all(sandbox.path(to).parent().unwrap()).unwrap();
    fs::rename(sandbox.path(from), sandbox.path(to)).unwrap();
}

fn touch(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
}

/// After each change a run sees it.
#[test]
fn tags_outlive_what_becomes_of_a_file() {
    let sandbox = tagged();
    let index = || sandbox.run(&["index", "p"]);
    let check = |what: &str, expected: &str| {
        let run = index();
        assert_eq!(with(&sandbox, "mine"), [expected], "{what}: {run}");
    };
    rename(&sandbox, "p/dog.png", "p/hund.png");
    check("a new name", "p/hund.png");
    rename(&sandbox, "p/hund.png", "p/a/b/hund.png");
    rename(&sandbox, "p/a", "p/c");
    check("another folder", "p/c/b/hund.png");
    touch(&sandbox.path("p/c/b/hund.png"));
    check("another time", "p/c/b/hund.png");
    sandbox.copy("fx-flower.png", "p/c/b/hund.png");
    check("another content", "p/c/b/hund.png");
    // As a program leaves it that is half-way through writing.
    sandbox.write("p/c/b/hund.png", "\x7f");
    index().check(0, &["p/c/b/hund.png is not a picture"]);
    assert_eq!(with(&sandbox, "mine"), [""; 0]);
    sandbox.copy("fx-car.png", "p/c/b/hund.png");
    check("read again", "p/c/b/hund.png");
    rename(&sandbox, "p/c/b/hund.png", "away/car.png");
    fs::remove_dir_all(sandbox.path("p/c")).unwrap();
    assert_eq!(index().lines()[0], "1 picture: 0 new, 0 changed, 1 unchanged, 1 gone");
    assert_eq!(with(&sandbox, "mine"), [""; 0]);
    rename(&sandbox, "away/car.png", "p/back.png");
    check("gone, and back under another name", "p/back.png");
    sandbox.run(&["index", "--remove", "p/back.png"]).check(0, &[]);
    index();
    assert_eq!(with(&sandbox, "mine"), [""; 0], "what is taken off by hand is forgotten");
}

/// Also into a folder that no run has seen: the old one need not be looked at.
#[test]
fn tags_follow_a_folder_to_another_place() {
    let sandbox = tagged();
    rename(&sandbox, "p", "elsewhere/q");
    let run = sandbox.run(&["index", "elsewhere"]);
    assert_eq!(run.lines()[0], "2 pictures: 0 new, 0 changed, 2 moved, 0 unchanged, 0 gone");
    assert_eq!(with(&sandbox, "mine"), ["elsewhere/q/dog.png"]);
    // A copy is another picture, as long as the first is there.
    sandbox.copy("fx-dog.png", "copies/dog.png");
    let run = sandbox.run(&["index", "copies"]);
    assert_eq!(run.lines()[0], "1 picture: 1 new, 0 changed, 0 unchanged, 0 gone");
    assert_eq!(with(&sandbox, "mine"), ["elsewhere/q/dog.png"]);
}

/// Tags go with the content where files change places; where one is written over, it has those of both.
#[test]
fn tags_follow_pictures_that_change_places() {
    let sandbox = tagged();
    sandbox.copy("fx-car.png", "p/car.png");
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox.run(&["tags", "add", "wheels", "p/car.png"]).check(0, &[]);
    rename(&sandbox, "p/dog.png", "p/x.png");
    rename(&sandbox, "p/car.png", "p/dog.png");
    rename(&sandbox, "p/cat.png", "p/car.png");
    rename(&sandbox, "p/x.png", "p/cat.png");
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!(with(&sandbox, "mine"), ["p/cat.png"]);
    assert_eq!(with(&sandbox, "wheels"), ["p/dog.png"]);
    rename(&sandbox, "p/cat.png", "p/dog.png");
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!((with(&sandbox, "mine"), with(&sandbox, "wheels")), {
        (vec!["p/dog.png".to_owned()], vec!["p/dog.png".to_owned()])
    });
}

/// Pictures of one content that move together keep each its own.
#[test]
fn copies_keep_their_own_tags() {
    let sandbox = Sandbox::new();
    for name in ["a", "b", "c", "d"] {
        sandbox.copy("fx-dog.png", format!("p/{name}.png"));
    }
    sandbox.run(&["index", "p"]).check(0, &[]);
    for name in ["a", "b", "c", "d"] {
        sandbox.run(&["tags", "add", name, &format!("p/{name}.png")]).check(0, &[]);
    }
    for name in ["d", "b", "a", "c"] {
        rename(&sandbox, &format!("p/{name}.png"), &format!("p/new/{name}.png"));
    }
    let run = sandbox.run(&["index", "p"]);
    assert_eq!(run.lines()[0], "4 pictures: 0 new, 0 changed, 4 moved, 0 unchanged, 0 gone");
    for name in ["a", "b", "c", "d"] {
        assert_eq!(with(&sandbox, name), [format!("p/new/{name}.png")]);
    }
}

/// A JPEG file with these keywords in its XMP.
fn with_keywords(sandbox: &Sandbox, name: &str, keywords: &[&str]) {
    let list: String = keywords.iter().map(|word| format!("<rdf:li>{word}</rdf:li>")).collect();
    let xmp = format!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF \
         xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:subject><rdf:Bag>{list}</rdf:Bag>\
         </dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    );
    let jpeg = fs::read(clip_testkit::formats_dir().join("dog-baseline.jpg")).unwrap();
    let length = u16::try_from(xmp.len() + 2).unwrap().to_be_bytes();
    let bytes = [&jpeg[..2], b"\xff\xe1", &length, xmp.as_bytes(), &jpeg[2..]].concat();
    sandbox.write(name, bytes);
}

fn shown(run: &Run) -> Vec<&str> {
    run.lines().into_iter().map(|line| line.split_once('\t').unwrap().1).collect()
}

/// What stands in the file is read anew, what the user said stays.
#[test]
fn keywords_of_the_file_and_tags_of_the_user_are_two_things() {
    let sandbox = Sandbox::new();
    with_keywords(&sandbox, "p/dog.jpg", &["pet", "sea"]);
    let show = || {
        let run = sandbox.run(&["tags", "show", "p"]);
        run.check(0, &[]);
        shown(&run).join("; ")
    };
    sandbox.run(&["index", "p", "--tag", "mine"]).check(0, &[]);
    assert_eq!(show(), "mine, pet, sea");
    let run = sandbox.run(&["tags", "remove", "sea", "p"]);
    assert_eq!(run.stdout, "1 picture: 1 no longer tagged sea, 0 not before\n");
    assert_eq!(show(), "mine, pet");
    assert_eq!((with(&sandbox, "sea").len(), with(&sandbox, "pet").len()), (0, 1));
    with_keywords(&sandbox, "p/dog.jpg", &["sea", "sun", "shadow"]);
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!(show(), "mine, shadow, sun");
    let run = sandbox.run(&["tags", "show", "p/dog.jpg", "--json"]);
    let rows: Value = serde_json::from_str(&run.stdout).unwrap();
    let expected = serde_json::json!([{
        "path": "p/dog.jpg",
        "tags": ["mine", "shadow", "sun"],
        "keywords": ["sea", "shadow", "sun"],
        "added": ["mine"],
        "removed": ["sea"],
    }]);
    assert_eq!(rows, expected);
    for file in ["all.jsonl", "all.parquet", "all.npy"] {
        sandbox.run(&["export", file, "--force"]).check(0, &[]);
        let index = format!("from-{file}");
        sandbox.run(&["import", file, "--index", &index]).check(0, &[]);
        let run = sandbox.run(&["tags", "show", "p", "--json", "--index", &index]);
        assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), expected, "{file}");
    }
    // Importing over what is here takes nothing off.
    sandbox.run(&["tags", "add", "later", "p"]).check(0, &[]);
    sandbox.run(&["import", "all.parquet"]).check(0, &[]);
    assert_eq!(show(), "later, mine, shadow, sun");
    sandbox.run(&["tags", "add", "sea", "p"]).check(0, &[]);
    assert_eq!(show(), "later, mine, sea, shadow, sun");
}

#[test]
fn tags_are_listed_added_and_removed() {
    let sandbox = tagged();
    let run = sandbox.run(&["tags", "add", " two words ", "p"]);
    assert_eq!(run.stdout, "2 pictures: 2 tagged two words, 0 before\n", "{run}");
    assert_eq!(sandbox.run(&["tags"]).stdout, "1\tmine\n2\ttwo words\n");
    let rows: Value = serde_json::from_str(&sandbox.run(&["tags", "--json"]).stdout).unwrap();
    assert_eq!(rows[1], serde_json::json!({ "tag": "two words", "items": 2 }));
    let run = sandbox.run(&["tags", "show", "p"]);
    assert_eq!(run.stdout, "p/cat.png\ttwo words\np/dog.png\tmine, two words\n");
    let run = sandbox.run(&["tags", "add", "mine", "p/dog.png", "--json"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "{\"pictures\":1,\"changed\":0}\n"));
    // Also of pictures on a drive that is not plugged in.
    rename(&sandbox, "p/dog.png", "away.png");
    let run = sandbox.run(&["tags", "remove", "mine", "p/dog.png"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1), "{run}");
    assert_eq!(sandbox.run(&["tags"]).stdout, "2\ttwo words\n");
    sandbox.run(&["tags", "add", "x", "p/no.png"]).check(1, &["p/no.png is not in the library"]);
    sandbox.run(&["tags", "add", " ", "p"]).check(2, &["a tag is a word"]);
    sandbox.run(&["tags", "add", "x"]).check(2, &["<PATH>"]);
    sandbox.run(&["tags", "--index", "none"]).check(2, &["there is no library"]);
}

/// A file that cannot be read yet has the tag once it can.
#[test]
fn tags_wait_for_files_that_cannot_be_read() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.copy("cat-truncated.jpg", "p/cat.jpg");
    sandbox.run(&["index", "p", "--tag", "mine"]).check(0, &["p/cat.jpg", "cut off"]);
    sandbox.run(&["tags", "add", "pet", "p/cat.jpg"]).check(1, &["wait until it can be"]);
    sandbox.copy("cat-baseline.jpg", "p/cat.jpg");
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!(with(&sandbox, "mine"), ["p/cat.jpg", "p/dog.png"]);
    assert_eq!(with(&sandbox, "pet"), ["p/cat.jpg"]);
}

/// Those of pictures that are not there go along, and wait for them.
#[test]
fn a_library_that_is_made_anew_has_all_tags() {
    let sandbox = tagged();
    sandbox.copy("fx-car.png", "p/car.png");
    sandbox.copy("fx-flower.png", "p/flower.png");
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox.run(&["tags", "add", "mine", "p/car.png", "p/flower.png"]).check(0, &[]);
    let source = clip_testkit::goldens_dir().join("deep");
    sandbox.run(&["models", "add", source.to_str().unwrap(), "--dtype", "f32"]).check(0, &[]);
    rename(&sandbox, "p/flower.png", "away/flower.png");
    sandbox.run(&["index", "p"]).check(0, &[]);
    rename(&sandbox, "p/car.png", "away/car.png");
    sandbox.run(&["reindex", "--model", "deep", "--drop-missing"]).check(0, &[]);
    assert_eq!(sandbox.run(&["tags"]).stdout, "1\tmine\n");
    rename(&sandbox, "away", "p/back");
    sandbox.run(&["index", "p", "--model", "deep"]).check(0, &[]);
    assert_eq!(sandbox.run(&["tags"]).stdout, "3\tmine\n");
}
