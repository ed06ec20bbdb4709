//! Every kind of source opens, and what is damaged or missing is named.

use crate::common::{format, format_path, names, numbered_tar, open, refusal, tar};
use clip_data::{Dataset, Filter, Kind};

#[test]
fn a_shard_gives_texts_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-0000.tar");
    let json = br#"{"id": "x/1", "source": "x", "name": "guide_dog", "keywords": ["dog", "animal"],
        "captions": ["a dog at work"], "kind": "drawing", "licence": "MIT", "score": [1, 2]}"#;
    tar(
        &path,
        &[
            ("a.webp", &format("dog-lossy.webp")),
            ("a.json", json),
            ("sub/b.jpg", &format("cat-baseline.jpg")),
            ("sub/b.txt", b"a cat on a mat\n"),
            ("sub/b.seg.png", b"no picture of the sample"),
            ("c.json", br#"{"name": "later"}"#),
            ("c.PNG", &format("horse-palette.png")),
        ],
    );
    let dataset = open(&path);
    assert_eq!(names(&dataset), ["guide_dog", "a cat on a mat", "later"]);
    assert_eq!(dataset.names(), ["guide dog", "a cat on a mat", "later"]);
    assert!(dataset.problems().is_empty(), "{:?}", dataset.problems());
    let first = dataset.sample(0);
    assert_eq!((first.key.as_str(), first.kind), ("x/1", Kind::Drawing));
    assert_eq!((first.source.as_deref(), first.license.as_deref()), (Some("x"), Some("MIT")));
    assert_eq!((first.keywords.len(), first.captions.len(), first.class), (2, 1, None));
    assert_eq!(dataset.sample(1).key, "train-0000/sub/b");
    assert_eq!(dataset.read(1).unwrap(), format("cat-baseline.jpg"));
    assert!(dataset.origin(1).ends_with("train-0000.tar:sub/b.jpg"));
}

#[test]
fn patterns_and_folders_hold_shards() {
    let folder = tempfile::tempdir().unwrap();
    for shard in 0..3 {
        numbered_tar(&folder.path().join(format!("s-{shard:02}.tar")), 4, 2);
    }
    let count = |name: &str| open(&folder.path().join(name)).len();
    assert_eq!((count("s-*.tar"), count("s-{00..01}.tar"), count("")), (12, 8, 12));
    let dataset = open(folder.path());
    assert_eq!(dataset.names(), ["name-0", "name-1"]);
    assert_eq!(&dataset.groups()[..4], [0, 1, 0, 1]);
}

#[test]
fn damaged_shards_keep_what_precedes_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.tar");
    numbered_tar(&path, 6, 6);
    let whole = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8], kept: std::ops::Range<usize>, reason: &str| {
        let path = folder.path().join("damaged.tar");
        std::fs::write(&path, bytes).unwrap();
        let dataset = open(&path);
        assert!(kept.contains(&dataset.len()), "{} samples", dataset.len());
        assert_eq!(names(&dataset).len(), dataset.len());
        let problems = dataset.problems();
        assert!(problems[0].to_string().contains(reason), "{problems:?}");
        assert!(problems[0].origin.contains("damaged.tar"));
    };
    check(&whole[..whole.len() / 2], 1..5, "cut off");
    check(&whole[..whole.len() - 1024], 6..7, "no end mark");
    let mut scratched = whole.clone();
    let middle = whole.len() / 2 / 512 * 512;
    let header = (middle..).step_by(512).find(|at| whole[*at..].starts_with(b"000")).unwrap();
    scratched[header + 100..header + 160].fill(b'?');
    check(&scratched, 1..5, "damaged after");
}

#[test]
fn members_without_their_other_half_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.tar");
    let picture = format("dog-lossy.webp");
    tar(
        &path,
        &[
            ("a.webp", &picture),
            ("b.json", br#"{"name": "b"}"#),
            ("c.webp", &picture),
            ("c.json", b"{broken"),
            ("d.webp", &picture),
            ("d.txt", b"a dog"),
        ],
    );
    let dataset = open(&path);
    assert_eq!(names(&dataset), ["a dog"]);
    let problems: Vec<String> = dataset.problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("1 skipped, the first is c.json"), "{problems:?}");
    assert!(problems[1].contains("the first is b: has no picture"), "{problems:?}");
    assert!(problems[2].contains("2 skipped, the first is a: has no text"), "{problems:?}");
}

/// Whatever the ending of a picture is, in shards and in tables.
#[test]
fn pictures_have_the_endings_that_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = format("dog-baseline.jpg");
    let members = [
        ("a.jfif", &jpeg[..]),
        ("a.txt", b"a dog"),
        ("b.PJPEG", &jpeg),
        ("b.txt", b"a puppy"),
        ("c.apng", &format("dog-alpha.png")),
        ("c.txt", b"an animal"),
    ];
    let shard = folder.path().join("0.tar");
    tar(&shard, &members);
    assert_eq!(names(&open(&shard)), ["a dog", "a puppy", "an animal"]);
}

#[test]
fn classification_shards_take_names_from_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let test = folder.path().join("test");
    std::fs::create_dir(&test).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("classnames.txt", "cat\ndog\nsea horse\n");
    write("zeroshot_classification_templates.txt", "a photo of a {c}.\nart of the {c}.\n");
    let members = [
        ("s0.cls", &b"2"[..]),
        ("s0.webp", &format("horse-lossy.webp")),
        ("s1.cls", b"0\n"),
        ("s1.webp", &format("cat-lossy.webp")),
    ];
    tar(&test.join("0.tar"), &members);
    let dataset = open(&test);
    assert_eq!(names(&dataset), ["sea horse", "cat"]);
    assert_eq!((dataset.sample(0).class, dataset.sample(1).class), (Some(2), Some(0)));
    assert_eq!(dataset.class_names().unwrap(), ["cat", "dog", "sea horse"]);
    assert_eq!(dataset.templates().unwrap(), ["a photo of a {}.", "art of the {}."]);
}

#[test]
fn tables_name_pictures_of_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    for picture in ["dog-lossy.webp", "cat-baseline.jpg"] {
        std::fs::copy(format_path(picture), folder.path().join(picture)).unwrap();
    }
    let check = |file: &str, text: &str, expected: &[&str], captions: usize| {
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        for source in [path.as_path(), folder.path()] {
            let dataset = open(source);
            assert_eq!(names(&dataset), expected, "{file}");
            assert_eq!(dataset.sample(0).captions.len(), captions, "{file}");
            assert!(dataset.problems().is_empty(), "{:?}", dataset.problems());
        }
        std::fs::remove_file(&path).unwrap();
    };
    check(
        "captions.tsv",
        "file\tcaption\tlabel\tauthor\ndog-lossy.webp\ta \"good\" dog\tdog\tme\ncat-baseline.jpg\t\tcat\t\n",
        &["dog", "cat"],
        1,
    );
    check(
        "captions.csv",
        "\u{feff}File Name,Name,Keywords\ndog-lossy.webp,\"dog, big\",\"pet,animal\"\n",
        &["dog, big"],
        0,
    );
    check(
        "captions.jsonl",
        "{\"image\": \"dog-lossy.webp\", \"text\": \"a dog\"}\n\n{\"path\": \"cat-baseline.jpg\", \"name\": \"cat\"}\n",
        &["a dog", "cat"],
        1,
    );
    // Several captions of one picture are one sample.
    check(
        "captions.csv",
        "image,caption\ndog-lossy.webp,a dog\ndog-lossy.webp,a puppy\n",
        &["a dog"],
        2,
    );
}

#[test]
fn the_samples_of_the_repository_open() {
    let dataset = open(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples"));
    assert_eq!(dataset.len(), 36);
    assert_eq!(names(&dataset)[0], "dog");
    assert_eq!(dataset.sample(0).captions, ["a photo of a dog"]);
}

#[test]
fn bad_rows_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let check = |file: &str, text: &str, reasons: &[&str]| {
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        let dataset = open(&path);
        let problems: Vec<String> = dataset.problems().iter().map(ToString::to_string).collect();
        assert_eq!((dataset.len(), problems.len()), (1, reasons.len()), "{problems:?}");
        for (problem, reason) in problems.iter().zip(reasons) {
            assert!(problem.contains(reason), "{problem}");
        }
    };
    check(
        "a.csv",
        "file,name\n,x\na.png,dog\nb.png\n",
        &["the first is line 2: names no picture", "the first is line 4: has no text"],
    );
    check(
        "a.jsonl",
        "{\"file\": \"a.png\", \"name\": \"dog\"}\nnot json\n[1]\n",
        &["2 skipped, the first is line 2"],
    );
}

/// Each row of the table: its file's caption, and what was said about the rest.
fn table(name: &str, content: impl AsRef<[u8]>) -> (Vec<Vec<String>>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let dataset = open(&path);
    let captions = dataset.samples().iter().map(|sample| sample.captions.clone()).collect();
    (captions, dataset.problems().iter().map(ToString::to_string).collect())
}

/// Semicolons are Excel's in half of Europe, tabs OpenCLIP's; pandas and Excel write UTF-16 too.
#[test]
fn tables_of_every_writer_give_the_same_rows() {
    let check = |name: &str, content: &[u8], expected: &[&str]| {
        let (captions, problems) = table(name, content);
        assert_eq!(captions, expected.iter().map(|text| vec![*text]).collect::<Vec<_>>(), "{name}");
        assert!(problems.is_empty(), "{problems:?}");
    };
    let expected = ["a dog, asleep", "zwei\nZeilen; \"so\"", "x"];
    let written = |delimiter: &str| {
        let rows =
            "file~caption\na.png~\"a dog, asleep\"\nb.png~\"zwei\nZeilen; \"\"so\"\"\"\nc.png~x\n";
        rows.replace('~', delimiter)
    };
    check("a.csv", written(",").as_bytes(), &expected);
    for delimiter in ["\t", ";", "|"] {
        let rows = written(delimiter);
        check("a.csv", rows.as_bytes(), &expected);
        check("a.tsv", rows.as_bytes(), &expected);
        check("a.csv", format!("sep={delimiter}\r\n{rows}").as_bytes(), &expected);
    }
    let utf16 = |text: &str| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    check("a.csv", &utf16(&written(",")), &expected);
    check("a.tsv", &utf16(&written("\t")), &expected);
    // Line ends of Windows and of old Macs, blank lines, columns that a spreadsheet left empty.
    check("a.csv", b"file,caption\r\n\r\na.png,x\r\nb.png,y,,\r\n", &["x", "y"]);
    check("a.csv", b"file,caption\ra.png,x\rb.png,y", &["x", "y"]);
    check(
        "a.tsv",
        b"file\tcaption\na.png\t\"Oh\", she said\nb.png\t\"y\n",
        &["\"Oh\", she said", "\"y"],
    );
    check(
        "a.jsonl",
        "{\"file\": \"a.png\", \"caption\": \"two\\nlines\"}\n".as_bytes(),
        &["two\nlines"],
    );
    check("a.jsonl", "\u{feff}{\"file\": \"a.png\", \"caption\": \"x\"}\r\n".as_bytes(), &["x"]);
    check("a.jsonl", &utf16("{\"file\": \"a.png\", \"caption\": \"x\"}"), &["x"]);
    let karpathy = r#"{"file": "a.png", "sentences": [{"raw": "x", "tokens": ["x"]}]}"#;
    check("a.jsonl", karpathy.as_bytes(), &["x"]);
}

/// A mark that was forgotten must not swallow the rows after it.
#[test]
fn rows_that_cannot_be_understood_are_named_and_the_others_kept() {
    let check = |name: &str, content: &[u8], kept: &[&str], says: &[&str]| {
        let (captions, problems) = table(name, content);
        assert_eq!(
            captions,
            kept.iter().map(|text| vec![*text]).collect::<Vec<_>>(),
            "{problems:?}"
        );
        assert_eq!(problems.len(), says.len(), "{problems:?}");
        for (problem, says) in problems.iter().zip(says) {
            assert!(problem.contains(says), "{problem}");
        }
    };
    let open = "1 skipped, the first is line 2 (a quotation mark opens";
    check("a.csv", b"file,caption\na.png,\"x\nb.png,y\nc.png,z\n", &["y", "z"], &[open]);
    check("a.csv", b"file,caption\na.png,\"x\nb.png,\"y\"\nc.png,z\n", &["y", "z"], &[open]);
    check("a.csv", b"file,caption\r\na.png,\"x\r\n\"b.png\",\"y\"\r\n", &["y"], &[open]);
    let third = "the first is line 4 (a quotation mark opens";
    check("a.csv", b"file,caption\na.png,\"x\nx\"\nb.png,\"y\nc.png,z", &["x\nx", "z"], &[third]);
    check(
        "a.csv",
        b"file,caption\na.png,x, y\nb.png,z\n",
        &["z"],
        &["line 2 (it has 3 columns and the header 2"],
    );
    check(
        "a.csv",
        b"file,caption,license\na.png,x\nb.png,y,MIT\n",
        &["x", "y"],
        &["1 with fewer columns than the header, the first is line 2"],
    );
    check(
        "a.csv",
        b"file,caption\na.png,caf\xe9\nb.png,y\n",
        &["y"],
        &["line 2 (this is not UTF-8"],
    );
    let rows = b"{\"file\": \"a.png\", \"caption\": \"caf\xe9\"}\n{\"file\": \"b.png\", \"caption\": \"y\"}\n";
    check("a.jsonl", rows, &["y"], &["line 1 (this is not UTF-8)"]);
}

#[test]
fn headers_that_say_too_little_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8], says: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let refusal = refusal(&path);
        assert!(refusal.contains(says), "{refusal}");
    };
    check("a.csv", b"foo;bar\n", "no column for the picture (its columns: foo, bar)");
    check("a.csv", b"file~caption\n", "file~caption; commas, tabs, semicolons and bars");
    check("a.csv", b"", "the file is empty");
    check("a.csv", b"file,File,caption\n", "line 1: two columns are called File: rename one");
    check("a.csv", b"file,\"caption\na.png,x\n", "line 1: a quotation mark opens");
    check("a.csv", b"\xff\xfef\0\0\xd8", "line 1: this is not UTF-16");
}

#[test]
fn members_of_shards_come_in_any_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.tar");
    let picture = format("dog-lossy.webp");
    let utf16: Vec<u8> = "\u{feff}a fox\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    std::fs::write(folder.path().join("classnames.txt"), "\u{feff}cat\ndog\n").unwrap();
    tar(
        &path,
        &[
            ("0.webp", &picture),
            ("0.txt", "\u{feff}a dog\na puppy\n".as_bytes()),
            ("1.webp", &picture),
            ("1.txt", &utf16),
            ("2.webp", &picture),
            ("2.json", "\u{feff}{\"caption\": \"two\\nlines\"}".as_bytes()),
            ("3.webp", &picture),
            ("3.cls", "\u{feff}0".as_bytes()),
            ("4.webp", &picture),
            ("4.txt", b"caf\xe9"),
        ],
    );
    let dataset = open(&path);
    let single = |at: usize| dataset.sample(at).single_captions().collect::<Vec<_>>();
    assert_eq!(single(0), ["a dog", "a puppy"], "a .txt has a caption a line");
    assert_eq!((single(1), single(2)), (vec!["a fox"], vec!["two\nlines"]));
    assert_eq!((dataset.sample(3).name.as_str(), dataset.sample(3).class), ("cat", Some(0)));
    let problems: Vec<String> = dataset.problems().iter().map(ToString::to_string).collect();
    assert!(problems[0].contains("4.txt (it is not UTF-8)"), "{problems:?}");
    assert_eq!((dataset.len(), problems.len()), (4, 2), "{problems:?}");
}

#[test]
fn what_holds_nothing_says_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let check = |name: &str, words: &[&str]| {
        let text = refusal(&at(name));
        for word in words {
            assert!(text.contains(word), "{text}");
        }
    };
    check("", &["captions.tsv", "*.tar"]);
    check("none.tar", &["there is no", "none.tar"]);
    tar(&at("empty.tar"), &[]);
    check("empty.tar", &["no picture with a text", "KEY.json"]);
    std::fs::write(at("noise.tar"), [7; 3000]).unwrap();
    check("noise.tar", &["no picture with a text", "damaged"]);
    std::fs::write(at("t.tsv"), "picture\tsize\na.png\t3\n").unwrap();
    check("t.tsv", &["the text", "picture, size", "caption"]);
    std::fs::write(at("u.csv"), "name\ndog\n").unwrap();
    check("u.csv", &["the picture", "filename"]);
    std::fs::write(at("v.csv"), "").unwrap();
    check("v.csv", &["no column"]);
    assert!(Dataset::open(&[]).unwrap_err().to_string().contains("no data was named"));
}

#[test]
fn filters_leave_samples_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.tar");
    numbered_tar(&path, 12, 4);
    let left = |filter: Filter| {
        let dataset = open(&path).filtered(&filter);
        assert_eq!(dataset.groups().len(), dataset.len());
        (dataset.len(), dataset.names().len())
    };
    let prefixes = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let filter = Filter::default;
    assert_eq!(left(filter()), (12, 4));
    assert_eq!(left(Filter { exclude_prefix: prefixes(&["t/1"]), ..filter() }), (9, 4));
    assert_eq!(left(Filter { only_prefix: prefixes(&["t/1", "t/2"]), ..filter() }), (4, 3));
    assert_eq!(left(Filter { kinds: vec![Kind::Emoji], ..filter() }), (0, 0));
    let dataset = open(&path).filter(|sample| sample.name == "name-3");
    assert_eq!((names(&dataset), dataset.group(2)), (vec!["name-3"; 3], 0));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_asks_for_its_feature() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, "PAR1").unwrap();
    assert!(refusal(&path).contains("`parquet`"));
}
