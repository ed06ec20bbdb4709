//! Pictures that are there more than once.

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use image::imageops::FilterType;
use serde_json::Value;

use crate::sandbox::Sandbox;

/// Two drawings; one of them also smaller, and copied.
fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    let dog = sandbox.copy("fx-dog.png", "p/dog.png");
    let picture = image::open(dog).unwrap();
    picture.resize(128, 128, FilterType::Triangle).save(sandbox.path("p/a-small.png")).unwrap();
    sandbox.copy("fx-dog.png", "q/dog-copy.png");
    sandbox.copy("fx-car.png", "p/car.png");
    sandbox.run(&["index", "p", "q"]).check(0, &[]);
    sandbox
}

#[test]
fn copies_and_pictures_much_alike_are_apart() {
    let sandbox = indexed();
    let run = sandbox.run(&["dupes", "--json"]);
    run.check(0, &["1 file of the same content and 1 picture much alike"]);
    let groups: Value = serde_json::from_str(&run.stdout).unwrap();
    let paths = |group: usize| -> Vec<&str> {
        let pictures = groups[group]["pictures"].as_array().unwrap();
        pictures.iter().map(|picture| picture["path"].as_str().unwrap()).collect()
    };
    assert_eq!(groups.as_array().unwrap().len(), 2, "{run}");
    assert_eq!(
        (&groups[0]["kind"], paths(0)),
        (&"copies".into(), vec!["p/dog.png", "q/dog-copy.png"])
    );
    // The best has the most pixels, whatever its name.
    assert_eq!(
        (&groups[1]["kind"], paths(1)),
        (&"near".into(), vec!["p/dog.png", "p/a-small.png"])
    );
    assert_eq!(groups[1]["pictures"][1]["width"], 128);
    assert!(groups[1]["score"].as_f64().unwrap() > 0.9);

    // What is printed for scripts leaves the best out.
    assert_eq!(sandbox.run(&["dupes", "-f"]).lines(), ["q/dog-copy.png", "p/a-small.png"]);
    assert_eq!(sandbox.run(&["dupes", "--copies", "-0"]).stdout, "q/dog-copy.png\0");
    let run = sandbox.run(&["dupes", "p", "--copies"]);
    run.check(1, &[]);
    assert_eq!(run.stdout, "");
    assert_eq!(sandbox.run(&["dupes", "p"]).lines().len(), 2);
    sandbox.run(&["dupes", "--near", "1.1", "--index", "none"]).check(2, &["there is no library"]);
}

/// What a script would remove.
#[track_caller]
fn check_spare(sandbox: &Sandbox, spare: &[&str], says: &[&str]) {
    let run = sandbox.run(&["dupes", "-f"]);
    run.check(if spare.is_empty() { 1 } else { 0 }, says);
    assert_eq!(run.lines(), spare, "{run}");
    assert_eq!(
        sandbox.run(&["dupes", "-0"]).stdout.split_terminator('\0').collect::<Vec<_>>(),
        spare
    );
}

/// Changes a file so that neither its size nor its time tells.
fn change_unseen(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// A file may be gone, be another picture, or be something else by now: what was its copy is the last
/// one, and what was like it is like nothing.
#[test]
fn the_last_copy_is_not_spare() {
    type Change = fn(&Path);
    let cases: [(&str, Change); 4] = [
        ("no longer there), p/dog.png", |path| fs::remove_file(path).unwrap()),
        ("changed since it was indexed), p/dog.png", |path| fs::write(path, "a letter").unwrap()),
        ("changed since it was indexed), p/dog.png", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("with the same size and time), p/dog.png", change_unseen),
    ];
    for (says, change) in cases {
        let sandbox = indexed();
        change(&sandbox.path("p/dog.png"));
        // The copy is what the smaller one is like now.
        check_spare(&sandbox, &["p/a-small.png"], &["1 picture left out (", says]);
        sandbox.run(&["dupes", "--copies"]).check(1, &[says]);
        change(&sandbox.path("q/dog-copy.png"));
        check_spare(&sandbox, &[], &["2 pictures left out (", "such as p/dog.png"]);
        let groups = sandbox.run(&["dupes", "--json"]);
        assert_eq!(groups.stdout, "[]\n");
    }
    // Copies in a folder that is gone altogether, and what was moved is what it was.
    let sandbox = indexed();
    fs::rename(sandbox.path("p"), sandbox.path("r")).unwrap();
    check_spare(
        &sandbox,
        &[],
        &["3 pictures left out (no longer there)", "index its folder again"],
    );
    sandbox.run(&["index", "q", "r"]).check(0, &[]);
    check_spare(&sandbox, &["q/dog-copy.png", "r/a-small.png"], &[]);
}

/// What is said to help against a change that size and time do not show does help.
#[test]
fn a_change_that_was_not_seen_can_be_indexed() {
    let sandbox = indexed();
    change_unseen(&sandbox.path("q/dog-copy.png"));
    let help = "give it a new time, as with `touch`, and index its folder again";
    check_spare(&sandbox, &["p/a-small.png"], &[help]);
    let copy = File::options().write(true).open(sandbox.path("q/dog-copy.png")).unwrap();
    copy.set_modified(SystemTime::now()).unwrap();
    sandbox.run(&["index", "q"]).check(0, &[]);
    let run = sandbox.run(&["dupes", "-f"]);
    assert!(!run.stderr.contains("left out"), "{run}");
}

/// Whatever groups there are, when all that is spare is removed something like each picture is left.
#[test]
fn something_of_each_picture_is_left() {
    let sandbox = indexed();
    sandbox.copy("fx-dog.png", "q/dog-copy-2.png");
    fs::copy(sandbox.path("p/a-small.png"), sandbox.path("q/a-small-copy.png")).unwrap();
    fs::copy(sandbox.path("p/car.png"), sandbox.path("q/car-copy.png")).unwrap();
    sandbox.run(&["index", "p", "q"]).check(0, &[]);
    let run = sandbox.run(&["dupes", "-f"]);
    for spare in run.lines() {
        fs::remove_file(sandbox.path(spare)).unwrap();
    }
    let mut left: Vec<_> = ["p", "q"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(sandbox.path(folder)).unwrap())
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["car.png", "dog.png"], "{run}");
    check_spare(&sandbox, &[], &[]);
}

/// Of several names of one file none is spare: removing it frees nothing.
#[cfg(unix)]
#[test]
fn several_names_are_one_file() {
    let sandbox = Sandbox::new();
    let dog = sandbox.copy("fx-dog.png", "p/a.png");
    fs::hard_link(&dog, sandbox.path("p/b.png")).unwrap();
    sandbox.run(&["index", "p"]).check(0, &[]);
    check_spare(&sandbox, &[], &[]);

    // A copy indexed before them is spare all the same: one name is removed, not two.
    sandbox.copy("fx-dog.png", "p/0.png");
    fs::remove_dir_all(sandbox.path("library")).unwrap();
    sandbox.run(&["index", "p"]).check(0, &[]);
    check_spare(&sandbox, &["p/0.png"], &[]);
    let run = sandbox.run(&["dupes", "--json"]);
    let groups: Value = serde_json::from_str(&run.stdout).unwrap();
    let best = &groups[0]["pictures"][0];
    assert_eq!((&best["path"], &best["links"][0]), (&"p/a.png".into(), &"p/b.png".into()), "{run}");
    let run = sandbox.run(&["dupes"]);
    let labels: Vec<&str> =
        run.lines().iter().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(labels, ["best", "link", "copy"], "{run}");

    // A file that is spare goes when all its names do.
    let small = image::open(&dog).unwrap().resize(128, 128, FilterType::Triangle);
    small.save(sandbox.path("p/x.png")).unwrap();
    fs::hard_link(sandbox.path("p/x.png"), sandbox.path("p/y.png")).unwrap();
    sandbox.run(&["index", "p"]).check(0, &[]);
    check_spare(&sandbox, &["p/0.png", "p/x.png", "p/y.png"], &[]);
}

/// Ways through links: what is removed by one name is gone by the other.
#[cfg(unix)]
#[test]
fn links_in_the_place_of_files_and_folders_are_followed() {
    use std::os::unix::fs::symlink;

    let sandbox = Sandbox::new();
    let dog = sandbox.copy("fx-dog.png", "p/dog.png");
    let modified = fs::metadata(&dog).unwrap().modified().unwrap();
    for name in ["q/dog.png", "r/dog.png"] {
        let copy = sandbox.copy("fx-dog.png", name);
        File::options().write(true).open(copy).unwrap().set_modified(modified).unwrap();
    }
    sandbox.run(&["index", "p", "q", "r"]).check(0, &[]);
    check_spare(&sandbox, &["q/dog.png", "r/dog.png"], &[]);
    fs::remove_file(sandbox.path("q/dog.png")).unwrap();
    symlink(&dog, sandbox.path("q/dog.png")).unwrap();
    check_spare(&sandbox, &["r/dog.png"], &[]);
    fs::remove_dir_all(sandbox.path("r")).unwrap();
    symlink(sandbox.path("p"), sandbox.path("r")).unwrap();
    check_spare(&sandbox, &[], &[]);
    // A link to nothing is not there.
    fs::remove_file(sandbox.path("q/dog.png")).unwrap();
    symlink(sandbox.path("nothing"), sandbox.path("q/dog.png")).unwrap();
    check_spare(&sandbox, &[], &["1 picture left out (no longer there), q/dog.png"]);
}

/// Where some vectors are lost all others are compared: they share a batch.
#[test]
fn pictures_beside_lost_ones_are_compared() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-car.png", "p/car.png");
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox.run(&["library", "compact"]).check(0, &[]);
    let dog = image::open(sandbox.copy("fx-dog.png", "p/dog.png")).unwrap();
    dog.resize(128, 128, FilterType::Triangle).save(sandbox.path("p/small.png")).unwrap();
    sandbox.run(&["index", "p"]).check(0, &[]);
    for entry in fs::read_dir(sandbox.path("library/segments")).unwrap() {
        fs::write(entry.unwrap().path(), "").unwrap();
    }
    check_spare(&sandbox, &["p/small.png"], &["the library has lost 1 item"]);
}

#[test]
fn searches_can_be_filtered() {
    let sandbox = indexed();
    let found = |args: &[&str]| -> Vec<String> {
        let run = sandbox.run(&[&["search", "a drawing", "-f"], args].concat());
        let mut lines: Vec<String> = run.lines().into_iter().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(found(&[]).len(), 4);
    assert_eq!(found(&["--min-side", "200"]), ["p/car.png", "p/dog.png", "q/dog-copy.png"]);
    assert_eq!(found(&["--orientation", "square", "q"]), ["q/dog-copy.png"]);
    assert_eq!(found(&["--orientation", "portrait"]), [""; 0]);
    assert_eq!(found(&["--after", "2000"]), [""; 0]);
    assert_eq!(found(&["--min-score", "0.99"]), [""; 0]);
    assert_eq!(found(&["--min-score", "-1"]).len(), 4);
    sandbox.run(&["search", "a", "--after", "2019-02-30"]).check(2, &["no date such as"]);
    let run = sandbox.run(&["search", "--image", "p/dog.png", "--min-score", "0.999", "-f"]);
    assert!(run.lines().contains(&"q/dog-copy.png"), "{run}");
}
