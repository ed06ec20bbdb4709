//! What users hand in by mistake: one clear sentence each, and the rest goes on.

use clip_retrieval::{Library, Precision};
use serde_json::Value;

use crate::built_in;
use crate::sandbox::{Run, Sandbox, finish, program};

/// What `search "a picture of a dog" p` prints where `p/dog.png`, the drawing of a dog, is the only
/// picture.
pub(crate) fn dog_alone() -> String {
    let score = built_in::score("a picture of a dog", "fx-dog.png");
    format!("{score:.3}\tp/dog.png\n")
}

/// A search over one good picture and one more file: the good one is found, the other named.
fn check_skipped(name: &str, content: &[u8], says: &str) {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.write(format!("p/{name}"), content);
    let run = sandbox.run(&["search", "a picture of a dog", "p"]);
    assert_eq!(run.stdout, dog_alone(), "{run}");
    run.check(0, &[name, says, "1 file was skipped"]);
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(clip_testkit::formats_dir().join(name)).unwrap()
}

/// The start of a PNG file of that size, and nothing else.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut crc = u32::MAX;
    for byte in &chunk {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(chunk);
    png.extend((!crc).to_be_bytes());
    png
}

#[test]
fn bad_pictures_are_named_and_skipped() {
    check_skipped("text.jpg", b"hello, I am a text", "not a picture");
    check_skipped("empty.png", b"", "empty");
    check_skipped("cut.jpg", &fixture("dog-truncated.jpg"), "cut off");
    check_skipped("half.png", &fixture("dog-alpha.png")[..5_000], "cut off");
    check_skipped("huge.png", &png_header(60_000, 60_000), "60000");
    check_skipped("zero.png", &png_header(0, 10), "pixels");
}

#[test]
fn every_kind_of_picture_is_read() {
    let sandbox = Sandbox::new();
    let files = [
        "dog-cmyk.jpg",
        "dog-gray.jpg",
        "dog-gray16.png",
        "dog-palette.png",
        "dog-alpha.png",
        "dog.gif",
        "dog.bmp",
        "dog.tiff",
        "dog-lossy.webp",
        "dog-lossless.webp",
        "dog-progressive.jpg",
    ];
    for file in files {
        sandbox.copy(file, format!("p/{file}"));
    }
    let query = sandbox.copy("dog.bmp", "query.bmp");
    let run = sandbox.run(&["search", query.to_str().unwrap(), "p", "-t", "99"]);
    assert_eq!(run.lines().len(), files.len(), "{run}");
    assert!(run.lines()[0].starts_with("1.000\t"), "{run}");
}

#[test]
fn places_that_are_not_there_or_hold_nothing() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["search", "a dog", "nowhere"]).check(2, &["no file or folder nowhere"]);
    sandbox.run(&["search", "a dog", "empty"]).check(1, &["no pictures in empty"]);
    sandbox.run(&["search", "a dog"]).check(2, &["the library is empty", "~/Pictures"]);
    sandbox.run(&["search", "./nowhere.jpg", "empty"]).check(2, &["nowhere.jpg"]);
    sandbox.run(&["search", "--image", "empty"]).check(2, &["empty", "folder"]);
    sandbox.run(&["search", "a dog", "--texts", "none.txt"]).check(2, &["none.txt"]);
    sandbox.run(&["embed", "-i", "nowhere.jpg", "-t", "cat"]).check(2, &["nowhere.jpg", "1 file"]);
    sandbox.run(&["classify", "nowhere.jpg", "-l", "a,b"]).check(2, &["nowhere.jpg", "1 file"]);
    sandbox.run(&["index", "nowhere"]).check(2, &["no file or folder nowhere"]);
}

#[test]
fn queries_that_say_nothing_or_too_much() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    for query in ["", "   ", "2:"] {
        sandbox.run(&["search", query, "p"]).check(2, &["the query is empty"]);
    }
    let info: Value = serde_json::from_str(&sandbox.run(&["info", "--json"]).stdout).unwrap();
    let limit = info["model"]["context_length"].to_string();
    let long = "word ".repeat(500);
    sandbox.run(&["search", &long, "p"]).check(2, &["502", &limit, "--truncate"]);
    sandbox.run(&["search", &long, "p", "--truncate"]).check(0, &[]);
    sandbox.run(&["embed"]).check(2, &["--text", "--image"]);
}

#[cfg(unix)]
#[test]
fn loops_of_links_end() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    std::os::unix::fs::symlink(sandbox.path("p"), sandbox.path("p/again")).unwrap();
    std::os::unix::fs::symlink("self.png", sandbox.path("p/self.png")).unwrap();
    let run = sandbox.run(&["search", "a picture of a dog", "p"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, dog_alone().as_str()), "{run}");
}

#[cfg(unix)]
#[test]
fn paths_that_are_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let name = std::ffi::OsStr::from_bytes(b"p/caf\xe9.png");
    sandbox.copy("fx-dog.png", name);
    let search = |format: &str| {
        let mut command = sandbox.command(program());
        command.args(["search", "a picture of a dog", "p", format]).output().unwrap().stdout
    };
    assert_eq!(search("-0"), b"p/caf\xe9.png\0");
    assert_eq!(search("-f"), b"p/caf\xe9.png\n");
    assert!(String::from_utf8(search("--json")).unwrap().contains("p/caf\u{fffd}.png"));
    // A query by such a path, and the second time from the library.
    sandbox.copy("fx-dog.png", "p/dog.png");
    let run = finish(sandbox.command(program()).args(["search", "--image"]).arg(name).args(["p"]));
    assert!(run.code == 0 && run.stdout.starts_with("1.000"), "{run}");
}

/// Root may read everything, so the program runs as another user where the test runs as root.
#[cfg(unix)]
#[test]
fn folders_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let chmod = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    const NOBODY: u32 = 65_534;
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.copy("fx-cat.png", "p/closed/cat.png");
    // The program itself may lie where another user cannot reach.
    let program = sandbox.write("clip-cli", std::fs::read(program()).unwrap());
    chmod(&program, 0o755);
    chmod(&sandbox.path(""), 0o777);
    chmod(&sandbox.path("p/closed"), 0o000);
    let is_root = std::fs::read_dir(sandbox.path("p/closed")).is_ok();
    let mut command = sandbox.command(&program);
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let run = finish(command.args(["search", "a picture of a dog", "p"]));
    chmod(&sandbox.path("p/closed"), 0o755);
    assert_eq!(run.stdout, dog_alone(), "{run}");
    run.check(0, &["p/closed", "1 file was skipped"]);
}

fn with_index(content: &[u8]) -> Run {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.write("library", content);
    let run = sandbox.run(&["search", "a dog", "p"]);
    assert_eq!(std::fs::read(sandbox.path("library")).unwrap(), content, "the file is left alone");
    run
}

#[test]
fn libraries_that_are_not_ours() {
    with_index(b"something else").check(2, &["library", "--index"]);
    with_index(b"").check(2, &["library"]);
    with_index(b"CLIPINDX and so on").check(2, &["library", "earlier version", "index again"]);
}

#[test]
fn a_library_of_another_model() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    Library::open_or_create(sandbox.path("library"), "1", "other", 3, Precision::F32).unwrap();
    for args in [["search", "a dog"].as_slice(), &["index", "p"], &["index", "p", "--dry-run"]] {
        sandbox.run(args).check(2, &["was made with the model other", "clip-photo", "--index"]);
    }
}

#[test]
fn models_that_are_not_whole() {
    let sandbox = Sandbox::new();
    let weights = clip_testkit::builtin_model();
    let bytes = std::fs::read(weights).unwrap();
    let check = |content: &[u8], says: &[&str]| {
        sandbox.write("m.safetensors", content);
        sandbox.run(&["embed", "-t", "cat", "--model", "m.safetensors"]).check(2, says);
    };
    check(&bytes[..bytes.len() / 2], &["m.safetensors", "damaged or cut off"]);
    check(b"", &["m.safetensors", "damaged or cut off"]);
    check(b"{}", &["m.safetensors"]);
    sandbox.run(&["embed", "-t", "cat", "--model", "m.pt"]).check(2, &["no model m.pt"]);
    std::fs::create_dir(sandbox.path("hf")).unwrap();
    sandbox.run(&["embed", "-t", "cat", "--model", "hf"]).check(2, &["models add hf"]);
}

/// What a build has not, it names.
#[cfg(not(feature = "milvus"))]
#[test]
fn a_cluster_is_refused_without_its_feature() {
    let sandbox = Sandbox::new();
    for args in [&["search", "a dog"][..], &["library", "errors"], &["library", "stats"], &["info"]]
    {
        let run = sandbox.run(&[args, &["--index", "milvus://host/photos"]].concat());
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("built without: build it with --features milvus"), "{run}");
    }
    sandbox
        .run(&["dupes", "--index", "milvus://host/photos"])
        .check(2, &["is a cluster, and this is done for a library in a folder alone"]);
}
