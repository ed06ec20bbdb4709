//! Which items of the library are found.

use std::path::Path;

use clip_testkit::samples_dir;
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// All samples, indexed.
fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    for entry in samples_dir().read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending != "md" && ending != "tsv") {
            std::fs::create_dir_all(sandbox.path("p")).unwrap();
            std::fs::copy(&path, sandbox.path("p").join(path.file_name().unwrap())).unwrap();
        }
    }
    sandbox.run(&["index", "p"]).check(0, &[]);
    sandbox
}

fn names(run: &Run) -> Vec<String> {
    let name = |line: &&str| Path::new(line).file_name().unwrap().to_str().unwrap().to_owned();
    run.lines().iter().map(name).collect()
}

/// What stands out is found, in order; of what is not there nothing is.
#[test]
fn only_what_is_relevant_is_found() {
    let sandbox = indexed();
    let all = sandbox.run(&["search", "a picture of a dog", "-f", "-t", "50"]);
    let found =
        |level: &str| sandbox.run(&["search", "a picture of a dog", level, "-f", "-t", "50"]);
    let some = found("--relevance=1.5");
    assert!((1..10).contains(&some.lines().len()), "{some}");
    assert_eq!(some.lines(), all.lines()[..some.lines().len()]);
    assert_eq!(found("--relevance=-100").stdout, all.stdout);
    let none = found("--relevance=100");
    assert_eq!((none.code, none.stdout.as_str()), (1, ""));
    assert!(found("--relevance").lines().len() <= some.lines().len());

    let json = sandbox.run(&["search", "a picture of a dog", "--relevance=1", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    let levels: Vec<f64> = rows.iter().map(|row| row["relevance"].as_f64().unwrap()).collect();
    assert!(levels.is_sorted_by(|a, b| a >= b) && levels.iter().all(|level| *level >= 1.0));
    let plain = sandbox.run(&["search", "a picture of a dog", "--json"]);
    assert!(!plain.stdout.contains("relevance"), "{plain}");
    // For pictures too.
    let like = sandbox.run(&["similar", "p/fx-dog.png", "--relevance=1", "-f"]);
    assert!(like.lines().len() < all.lines().len(), "{like}");
}

/// Terms of both kinds count alike, whatever the spread of their scores.
#[test]
fn words_and_pictures_are_weighed_alike() {
    let sandbox = indexed();
    let search =
        |args: &[&str]| names(&sandbox.run(&[&["search", "-f", "-t", "3"], args].concat()));
    let words = search(&["a picture of a car"]);
    let picture = search(&["./p/fx-flower.png"]);
    assert_eq!(words[0], "fx-car.png");
    // Each decides where it weighs much more; both have a say where they weigh the same.
    assert_eq!(search(&["20:a picture of a car", "+", "./p/fx-flower.png"]), words);
    assert_eq!(search(&["a picture of a car", "+", "20:./p/fx-flower.png"])[0], picture[0]);
    let both = search(&["a picture of a car", "+", "./p/fx-flower.png"]);
    assert!(both.contains(&words[0]), "{both:?}");
}

#[test]
fn filters_pick_by_name_and_tag() {
    let sandbox = indexed();
    let search =
        |args: &[&str]| sandbox.run(&[&["search", "an animal", "-f", "-t", "50"], args].concat());
    let drawings = search(&["--glob", "fx-*.png"]);
    assert_eq!(drawings.lines().len(), 6, "{drawings}");
    assert_eq!(search(&["-g", "p/fx-d*", "-g", "rocket.jpg"]).lines().len(), 2);
    assert_eq!(search(&["-g", "q/*"]).code, 1);
    search(&["-g", "[a"]).check(2, &["is no pattern of paths"]);

    assert_eq!(search(&["--tag", "drawn"]).code, 1);
    sandbox
        .run(&["index", "p/fx-dog.png", "p/fx-cat.png", "--tag", "drawn", "--tag", "pet"])
        .check(0, &[]);
    sandbox.run(&["index", "p/fx-car.png", "--tag", "drawn"]).check(0, &[]);
    assert_eq!(search(&["--tag", "drawn"]).lines().len(), 3);
    assert_eq!(search(&["--tag", "drawn", "--tag", "pet"]).lines().len(), 2);
    assert_eq!(search(&["--tag", "drawn", "-g", "*dog*"]).lines().len(), 1);
    // What was given stays when the folder is looked at again.
    sandbox.run(&["index", "p"]).check(0, &[]);
    assert_eq!(search(&["--tag", "pet"]).lines().len(), 2);
}

/// Sentences are items like pictures.
#[test]
fn texts_are_found_too() {
    let sandbox = indexed();
    sandbox.write(
        "captions.csv",
        "id,text\n7,a picture of a dog\n8,a picture of a car\n,a picture of a flower\n",
    );
    let run = sandbox.run(&["index", "--texts", "captions.csv"]);
    assert_eq!((run.code, run.lines()[0]), (0, "3 texts: 3 new or changed, 0 unchanged"), "{run}");
    let run = sandbox.run(&["index", "--texts", "captions.csv"]);
    assert_eq!(run.lines()[0], "3 texts: 0 new or changed, 3 unchanged", "{run}");

    let found = sandbox.run(&["similar", "p/fx-dog.png", "--modality", "text"]);
    assert_eq!(found.lines().len(), 3, "{found}");
    assert!(found.lines()[0].ends_with("\t7\ta picture of a dog"), "{found}");
    let ids = sandbox.run(&["search", "a picture of a car", "--modality", "text", "-f"]);
    assert_eq!(ids.lines()[0], "8", "{ids}");
    let json = sandbox.run(&["search", "a picture of a car", "--modality", "text", "--json"]);
    let json: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json[0]["id"], &json[0]["modality"]), (&"8".into(), &"text".into()));
    assert!((json[0]["score"].as_f64().unwrap() - 1.0).abs() < 1e-5);
    assert_eq!(json.iter().filter(|row| row.get("id").is_none()).count(), 1);
    // Pictures are what is searched unless something else is said.
    let pictures = sandbox.run(&["search", "a picture of a car", "-t", "50"]);
    assert!(!pictures.stdout.contains("a picture"), "{pictures}");
    let any = sandbox.run(&["search", "a picture of a car", "--modality", "any", "-t", "50"]);
    assert_eq!(any.lines().len(), pictures.lines().len() + 3);

    // Texts are compared with texts.
    let relevant = ["similar", "p/fx-dog.png", "--modality", "text", "--relevance=1", "-f"];
    assert_eq!(sandbox.run(&relevant).lines(), ["7"]);

    // Another text takes the place of the one with its id; one that is too long is named.
    let long = "word ".repeat(100);
    sandbox.write(
        "more.jsonl",
        format!("{{\"id\": 8, \"text\": \"a red car\"}}\n{{\"text\": \"{long}\"}}\n"),
    );
    let run = sandbox.run(&["index", "--texts", "more.jsonl"]);
    run.check(0, &["--truncate", "1 text skipped"]);
    assert_eq!(run.lines()[0], "2 texts: 1 new or changed, 0 unchanged");
    let texts = sandbox.run(&["search", "a car", "--modality", "text"]);
    assert!(texts.stdout.contains("\t8\ta red car\n") && texts.lines().len() == 3, "{texts}");

    let run = sandbox.run(&["library", "remove", "8", "a picture of a flower", "x"]);
    run.check(0, &["x is not in the library"]);
    assert_eq!(sandbox.run(&["search", "a car", "--modality", "text"]).lines().len(), 1);
    sandbox.run(&["index", "--texts", "gone.txt"]).check(2, &["gone.txt"]);
}
