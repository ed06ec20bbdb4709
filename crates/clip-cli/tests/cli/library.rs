//! A library that is kept in step with a folder, over many runs.

use std::fs;

use crate::sandbox::{Run, Sandbox};

/// Three pictures, indexed.
fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["dog", "cat", "car"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("p/{name}.png"));
    }
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox
}

fn check(run: &Run, line: &str) {
    assert_eq!(run.lines()[0], line, "{run}");
}

/// Paths of the pictures that a search finds, in any order.
fn found(sandbox: &Sandbox) -> Vec<String> {
    let run = sandbox.run(&["search", "an animal", "-f"]);
    let mut lines: Vec<String> = run.lines().into_iter().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A picture that was moved keeps its vector, whatever its new name; a copy is another picture.
#[test]
fn moved_pictures_are_followed() {
    let sandbox = indexed();
    fs::create_dir(sandbox.path("p/pets")).unwrap();
    fs::rename(sandbox.path("p/dog.png"), sandbox.path("p/pets/hund.png")).unwrap();
    fs::copy(sandbox.path("p/cat.png"), sandbox.path("p/cat-2.png")).unwrap();
    let moved = "4 pictures: 1 new, 0 changed, 1 moved, 2 unchanged, 0 gone";
    let run = sandbox.run(&["index", "p", "--dry-run"]);
    check(&run, &format!("{moved} (nothing was done)"));
    assert_eq!(found(&sandbox), ["p/car.png", "p/cat.png", "p/dog.png"]);
    check(&sandbox.run(&["index", "p"]), moved);
    assert_eq!(found(&sandbox), ["p/car.png", "p/cat-2.png", "p/cat.png", "p/pets/hund.png"]);
    check(&sandbox.run(&["index", "p"]), "4 pictures: 0 new, 0 changed, 4 unchanged, 0 gone");
}

#[test]
fn pictures_that_are_gone_may_be_kept() {
    let sandbox = indexed();
    fs::remove_file(sandbox.path("p/dog.png")).unwrap();
    let run = sandbox.run(&["index", "p", "--keep-missing"]);
    check(&run, "2 pictures: 0 new, 0 changed, 2 unchanged, 0 gone");
    assert_eq!(found(&sandbox).len(), 3);
    let run = sandbox.run(&["index", "p", "--dry-run"]);
    check(&run, "2 pictures: 0 new, 0 changed, 2 unchanged, 1 gone (nothing was done)");
    assert_eq!(found(&sandbox).len(), 3);
    check(&sandbox.run(&["index", "p"]), "2 pictures: 0 new, 0 changed, 2 unchanged, 1 gone");
    assert_eq!(found(&sandbox).len(), 2);
}

/// Of all folders at once, but not of one that is empty: a drive may belong there.
#[test]
fn the_whole_library_can_be_pruned() {
    let sandbox = indexed();
    sandbox.copy("fx-flower.png", "drive/flower.png");
    sandbox.run(&["index", "drive"]).check(0, &[]);
    fs::remove_file(sandbox.path("p/dog.png")).unwrap();
    fs::remove_file(sandbox.path("drive/flower.png")).unwrap();
    let kept = "1 picture stays in the library, below a folder that is empty: its drive may not be plugged in";
    for dry_run in [&["library", "prune", "--dry-run"][..], &["index", "--prune", "--dry-run"]] {
        let run = sandbox.run(dry_run);
        run.check(0, &[kept]);
        check(&run, "3 items: 1 gone (nothing was done)");
        assert_eq!(found(&sandbox).len(), 4);
    }
    let run = sandbox.run(&["library", "prune"]);
    run.check(0, &[kept]);
    check(&run, "3 items: 1 gone");
    assert_eq!(found(&sandbox), ["drive/flower.png", "p/car.png", "p/cat.png"]);
    sandbox.run(&["library", "prune"]).check(1, &[]);
    sandbox.run(&["library", "prune", "--dry-run"]).check(1, &[]);
}

/// By whatever name a user has of it: a path from here, also of a file or a folder that is gone.
#[test]
fn items_are_taken_off_by_name() {
    let sandbox = indexed();
    sandbox.copy("fx-flower.png", "q/flower.png");
    sandbox.write("texts.txt", "a dog\n");
    sandbox.run(&["index", "q"]).check(0, &[]);
    sandbox.run(&["index", "--texts", "texts.txt"]).check(0, &[]);
    fs::remove_file(sandbox.path("p/cat.png")).unwrap();
    fs::remove_dir_all(sandbox.path("q")).unwrap();
    let names = ["./p/cat.png", "p/../p/dog.png", "q/flower.png", "a dog", "x", "p/dog.png"];
    for dry_run in [&["library", "remove", "--dry-run"][..], &["index", "--dry-run"]] {
        let given = |name: &&str| match dry_run[0] {
            "index" => vec!["--remove".to_owned(), (*name).to_owned()],
            _ => vec![(*name).to_owned()],
        };
        let args = dry_run.iter().map(|arg| (*arg).to_owned());
        let args: Vec<String> = args.chain(names.iter().flat_map(given)).collect();
        let run = sandbox.run(&args);
        run.check(0, &["x is not in the library"]);
        check(&run, "1 item: 4 gone (nothing was done)");
        assert_eq!(found(&sandbox).len(), 4);
    }
    let run = sandbox.run(&[&["library", "remove"][..], &names].concat());
    run.check(0, &["x is not in the library"]);
    assert_eq!(run.stderr.matches("is not in the library").count(), 1, "{run}");
    check(&run, "1 item: 4 gone");
    assert_eq!(found(&sandbox), ["p/car.png"]);
    sandbox.run(&["library", "remove", "x"]).check(1, &[]);
}

#[cfg(unix)]
#[test]
fn items_are_taken_off_by_names_that_are_not_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let sandbox = indexed();
    for option in [&["library", "remove"][..], &["index", "--remove"]] {
        let name = OsStr::from_bytes(b"p/caf\xe9.png");
        fs::copy(sandbox.path("p/dog.png"), sandbox.path(name)).unwrap();
        sandbox.run(&["index", "p"]).check(0, &[]);
        let args: Vec<&OsStr> = option.iter().map(OsStr::new).chain([name]).collect();
        check(&sandbox.run(&args), "3 items: 1 gone");
    }
}

/// Options that mean nothing where they stand are refused, and nothing is done.
#[test]
fn what_means_nothing_is_refused() {
    let sandbox = indexed();
    sandbox.write("texts.txt", "a dog\n");
    let cannot = |args: &[&str]| {
        let run = sandbox.run(args);
        run.check(2, &[]);
        let refused = ["cannot be used with", "unexpected argument", "required"];
        assert!(refused.iter().any(|refused| run.stderr.contains(refused)), "{args:?}\n{run}");
    };
    for option in ["--tag=x", "--shard=1/2", "--keep-missing", "--exclude-dir=x", "--exact"] {
        cannot(&["index", "--texts", "texts.txt", option]);
        for old in ["--prune", "--errors", "--stats", "--verify", "--compact", "--remove=x"] {
            cannot(&["index", old, option]);
        }
    }
    for old in ["--errors", "--stats", "--verify", "--compact"] {
        cannot(&["index", old, "--dry-run"]);
    }
    for option in ["--json", "--keep-missing", "--include-hidden"] {
        cannot(&["index", "--files-from", "texts.txt", option]);
    }
    cannot(&["index", "p", "--json"]);
    cannot(&["index", "--prune", "--json"]);
    cannot(&["index", "p", "--prune"]);
    cannot(&["library", "compact", "--dry-run"]);
    cannot(&["library", "remove"]);
    assert_eq!(found(&sandbox).len(), 3);
    sandbox.run(&["library", "errors"]).check(1, &[]);
}

#[test]
fn texts_are_counted_before_they_are_read() {
    let sandbox = Sandbox::new();
    sandbox.write("texts.txt", "a dog\na cat\n");
    let run = sandbox.run(&["index", "--texts", "texts.txt", "--dry-run"]);
    check(&run, "2 texts: 2 new or changed, 0 unchanged (nothing was done)");
    assert!(!sandbox.path("library").exists());
    sandbox.run(&["index", "--texts", "texts.txt"]).check(0, &[]);
    sandbox.write("texts.txt", "a dog\na bird\n");
    let run = sandbox.run(&["index", "--texts", "texts.txt", "--dry-run"]);
    check(&run, "2 texts: 1 new or changed, 1 unchanged (nothing was done)");
    let stats = sandbox.run(&["library", "stats"]);
    assert!(stats.stdout.contains("items     2 of"), "{stats}");
}

/// What cannot be read is named once, listed with its reason, and tried again when it changes.
#[test]
fn failures_are_remembered() {
    let sandbox = indexed();
    sandbox.copy("dog-truncated.jpg", "p/cut.jpg");
    sandbox.write("p/text.jpg", "a letter");
    let run = sandbox.run(&["index", "p"]);
    run.check(0, &["p/cut.jpg", "p/text.jpg", "2 files were skipped"]);
    let run = sandbox.run(&["index", "p"]);
    let before = "2 files could not be read before and did not change: p/cut.jpg, p/text.jpg (";
    run.check(0, &[before]);
    assert!(!run.stderr.contains("skipped"), "{run}");

    for args in
        [&["search", "x", "p"][..], &["similar", "p/dog.png", "p"], &["index", "p", "--dry-run"]]
    {
        sandbox.run(args).check(0, &[before, "`clip-cli library errors` says why"]);
    }
    // A file that is named itself is tried.
    let run = sandbox.run(&["index", "p", "p/cut.jpg"]);
    run.check(0, &["p/cut.jpg is cut off", "1 file could not be read before", "p/text.jpg"]);

    let run = sandbox.run(&["library", "errors"]);
    run.check(0, &[]);
    assert_eq!(run.lines().len(), 2, "{run}");
    assert!(run.lines()[0].contains("p/cut.jpg") && run.lines()[0].contains("cut off"), "{run}");
    assert!(run.lines()[1].contains("p/text.jpg"), "{run}");
    let run = sandbox.run(&["library", "errors", "--json"]);
    assert_eq!(sandbox.run(&["index", "--errors", "--json"]).stdout, run.stdout);
    let row: serde_json::Value = serde_json::from_str(run.lines()[0]).unwrap();
    assert_eq!(row["path"], "p/cut.jpg");

    sandbox.copy("dog-baseline.jpg", "p/cut.jpg");
    fs::remove_file(sandbox.path("p/text.jpg")).unwrap();
    check(&sandbox.run(&["index", "p"]), "4 pictures: 1 new, 0 changed, 3 unchanged, 0 gone");
    sandbox.run(&["library", "errors"]).check(1, &[]);
}

#[test]
fn a_library_says_how_it_is() {
    let sandbox = indexed();
    let run = sandbox.run(&["library", "stats", "--json"]);
    assert_eq!(sandbox.run(&["index", "--stats", "--json"]).stdout, run.stdout);
    let stats: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&stats["items"], &stats["unsealed"]), (&3.into(), &3.into()), "{run}");
    assert_eq!((&stats["precision"], &stats["model"]), (&"f32".into(), &"clip-photo".into()));
    let run = sandbox.run(&["library", "compact"]);
    assert!(run.lines()[0].starts_with("3 items: "), "{run}");
    let run = sandbox.run(&["library", "stats"]);
    assert!(run.stdout.contains("in 1 file; 0 not in one yet"), "{run}");
    check(&sandbox.run(&["library", "verify"]), "3 items: all is as it was written");
    assert_eq!(found(&sandbox).len(), 3);
}

/// A damaged part costs its pictures alone, and indexing again brings them back.
#[test]
fn damage_is_named_and_mended() {
    let sandbox = indexed();
    sandbox.run(&["index", "--compact"]).check(0, &[]);
    sandbox.run(&["index", "--verify"]).check(0, &[]);
    let segments = fs::read_dir(sandbox.path("library/segments")).unwrap();
    let segment = segments.map(|entry| entry.unwrap().path()).next().unwrap();
    let whole = fs::read(&segment).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() - 1] ^= 1;
    fs::write(&segment, &flipped).unwrap();
    sandbox.run(&["library", "verify"]).check(2, &["its checksum differs", "index again"]);
    fs::write(&segment, &whole[..whole.len() / 2]).unwrap();
    let run = sandbox.run(&["search", "a dog"]);
    run.check(2, &["the library has lost 3 items", "cut off"]);
    let run = sandbox.run(&["index", "p"]);
    run.check(0, &["the library has lost 3 items"]);
    check(&run, "3 pictures: 3 new, 0 changed, 0 unchanged, 0 gone");
    let run = sandbox.run(&["index", "p"]);
    assert!(!run.stderr.contains("lost"), "{run}");
    assert_eq!(found(&sandbox).len(), 3);
}

/// A damaged catalog costs the library; what is said to help helps.
#[test]
fn a_library_without_its_catalog_is_begun_anew() {
    let sandbox = indexed();
    let catalog = sandbox.path("library/catalog.sqlite");
    let whole = fs::read(&catalog).unwrap();
    fs::write(&catalog, &whole[..1000]).unwrap();
    let says = ["catalog.sqlite of the library is damaged", "move the folder", "tags"];
    for command in [&["search", "a dog"][..], &["index", "p"], &["library", "stats"], &["dupes"]] {
        sandbox.run(command).check(2, &says);
    }
    fs::rename(sandbox.path("library"), sandbox.path("away")).unwrap();
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!(found(&sandbox).len(), 3);
    fs::write(sandbox.path("away/catalog.sqlite"), whole).unwrap();
    let run = sandbox.run(&["library", "stats", "--index", "away"]);
    assert!(run.stdout.contains("items     3 of"), "{run}");
}

#[test]
fn there_is_no_library_to_look_into() {
    let sandbox = Sandbox::new();
    for what in ["errors", "stats", "verify", "compact", "prune"] {
        sandbox.run(&["library", what]).check(2, &["there is no library", "clip-cli index"]);
        assert!(!sandbox.path("library").exists());
    }
    sandbox.run(&["index"]).check(2, &["required"]);
    sandbox.run(&["index", "--stats", "--verify"]).check(2, &["unexpected argument '--verify'"]);
}

/// The options that were commands of `index` go on working, and say how they are called now.
#[test]
fn old_options_say_the_new_name() {
    let sandbox = indexed();
    let new = |name| format!("`clip-cli library {name}` is the new name of this");
    for name in ["stats", "errors", "verify", "compact", "prune"] {
        let old = sandbox.run(&["index", &format!("--{name}")]);
        assert!(old.stderr.contains(&new(name)), "{old}");
        assert_eq!(old.stdout, sandbox.run(&["library", name]).stdout);
    }
    let args = ["index", "--remove", "p/dog.png", "--dry-run", "--remove=p/cat.png"];
    let run = sandbox.run(&args);
    run.check(0, &[&new("remove")]);
    check(&run, "1 item: 2 gone (nothing was done)");
}

#[test]
fn what_is_to_be_ignored_is_left_out() {
    let sandbox = indexed();
    sandbox.write("p/.clipignore", "c*.png\n!cat.png\nraw/\n");
    for name in ["p/raw/1.png", "p/trip/car-2.png", "p/@eaDir/1.png", "p/node_modules/1.png"] {
        sandbox.copy("fx-flower.png", name);
    }
    sandbox.copy("fx-flower.png", "p/._dog.png");
    // What .gitignore says is about programs.
    sandbox.write("p/.gitignore", "*.png\n");
    let listed = |args: &[&str]| {
        let run = sandbox.run(&[&["search", "an animal", "p", "-f"], args].concat());
        let mut lines: Vec<String> = run.lines().into_iter().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(listed(&[]), ["p/cat.png", "p/dog.png"]);
    // Given names take the place of the usual ones.
    let own = ["p/@eaDir/1.png", "p/cat.png", "p/dog.png"];
    assert_eq!(listed(&["--exclude-dir", "node_modules", "--include-hidden"]), own);
}

/// With a higher limit, by another build of the program, and where its content changed and neither its
/// size nor its time.
#[cfg(unix)]
#[test]
fn failures_are_tried_again_when_that_could_end_otherwise() {
    use std::os::unix::fs::PermissionsExt;
    use std::time::UNIX_EPOCH;
    let sandbox = Sandbox::new();
    let line = |args: &[&str]| sandbox.run(&[&["index", "p"], args].concat()).lines()[0].to_owned();
    let large = image::RgbImage::new(1500, 800);
    fs::create_dir(sandbox.path("p")).unwrap();
    large.save(sandbox.path("p/large.png")).unwrap();
    let none = "0 pictures: 0 new, 0 changed, 0 unchanged, 0 gone";
    assert_eq!(line(&["--max-megapixels", "1"]), none);
    assert_eq!(line(&["--max-megapixels", "1"]), none);
    let run = sandbox.run(&["search", "x", "p", "--max-megapixels", "1"]);
    run.check(1, &["1 file could not be read before and did not change: p/large.png"]);
    assert_eq!(line(&[]), "1 picture: 1 new, 0 changed, 0 unchanged, 0 gone");

    let put = |content: &[u8]| {
        let path = sandbox.write("p/copied.jpg", content);
        fs::File::options().write(true).open(path).unwrap().set_modified(UNIX_EPOCH).unwrap();
    };
    let whole = fs::read(clip_testkit::formats_dir().join("dog-baseline.jpg")).unwrap();
    put(&vec![b'x'; whole.len()]);
    sandbox.run(&["index", "p"]).check(0, &["p/copied.jpg is not a picture"]);
    put(&whole);
    assert_eq!(line(&[]), "2 pictures: 1 new, 0 changed, 1 unchanged, 0 gone");

    let closed = sandbox.copy("fx-dog.png", "p/closed.png");
    let permit = |mode| fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).unwrap();
    permit(0o000);
    // An administrator reads it all the same.
    if fs::read(&closed).is_err() {
        sandbox.run(&["index", "p"]).check(0, &["cannot read p/closed.png"]);
    }
    permit(0o644);
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!(line(&[]), "3 pictures: 0 new, 0 changed, 3 unchanged, 0 gone");

    sandbox.copy("cat-truncated.jpg", "p/cut.jpg");
    sandbox.run(&["index", "p"]).check(0, &["p/cut.jpg is cut off"]);
    let other = sandbox.path("clip-cli-of-another-day");
    fs::copy(crate::sandbox::program(), &other).unwrap();
    fs::File::options().append(true).open(&other).unwrap().set_modified(UNIX_EPOCH).unwrap();
    let run = crate::sandbox::finish(sandbox.command(&other).args(["index", "p"]));
    run.check(0, &["p/cut.jpg is cut off"]);
}

/// A folder that is empty, or holds what systems leave there, may be where a drive belongs.
#[test]
fn an_empty_folder_forgets_nothing() {
    let sandbox = indexed();
    sandbox.copy("fx-flower.png", "p/usb/flower.png");
    sandbox.copy("dog-baseline.jpg", "p/usb/2020/dog.jpg");
    sandbox.copy("cat-baseline.jpg", "p/old/cat.jpg");
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox.run(&["tags", "add", "mine", "p/usb"]).check(0, &[]);
    fs::remove_file(sandbox.path("p/usb/flower.png")).unwrap();
    fs::rename(sandbox.path("p/usb/2020"), sandbox.path("away")).unwrap();
    fs::create_dir(sandbox.path("p/usb/lost+found")).unwrap();
    fs::remove_dir_all(sandbox.path("p/old")).unwrap();
    let run = sandbox.run(&["index", "p"]);
    run.check(0, &["2 pictures stay in the library, below folders that are empty", "p/usb"]);
    check(&run, "3 pictures: 0 new, 0 changed, 3 unchanged, 1 gone");
    assert_eq!(found(&sandbox).len(), 5);
    // What has another place now is followed, with its tags.
    fs::rename(sandbox.path("away/dog.jpg"), sandbox.path("p/hund.jpg")).unwrap();
    let run = sandbox.run(&["index", "p"]);
    run.check(0, &["1 picture stays in the library"]);
    check(&run, "4 pictures: 0 new, 0 changed, 1 moved, 3 unchanged, 0 gone");
    let run = sandbox.run(&["tags", "show", "p/hund.jpg"]);
    assert_eq!(run.stdout, "p/hund.jpg\tmine\n", "{run}");
    let run = sandbox.run(&["index", "p", "--drop-missing"]);
    check(&run, "4 pictures: 0 new, 0 changed, 4 unchanged, 1 gone");
    assert_eq!(found(&sandbox).len(), 4);
    sandbox.run(&["index", "p", "--drop-missing", "--keep-missing"]).check(2, &["cannot be used"]);
}

/// So may a given folder.
#[test]
fn an_empty_path_forgets_nothing() {
    let sandbox = indexed();
    for name in ["dog", "cat", "car"] {
        fs::remove_file(sandbox.path(format!("p/{name}.png"))).unwrap();
    }
    let run = sandbox.run(&["index", "p"]);
    run.check(1, &["3 pictures stay in the library"]);
    sandbox.run(&["search", "x", "p"]).check(1, &["there are no pictures in p"]);
    assert_eq!(found(&sandbox).len(), 3);
    check(
        &sandbox.run(&["index", "p", "--drop-missing"]),
        "0 pictures: 0 new, 0 changed, 0 unchanged, 3 gone",
    );
}

#[test]
fn ignore_files_count_wherever_they_are() {
    let sandbox = Sandbox::new();
    for name in ["cat", "dog", "car"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("p/2020/{name}.png"));
    }
    sandbox.write("p/.clipignore", "c*.png\n");
    sandbox.write("p/2020/.clipignore", "!car.png\n");
    let one = |args: &[&str]| {
        let run = sandbox.run(args);
        run.check(0, &[]);
        run.lines()[0].to_owned()
    };
    assert_eq!(one(&["index", "p/2020"]), "2 pictures: 2 new, 0 changed, 0 unchanged, 0 gone");
    assert_eq!(found(&sandbox), ["p/2020/car.png", "p/2020/dog.png"]);
    // A list is made by programs; a picture that somebody names is meant.
    sandbox.write("list", "p/2020/cat.png\np/2020/dog.png\n");
    let run = sandbox.run(&["index", "--files-from", "list"]);
    run.check(0, &["1 listed file left out by a .clipignore"]);
    check(&run, "1 picture: 0 new, 0 changed, 1 unchanged, 0 gone");
    assert_eq!(
        one(&["index", "p/2020/cat.png"]),
        "1 picture: 1 new, 0 changed, 0 unchanged, 0 gone"
    );
}

/// What an ignore file leaves out leaves the library, and has its tags when it comes back. What the
/// options of one run leave out stays.
#[test]
fn what_is_left_out_now_leaves_the_library() {
    let sandbox = indexed();
    sandbox.copy("fx-flower.png", "p/private/flower.png");
    sandbox.copy("dog-baseline.jpg", "p/.hidden/dog.jpg");
    sandbox.run(&["index", "p", "--include-hidden", "--tag", "mine"]).check(0, &[]);
    let run = sandbox.run(&["index", "p", "--exclude-dir", "private"]);
    run.check(0, &["2 pictures stay in the library that this run did not look at"]);
    check(&run, "3 pictures: 0 new, 0 changed, 3 unchanged, 0 gone");
    assert_eq!(found(&sandbox).len(), 5);

    sandbox.write("p/.clipignore", "private/\n");
    let run = sandbox.run(&["index", "p", "--dry-run"]);
    run.check(0, &["1 picture leaves the library, left out by a .clipignore"]);
    let run = sandbox.run(&["search", "x", "p"]);
    assert!(!run.stdout.contains("flower"), "{run}");
    assert_eq!(found(&sandbox).len(), 4);
    // Nothing is dropped for an ignore file that cannot be read.
    for broken in [&b"{p/\n"[..], b"\xff\xfep\0/\0", b"K\xe4se/\n"] {
        sandbox.write("p/.clipignore", broken);
        fs::rename(sandbox.path("p/dog.png"), sandbox.path("dog.png")).unwrap();
        sandbox.run(&["index", "p"]).check(0, &[".clipignore"]);
        assert!(found(&sandbox).contains(&"p/dog.png".to_owned()));
        fs::rename(sandbox.path("dog.png"), sandbox.path("p/dog.png")).unwrap();
    }
    fs::remove_file(sandbox.path("p/.clipignore")).unwrap();
    sandbox.run(&["index", "p"]).check(0, &[]);
    let run = sandbox.run(&["tags", "show", "p/private"]);
    assert_eq!(run.stdout, "p/private/flower.png\tmine\n", "{run}");
}

/// Other endings of formats that are read, and formats that are not.
#[test]
fn endings_say_which_files_are_pictures() {
    let sandbox = Sandbox::new();
    let run = |args: &[&str]| sandbox.run(args);
    sandbox.write("raw/a.NEF", "II*\0");
    sandbox.write("raw/b.cr2", "II*\0");
    sandbox.write("raw/c.jxl", "\u{0}");
    let unread = "3 pictures of other formats are not read: 2 camera raw, 1 JPEG XL (convert them";
    run(&["index", "raw"]).check(1, &[unread]);
    let searched = run(&["search", "x", "raw"]);
    searched.check(1, &[unread]);
    assert!(!searched.stderr.contains("there are no pictures"), "{searched}");

    for name in ["a.jfif", "b.JPE", "c.pjpeg", "d.heic", "e.png"] {
        sandbox.copy("dog-baseline.jpg", format!("p/{name}"));
    }
    sandbox.copy("fx-dog.png", "p/f.apng");
    sandbox.copy("dog.bmp", "p/g.dib");
    let heic = &b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"[..];
    sandbox.write("p/h.heic", heic);
    let indexed = run(&["index", "p"]);
    check(&indexed, "7 pictures: 7 new, 0 changed, 0 unchanged, 0 gone");
    if !cfg!(feature = "heif") {
        let one = "1 picture of other formats is not read: 1 HEIC (a build with `--features heif`";
        indexed.check(0, &[one]);
    }
    run(&["search", "x", "none.txt"]).check(2, &["there is no file or folder none.txt"]);
}

/// A folder is followed for as long as the program runs.
#[cfg(unix)]
#[test]
fn changes_are_followed() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let sandbox = indexed();
    let mut command = sandbox.command(crate::sandbox::program());
    command.args(["index", "p", "--watch"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let [mut out, mut errors] = {
        let out: Box<dyn BufRead> = Box::new(BufReader::new(child.stdout.take().unwrap()));
        let errors: Box<dyn BufRead> = Box::new(BufReader::new(child.stderr.take().unwrap()));
        [out, errors]
    };
    let await_line = |from: &mut Box<dyn BufRead>, said: &str| {
        let mut line = String::new();
        while !line.contains(said) {
            line.clear();
            assert!(from.read_line(&mut line).unwrap() > 0, "never says {said:?}");
        }
    };
    await_line(&mut errors, "watches for changes");
    sandbox.copy("fx-flower.png", "p/new/flower.png");
    await_line(&mut out, "4 pictures: 1 new");
    fs::remove_file(sandbox.path("p/dog.png")).unwrap();
    await_line(&mut out, "3 pictures: 0 new, 0 changed, 3 unchanged, 1 gone");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(found(&sandbox), ["p/car.png", "p/cat.png", "p/new/flower.png"]);
}
