//! Options that say nothing where they stand are refused, not ignored.

use crate::sandbox::Sandbox;

#[track_caller]
fn refused(line: &str, says: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.write("t.txt", "a dog\n");
    let args: Vec<&str> = line.split(' ').collect();
    let run = sandbox.run(&args);
    run.check(2, says);
    assert!(!sandbox.path("library").exists(), "{line} did something: {run}");
}

#[test]
fn while_searching() {
    for (option, what) in [
        ("--preview-height 3", "--preview"),
        ("--include-hidden", "--include-hidden says nothing without a PATH"),
        ("--exclude-dir x", "--exclude-dir says nothing without a PATH"),
        ("--no-indexing --include-hidden p", "--include-hidden says nothing beside --no-indexing"),
    ] {
        refused(&format!("search dog {option}"), &[what]);
        refused(&format!("similar p/dog.png {option}"), &[what]);
    }
    for option in [
        "--no-indexing",
        "--no-graph",
        "--modality any",
        "--glob *",
        "--tag x",
        "--after 2019",
        "--before 2019",
        "--min-side 3",
        "--orientation square",
        "--index elsewhere",
        "--preview",
    ] {
        let name = option.split(' ').next().unwrap();
        let says = format!("{name} says nothing beside --texts");
        refused(&format!("search --image p/dog.png --texts t.txt {option}"), &[&says]);
    }
    refused("search dog p --texts t.txt", &["cannot be used with", "--texts"]);
}

/// What comes from the environment is a setting, which a command need not use.
#[test]
fn settings_of_the_environment_may_stand_unused() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.write("t.txt", "a dog\n");
    // The sandbox sets CLIP_INDEX.
    sandbox.run(&["search", "--image", "p/dog.png", "--texts", "t.txt"]).check(0, &[]);
    sandbox.run(&["search", "--image", "p/dog.png", "p", "--include-hidden"]).check(1, &[]);
    sandbox.run(&["library", "stats", "--model", "clip-photo"]).check(0, &[]);
}

#[test]
fn while_indexing() {
    for option in
        ["--tag x", "--shard 1/2", "--keep-missing", "--drop-missing", "--watch", "--json"]
    {
        refused(&format!("index --texts t.txt {option}"), &[option.split(' ').next().unwrap()]);
    }
    refused("index p --json", &["--json"]);
    refused("index p --truncate", &["--texts"]);
    refused("index --files-from t.txt --keep-missing", &["--keep-missing"]);
    refused("index --files-from t.txt --json", &["--json"]);
    for mode in ["--stats", "--errors", "--verify", "--compact", "--prune", "--remove x"] {
        for option in
            ["--tag x", "--shard 1/2", "--keep-missing", "--watch", "--exact", "--device flex"]
        {
            refused(&format!("index {mode} {option}"), &[option.split(' ').next().unwrap()]);
        }
        let says = "--model says nothing beside --index";
        refused(&format!("index {mode} --model m --index i"), &[says]);
    }
    for mode in ["--verify", "--compact", "--prune", "--remove x"] {
        refused(&format!("index {mode} --json"), &["--json"]);
    }
    refused("index --stats --hnsw-above 3", &["--hnsw-above"]);
}

#[test]
fn in_other_commands() {
    let says = "--model says nothing beside --index";
    for command in [
        "dupes",
        "export a.jsonl",
        "map",
        "tags",
        "tags show p",
        "library stats",
        "library errors",
        "library verify",
        "library compact",
        "library prune",
        "library remove x",
    ] {
        refused(&format!("{command} --model m --index i"), &[says]);
    }
    refused("reindex --include-hidden", &["--include-hidden"]);
    refused("reindex --exclude-dir x", &["--exclude-dir"]);
    refused("info --batch-size 3", &["--batch-size"]);
    refused("embed -t a --exact", &["--image"]);
    refused("embed -i p/dog.png --truncate", &["--text"]);
    refused("train --print-config --resume", &["--resume"]);
    refused("train --print-config --device flex", &["--device says nothing beside --print-config"]);
    refused("models inspect m --output o", &["--output says nothing where nothing is written"]);
    refused("models inspect m --force", &["--force"]);
    refused("dupes --copies --near 0.9", &["--near"]);
}

#[test]
fn while_serving() {
    refused("serve --host 0.0.0.0", &["set a key", "--api-key, --no-api-key"]);
    refused("serve --api-key x --no-api-key", &["cannot be used with"]);
    refused("serve --tls-cert t.txt", &["--tls-key"]);
    refused("serve nowhere", &["no file or folder"]);
}
