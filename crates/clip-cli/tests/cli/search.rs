//! `clip-cli search`, from query to printed answer.

use crate::built_in;
use crate::sandbox::{Run, Sandbox, finish, program};
use clip_testkit::{Answers, assert_close};
use serde_json::Value;

/// Compares what a search over all samples printed with the reference's ranking.
fn check_answers(run: &Run, query: &str, count: usize) {
    let answers = Answers::open();
    let expected = &answers.query(query).ranking[..count];
    assert_eq!((run.code, run.lines().len()), (0, count), "{run}");
    for (line, (name, score)) in run.lines().iter().zip(expected) {
        let (printed, path) = line.split_once('\t').unwrap();
        assert_eq!(path, format!("samples/{name}"), "{run}");
        // The model computes in 8 bits, and the decoders of JPEG differ as much.
        assert_close(name, &[printed.parse().unwrap()], &[*score], 5e-3);
    }
}

/// The query of the README's first command has an answer that leads by more than processors and
/// decoders differ, so that everybody sees the same one first.
#[test]
fn the_first_command_has_a_clear_answer() {
    let readme =
        std::fs::read_to_string(clip_testkit::repository_root().join("README.md")).unwrap();
    let query = readme.split("-- search \"").nth(1).unwrap().split('"').next().unwrap();
    let answers = Answers::open();
    let [(first, best), (_, second), ..] = &answers.query(query).ranking[..] else { panic!() };
    assert!(best - second > 0.02, "{query}: {best} before {second}");
    let run = Sandbox::new().run_in_repository(&["search", query, "samples"]);
    assert!(run.lines()[0].ends_with(&format!("samples/{first}")), "{run}");
}

/// With the reference's answers, to the last pixel.
#[test]
fn a_sentence_finds_pictures() {
    let sandbox = Sandbox::new();
    let args = ["search", "a picture of a car", "samples", "-t", "5", "--exact"];
    let run = sandbox.run_in_repository(&args);
    check_answers(&run, "a picture of a car", 5);
    insta::assert_snapshot!(run.stderr, @"hint: this is the small built-in model: it knows few things. OpenAI's weights know far more: `clip-cli models pull clip-vit-base-patch32`, then search with `--model clip-vit-base-patch32`");

    // The second time everything is known, and the hint was given.
    let again = sandbox.run_in_repository(&args);
    assert_eq!((again.stdout, again.stderr), (run.stdout, String::new()));
    for (query, count) in [("a cup of coffee", "2"), ("a picture of a flower", "3")] {
        let run = sandbox.run_in_repository(&["search", query, "-t", count]);
        check_answers(&run, query, count.parse().unwrap());
    }
}

/// The samples in Adobe RGB, which `--exact` takes for sRGB as the reference does.
const ADOBE_RGB: [&str; 2] = ["rocket.jpg", "windmill1.webp"];

/// Large pictures are read with fewer pixels unless all are asked for: scores are nearly the same, if
/// colors are.
#[test]
fn scores_of_fewer_pixels_are_near() {
    let scores = |detail: &[&str]| {
        let sandbox = Sandbox::new();
        let args = ["search", "a picture of a dog", "samples", "-t", "50", "--json"];
        let run = sandbox.run_in_repository(&[&args, detail].concat());
        let rows: Vec<Value> = serde_json::from_str(&run.stdout).unwrap();
        let row = |row: &Value| (row["path"].to_string(), row["score"].as_f64().unwrap() as f32);
        rows.iter().map(row).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (fewer, all) = (scores(&[]), scores(&["--exact"]));
    assert_eq!(fewer.len(), all.len());
    assert_ne!(fewer, all);
    for ((name, fewer), all) in fewer.iter().zip(all.values()) {
        if ADOBE_RGB.iter().any(|other| name.contains(other)) {
            assert_ne!(fewer, all, "{name}");
        } else {
            assert_close(name, &[*fewer], &[*all], 5e-3);
        }
    }
}

#[test]
fn formats_for_programs() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/fx-dog.png");
    sandbox.copy("fx-car.png", "p/fx-car.png");
    let search = |format: &str| sandbox.run(&["search", "a picture of a dog", "p", format]);
    let answers = Answers::open();
    let answer = answers.query("a picture of a dog");
    let order = answer.best_first(&["fx-dog.png", "fx-car.png"]);

    let json: Value = serde_json::from_str(&search("--json").stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[0]["rank"], 1);
    assert_eq!(json[0]["path"], format!("p/{}", order[0]));
    assert_eq!(json[0]["modality"], "image");
    let score = json[0]["score"].as_f64().unwrap() as f32;
    assert_close("score", &[score], &[built_in::score(&answer.text, order[0])], 1e-6);

    let jsonl = search("--jsonl");
    let rows: Vec<Value> =
        jsonl.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::Array(rows), json);
    assert_eq!(search("-f").stdout, format!("p/{}\np/{}\n", order[0], order[1]));
    assert_eq!(search("-0").stdout, format!("p/{}\0p/{}\0", order[0], order[1]));
    let run = sandbox.run(&["search", "a dog", "p", "--json", "-f"]);
    run.check(2, &["cannot be used with"]);
}

#[test]
fn json_of_nothing_is_an_empty_array() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    let run = sandbox.run(&["search", "a dog", "empty", "--json"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "[]\n"), "{}", run.stderr);
}

/// A picture finds its like, and is no answer itself.
#[test]
fn a_picture_finds_its_copy_first() {
    let sandbox = Sandbox::new();
    let pictures = ["dog", "cat", "car", "flower"].map(|name| format!("fx-{name}.png"));
    for picture in &pictures {
        sandbox.copy(picture, format!("p/{picture}"));
    }
    sandbox.copy("fx-car.png", "car.png");
    let absolute = sandbox.path("car.png");
    let absolute = absolute.to_str().unwrap();
    let check = |args: &[&str]| {
        let run = sandbox.run(&[args, &["-t", "1"]].concat());
        assert_eq!(run.stdout, "1.000\tp/fx-car.png\n", "{args:?}: {run}");
    };
    check(&["search", "./car.png", "p"]);
    check(&["search", absolute, "p"]);
    check(&["search", &format!("file://{absolute}")]);
    check(&["search", "--image", "car.png", "p"]);
    check(&["search", "--image", "car.png"]);
    check(&["similar", "car.png", "p"]);
    check(&["similar", "car.png"]);

    let own = sandbox.run(&["similar", "p/fx-car.png", "-f"]);
    assert_eq!((own.code, own.lines().len()), (0, 3), "{own}");
    assert!(!own.stdout.contains("car"), "{own}");
    sandbox.run(&["similar", "gone.png"]).check(2, &["gone.png"]);
}

#[test]
fn terms_are_added_and_subtracted() {
    let sandbox = Sandbox::new();
    for name in ["dog", "cat", "car", "flower"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("p/{name}.png"));
        sandbox.copy(&format!("fx-{name}.png"), format!("{name}.png"));
    }
    let first = |args: &[&str]| {
        let run = sandbox.run(&[&["search", "-t", "1", "-f"], args].concat());
        assert_eq!(run.code, 0, "{run}");
        run.stdout
    };
    assert_eq!(first(&["./dog.png", "p"]), "p/dog.png\n");
    assert_eq!(first(&["./dog.png", "+", "3:./car.png", "p"]), "p/car.png\n");
    assert_eq!(first(&["./dog.png", "--add", "3:./car.png"]), "p/car.png\n");
    assert_eq!(first(&["0.1:./dog.png", "-a", "./flower.png"]), "p/flower.png\n");
    // Without its own direction the dog is no longer first.
    assert_ne!(first(&["./dog.png", "-", "2:./dog.png"]), "p/dog.png\n");
    let both = first(&["./dog.png", "-s", "./cat.png"]);
    assert_eq!(both, first(&["./dog.png", "-", "./cat.png"]));
    sandbox.run(&["search", "dog", "-", "dog", "p"]).check(2, &["cancel each other out"]);
}

/// The other direction: a picture against the lines of a file.
#[test]
fn a_picture_finds_sentences() {
    let sandbox = Sandbox::new();
    let picture = sandbox.copy("fx-dog.png", "dog.png");
    sandbox.write(
        "captions.txt",
        "A picture of a dog.\n\n  A picture of a cat.\r\nA picture of a car.\nA picture of a flower.\n",
    );
    let picture = picture.to_str().unwrap();
    let run = sandbox.run(&["search", "--image", picture, "--texts", "captions.txt"]);
    let sentences = Answers::open().drawings.sentences;
    let score = |text: &String| built_in::score(text, "fx-dog.png");
    let mut rows: Vec<_> = sentences.iter().map(|text| (score(text), text)).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines: String = rows.iter().map(|(score, text)| format!("{score:.3}\t{text}\n")).collect();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (lines.as_str(), ""));
    let json = sandbox.run(&["search", picture, "--texts", "captions.txt", "-t", "1", "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json[0]["text"], rows[0].1.as_str());
    assert_eq!(json[0]["modality"], "text");
    assert!(!sandbox.path("library").exists(), "sentences of a file are not kept");
}

#[test]
fn a_search_is_about_the_paths_it_names() {
    let sandbox = Sandbox::new();
    let answers = Answers::open();
    let mut all = String::new();
    for file in
        answers.query("a picture of a dog").best_first(&["fx-dog.png", "fx-car.png", "fx-cat.png"])
    {
        let folder = match file {
            "fx-dog.png" => "a",
            "fx-car.png" => "b",
            _ => "ab",
        };
        sandbox.copy(file, format!("{folder}/{file}"));
        all += &format!("{folder}/{file}\n");
    }
    let search = |args: &[&str]| {
        let run = sandbox.run(&[&["search", "a picture of a dog", "-f"], args].concat());
        assert_eq!(run.code, 0, "{run}");
        run.stdout
    };
    assert_eq!(search(&["a", "b", "ab"]), all);
    assert_eq!(search(&["b"]), "b/fx-car.png\n");
    assert_eq!(search(&["a", "-n"]), "a/fx-dog.png\n");
    assert_eq!(search(&["b/fx-car.png", "./b", "b/../b"]), "b/fx-car.png\n");
    assert_eq!(search(&[]), all);
}

#[test]
fn the_library_follows_the_folder() {
    let sandbox = Sandbox::new();
    let picture = sandbox.copy("fx-dog.png", "p/1.png");
    let search = || sandbox.run(&["search", "./query.png", "p"]);
    sandbox.copy("fx-car.png", "query.png");
    sandbox.copy("fx-car.png", "p/car.png");
    assert_eq!(search().lines().len(), 2);

    // Another content under the same name.
    sandbox.copy("fx-car.png", "p/1.png");
    let run = search();
    assert!(run.lines().iter().all(|line| line.starts_with("1.000\t")), "{run}");

    // A name that no longer holds a picture, and one that is gone.
    sandbox.write("p/1.png", "not a picture");
    let run = search();
    assert_eq!(run.lines().len(), 1, "{run}");
    run.check(0, &["p/1.png", "1 file was skipped"]);
    std::fs::remove_file(picture).unwrap();
    sandbox.copy("fx-cat.png", "p/new/2.png");
    assert_eq!(search().lines().len(), 2);
    let run = sandbox.run(&["index", "p"]);
    assert_eq!(run.lines()[0], "2 pictures: 0 new, 0 changed, 2 unchanged, 0 gone");
}

#[test]
fn hidden_and_excluded_pictures_are_left_out() {
    let sandbox = Sandbox::new();
    for name in ["p/a.png", "p/.hidden.png", "p/._a.png", "p/.dir/b.png", "p/skip/c.png", "p/d.PNG"]
    {
        sandbox.copy("fx-dog.png", name);
    }
    sandbox.write("p/notes.txt", "not a picture, and not meant to be one");
    let found = |args: &[&str]| {
        let run = sandbox.run(&[&["search", "dog", "p", "-f"], args].concat());
        assert_eq!(run.stderr.lines().filter(|line| !line.starts_with("hint")).count(), 0, "{run}");
        let mut lines: Vec<_> = run.lines().into_iter().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(found(&["--exclude-dir", "skip"]), ["p/a.png", "p/d.PNG"]);
    assert_eq!(found(&[]), ["p/a.png", "p/d.PNG", "p/skip/c.png"]);
    assert_eq!(found(&["--include-hidden"]).len(), 5);
}

#[test]
fn a_closed_pipe_is_success() {
    let sandbox = Sandbox::new();
    let command = format!("'{}' completions bash | true", program());
    let run = finish(
        sandbox.command("sh").args(["-c", &format!("set -o pipefail 2>/dev/null; {command}")]),
    );
    assert!(!run.stderr.contains("error") && !run.stderr.contains("panicked"), "{run}");
}
