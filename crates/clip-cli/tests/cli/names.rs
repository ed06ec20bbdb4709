//! Names of files that are no words, and signs that are no names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use crate::sandbox::{Run, Sandbox, finish, program};

/// A name in Latin-1, as old archives have them.
const LATIN: &[u8] = b"caf\xe9.png";

fn latin() -> &'static OsStr {
    OsStr::from_bytes(LATIN)
}

/// Standard output as it is.
fn bytes(sandbox: &Sandbox, args: &[&OsStr]) -> Vec<u8> {
    let output = sandbox.command(program()).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn os<'a>(args: &'a [&'a str]) -> Vec<&'a OsStr> {
    args.iter().map(OsStr::new).collect()
}

fn with_input(sandbox: &Sandbox, args: &[&str], input: &[u8]) -> Run {
    let file = sandbox.write("input", input);
    finish(sandbox.command(program()).args(args).stdin(std::fs::File::open(file).unwrap()))
}

/// A bare `-` or `+` is the sign of a query behind a QUERY of `search`, and nowhere else.
#[test]
fn signs_are_of_queries_alone() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.copy("fx-car.png", "p/car.png");
    let listed = with_input(&sandbox, &["index", "--files-from", "-"], b"p/dog.png\np/car.png\n");
    assert_eq!(listed.lines()[0], "2 pictures: 2 new, 0 changed, 0 unchanged, 0 gone", "{listed}");
    sandbox.run(&["index", "p/car.png", "--tag", "+", "--tag", "-"]).check(0, &[]);
    for tag in ["+", "-"] {
        let tagged = sandbox.run(&["search", "a dog", "--tag", tag, "-f"]);
        assert_eq!(tagged.lines(), ["p/car.png"], "{tagged}");
    }
    let minus = sandbox.run(&["embed", "-t", "-"]);
    assert!(
        minus.code == 0 && minus.stdout.starts_with(r#"{"input":"-","modality":"text""#),
        "{minus}"
    );
    let label = sandbox.run(&["classify", "p/dog.png", "-l", "-"]);
    assert_eq!(label.lines(), ["1.000\t-\tp/dog.png"], "{label}");
    sandbox.run(&["export", "-"]).check(2, &["-", ".parquet"]);

    let first =
        |args: &[&str]| sandbox.run(&[&["search"], args, &["-f", "-t", "1"]].concat()).stdout;
    assert_eq!(first(&["a picture of a dog"]), "p/dog.png\n");
    assert_eq!(
        first(&["a picture of a dog", "-", "3:a picture of a dog", "+", "a car"]),
        "p/car.png\n"
    );
    // Before a QUERY it is one.
    sandbox.run(&["search", "-", "p"]).check(0, &[]);
    sandbox.run(&["search", "a dog", "-"]).check(2, &["a value is required for '--subtract"]);
}

#[test]
fn a_name_that_begins_with_a_dash_is_no_option() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "-rf.png");
    sandbox.copy("fx-dog.png", "-x/copy.png");
    sandbox.run(&["index", "."]).check(0, &[]);
    let found = |args: &[&str]| {
        let mut found: Vec<String> =
            sandbox.run(args).stdout.split(['\0', '\n']).map(str::to_owned).collect();
        found.retain(|name| !name.is_empty());
        found.sort();
        found
    };
    assert_eq!(found(&["search", "x", "-0"]), ["./-rf.png", "./-x/copy.png"]);
    assert_eq!(found(&["search", "x", "-f"]), ["./-rf.png", "./-x/copy.png"]);
    assert_eq!(found(&["similar", "./-rf.png", "-0"]), ["./-x/copy.png"]);
    assert_eq!(found(&["dupes", "--copies", "-0"]).len(), 1);
    assert!(found(&["dupes", "--copies", "-f"])[0].starts_with("./-"));
    let classified = sandbox.run(&["classify", "-l", "a", "--", "-rf.png"]);
    assert_eq!(classified.lines(), ["1.000\ta\t./-rf.png"], "{classified}");
    let json = sandbox.run(&["search", "x", "--jsonl"]);
    assert!(json.stdout.contains(r#""path":"-rf.png""#), "{json}");
}

#[test]
fn names_keep_their_bytes() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", Path::new("p").join(latin()));
    let name = [b"p/", LATIN].concat();
    let path = OsStr::from_bytes(&name);
    let ends_with = |args: &[&OsStr], end: &[u8]| {
        let printed = bytes(&sandbox, args);
        assert!(printed.ends_with(end), "{args:?}: {}", String::from_utf8_lossy(&printed));
    };
    let line = [&name, &b"\n"[..]].concat();
    ends_with(&os(&["search", "a dog", "p"]), &line);
    ends_with(&os(&["search", "a dog", "p", "-f"]), &line);
    ends_with(&os(&["search", "a dog", "p", "-0"]), &[&name, &b"\0"[..]].concat());
    ends_with(&[&os(&["classify", "-l", "dog"])[..], &[path]].concat(), &line);
    let map = OsStr::from_bytes(b"\xe9.html");
    ends_with(&[&os(&["map", "-o"])[..], &[map]].concat(), b"map: \xe9.html (1 picture)\n");
    let table = OsStr::from_bytes(b"\xe9.jsonl");
    ends_with(&[OsStr::new("export"), table], b"\xe9.jsonl (1 item of 256 numbers)\n");
    let explained = [&os(&["explain", "-t", "a dog"])[..], &[path]].concat();
    ends_with(&explained, b"heat map: caf\xe9-explained.png\n");
    let library = OsStr::from_bytes(b"\xe9.clipindex");
    ends_with(
        &[&os(&["index", "p", "--index"])[..], &[library]].concat(),
        b"library: \xe9.clipindex (1 item)\n",
    );
}

#[test]
fn names_that_are_not_utf8_are_taken() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", latin());
    sandbox.copy("fx-cat.png", "a b.png");
    let same = |query: &[u8]| {
        let args = [&os(&["search"])[..], &[OsStr::from_bytes(query)], &os(&[".", "-t", "9"])];
        let run = finish(sandbox.command(program()).args(args.concat()));
        // The picture itself is no answer.
        assert!(run.code == 0 && run.lines().len() == 1, "{run}");
    };
    same(b"./caf\xe9.png");
    let url = |host: &str, name: &[u8]| {
        let folder = sandbox.path("").canonicalize().unwrap();
        [format!("file://{host}{}/", folder.display()).as_bytes(), name].concat()
    };
    same(&url("", b"caf%E9.png"));
    same(&url("localhost", b"caf\xe9.png"));
    same(&url("LOCALHOST", b"a%20b.png"));
    sandbox.run(&["search", "file://nas/a.png", "."]).check(2, &["on the machine nas"]);
    let words = [OsStr::new("search"), OsStr::from_bytes(b"caf\xe9"), OsStr::new(".")];
    finish(sandbox.command(program()).args(words)).check(2, &["not UTF-8"]);

    let listed = |list: &[u8], count: &str| {
        let _ = std::fs::remove_dir_all(sandbox.path("listed"));
        let library = format!("--index={}", sandbox.path("listed").display());
        let run = with_input(&sandbox, &["index", "--files-from", "-", &library], list);
        assert!(run.code == 0 && run.lines()[0].starts_with(count), "{run}");
    };
    listed(b"caf\xe9.png\na b.png\n", "2 pictures: 2 new");
    listed(b"caf\xe9.png\r\na b.png", "2 pictures: 2 new");
    listed(b"caf\xe9.png\0a b.png\0", "2 pictures: 2 new");
    listed(b"\xef\xbb\xbfa b.png\n", "1 picture: 1 new");
    let utf16: Vec<u8> = "\u{feff}a b.png\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    listed(&utf16, "1 picture: 1 new");
}

/// What a terminal obeys never reaches it by a message, whether standard error is one or not.
#[test]
fn messages_are_escaped() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.write("p/\u{1b}[31m\r\n\u{202e}.png", "no picture");
    let run = sandbox.run(&["index", "p"]);
    run.check(0, &[r"p/\x1b[31m\r\n\u202e.png", "1 file was skipped"]);
    sandbox.run(&["search", "a dog", "\u{1b}[2J"]).check(2, &[r"no file or folder \x1b[2J"]);
    sandbox.run(&["search", "a dog", "--\u{1b}[2J"]).check(2, &[r"'--\x1b[2J'"]);
    sandbox.run(&["\u{9b}2J"]).check(2, &[r"'\u009b2J'"]);
    for args in [&["index", "p"][..], &["search", "a", "\u{1b}"], &["search", "a", "--\u{1b}"]] {
        assert!(!sandbox.run(args).stderr.contains('\u{1b}'));
    }
}

/// Commands that print without a picture.
const PRINT: [&[&str]; 8] = [
    &["completions", "bash"],
    &["completions", "zsh"],
    &["--help"],
    &["search", "--help"],
    &["--version"],
    &["models"],
    &["info"],
    &["train", "--print-config"],
];

/// `.. | head` has read enough; that is success, and no panic.
#[test]
fn a_closed_pipe_is_success() {
    let sandbox = Sandbox::new();
    for args in PRINT {
        let mut command = sandbox.command(program());
        let mut child =
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "dog.png");
    sandbox.run(&["index", "dog.png"]).check(0, &[]);
    let pictures: [&[&str]; 7] = [
        &["search", "a dog"],
        &["search", "a dog", "--json"],
        &["classify", "dog.png", "-l", "a"],
        &["embed", "-t", "a"],
        &["index", "--stats"],
        &["models", "inspect", "weights"],
        &["explain", "dog.png", "-t", "a"],
    ];
    let golden = clip_testkit::goldens_dir().join("deep");
    std::os::unix::fs::symlink(golden, sandbox.path("weights")).unwrap();
    for args in PRINT.iter().chain(&pictures) {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let run = finish(sandbox.command(program()).args(*args).stdout(full));
        assert_eq!(run.code, 2, "{args:?}: {run}");
        let expected = "error: cannot write to standard output: No space left on device";
        assert!(run.stderr.contains(expected), "{args:?}: {run}");
    }
}
