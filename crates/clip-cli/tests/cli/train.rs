//! `clip-cli train`: runs of a tiny model over the samples, seconds each.

use std::fs;
use std::path::Path;

use clip_testkit::{formats_dir, samples_dir};
use clip_train::TrainConfig;

use crate::sandbox::{Run, Sandbox, finish, program, shard};

/// A tiny model over `data`, in batches of 8, into `run`.
fn config(sandbox: &Sandbox, data: &Path, epochs: u64) {
    let data = data.display();
    sandbox.write(
        "run.toml",
        format!(
            "output = \"run\"\nseed = 7\nema = 0.9\npatches_kept = 0.5\n\
             [model]\nname = \"tiny\"\nimage_size = 32\nresize_size = 32\nembed_dim = 16\nvocab_size = 2048\n\
             vision = {{ width = 32, layers = 2, heads = 2 }}\n\
             text = {{ width = 32, layers = 2, heads = 2 }}\n\
             [data]\ntrain = [\"{data}\"]\nvalidation = [\"{data}\"]\n\
             [sampler]\nbatch_size = 8\n\
             [schedule]\nepochs = {epochs}\nwarmup_steps = 2\n"
        ),
    );
}

fn train(sandbox: &Sandbox, more: &[&str]) -> Run {
    sandbox.run(&[&["train", "--config", "run.toml"], more].concat())
}

/// Begins a run, and sends it a signal after its first step.
fn interrupted(sandbox: &Sandbox, signal: &str) -> Run {
    sandbox.interrupted(&["train", "--config", "run.toml"], "step 1/", signal)
}

/// Numbers of the steps in the metrics.
fn steps(sandbox: &Sandbox) -> Vec<u64> {
    let text = fs::read_to_string(sandbox.path("run/metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| line["event"] == "step")
        .map(|line| line["step"].as_u64().unwrap())
        .collect()
}

#[test]
fn printed_settings_are_read_back() {
    let sandbox = Sandbox::new();
    let printed = |args: &[&str]| {
        let run = sandbox.run(&[&["train", "--print-config"], args].concat());
        run.check(0, &[]);
        TrainConfig::parse("printed", &run.stdout).unwrap()
    };
    assert_eq!(printed(&[]), TrainConfig::default());
    config(&sandbox, &samples_dir(), 3);
    let own = printed(&["--config", "run.toml", "--output", "elsewhere"]);
    assert_eq!((own.schedule.epochs, own.seed, &*own.output), (3, 7, Path::new("elsewhere")));
    assert_eq!(own.optimizer, TrainConfig::default().optimizer);
    assert!(!sandbox.path("elsewhere").exists(), "nothing else is done");
}

#[test]
fn a_run_ends_in_a_model_that_searches() {
    let sandbox = Sandbox::new();
    config(&sandbox, &samples_dir(), 2);
    let run = train(&sandbox, &[]);
    insta::with_settings!({filters => [
        // Said every ten seconds.
        (r"(?m)^epoch \d, step [2-7]/8: .*\n", ""),
        (r"loss .*", "loss .."),
        (r"text to image .*", "text to image .."),
    ]}, {
        insta::assert_snapshot!(run, @r"
        exit 0
        run/best.safetensors
        run/last.safetensors
        run/metrics.jsonl
        run/metrics.svg
        --- stderr
        36 pictures of 26 names, 0.1 M parameters, 8 steps
        epoch 1, step 1/8: loss ..
        epoch 1 validated, R@1 / 5 / 10: text to image ..
        epoch 2, step 8/8: loss ..
        epoch 2 validated, R@1 / 5 / 10: text to image ..
        ");
    });
    assert_eq!(steps(&sandbox), (1..=8).collect::<Vec<_>>());

    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.copy("fx-car.png", "p/car.png");
    let model = ["--model", "run/best.safetensors"];
    let search = sandbox.run(&[&["search", "a dog", "p", "-f"], &model[..]].concat());
    assert_eq!((search.code, search.lines().len()), (0, 2), "{search}");

    // A run is not overwritten; with --resume it has nothing left to do.
    train(&sandbox, &[]).check(2, &["run holds a run already", "--resume"]);
    let again = train(&sandbox, &["--resume"]);
    again.check(0, &["all steps were taken before"]);
    assert_eq!(again.stdout, run.stdout);
    train(&sandbox, &["--resume", "--output", "other"])
        .check(2, &["no run was saved in other", "leave out --resume"]);
    config(&sandbox, &samples_dir(), 3);
    train(&sandbox, &["--resume"]).check(2, &["another `schedule`"]);
}

#[test]
fn ctrl_c_saves_and_resume_finishes() {
    let sandbox = Sandbox::new();
    config(&sandbox, &samples_dir(), 30);
    let run = interrupted(&sandbox, "-INT");
    run.check(0, &["saves after this step", "--resume"]);
    assert!(run.stdout.starts_with("stopped and saved at step "), "{run}");
    let taken = steps(&sandbox).len();
    assert!((1..120).contains(&taken), "{taken}");
    let run = train(&sandbox, &["--resume"]);
    run.check(0, &[&format!("goes on after step {taken}")]);
    assert_eq!(steps(&sandbox), (1..=120).collect::<Vec<_>>());
}

/// A limit on the size of files does what a full disk does: a write ends in the middle of the state.
#[test]
fn a_full_disk_leaves_the_last_save() {
    let sandbox = Sandbox::new();
    config(&sandbox, &samples_dir(), 8);
    interrupted(&sandbox, "-TERM").check(0, &[]);
    let files = || {
        let names = fs::read_dir(sandbox.path("run")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let state = sandbox.path("run/state.safetensors");
    let (saved, before) = (fs::read(&state).unwrap(), files());
    // In blocks of 512 or 1024 bytes: above the models, below the state.
    let blocks = 700;
    assert!(saved.len() > blocks * 1024);
    let limited = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec '{}' train --config run.toml --resume",
        program()
    );
    let run = finish(sandbox.command("sh").args(["-c", &limited]));
    run.check(2, &["warning: cannot write run/state.safetensors", "error: cannot write run/state"]);
    run.check(2, &["too large", "saved before is still there", "--resume goes on"]);
    assert_eq!(run.stdout, "");
    assert!(fs::read(&state).unwrap() == saved, "the state changed");
    let after = files();
    assert!(before.iter().all(|name| after.contains(name)), "{before:?} {after:?}");
    assert!(after.iter().all(|name| !name.to_string_lossy().contains("tmp")), "{after:?}");
    train(&sandbox, &["--resume"]).check(0, &["goes on after step"]);
}

#[test]
fn a_shard_that_is_cut_off_is_named_and_the_rest_is_learned() {
    let sandbox = Sandbox::new();
    let pictures = ["cat-lossy.webp", "dog-alpha.png", "horse-gray.jpg"];
    let pictures = pictures.map(|name| {
        let bytes = fs::read(formats_dir().join(name)).unwrap();
        (name.rsplit_once('.').unwrap().1, bytes)
    });
    let members: Vec<(String, Vec<u8>)> = (0..20)
        .flat_map(|number| {
            let (ending, bytes) = &pictures[number % 3];
            let name = format!("thing {number}").into_bytes();
            [(format!("{number:04}.{ending}"), bytes.clone()), (format!("{number:04}.txt"), name)]
        })
        .collect();
    let members: Vec<(&str, &[u8])> =
        members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let whole = shard(&members);
    sandbox.write("d/0.tar", &whole[..whole.len() * 3 / 4]);
    config(&sandbox, &sandbox.path("d"), 2);
    let run = train(&sandbox, &[]);
    run.check(0, &["d/0.tar", "cut off"]);
    assert!(run.stdout.contains("run/best.safetensors"), "{run}");
}

#[test]
fn pictures_that_cannot_be_read_are_named_and_counted() {
    let sandbox = Sandbox::new();
    let mut table = "file\tname\n".to_owned();
    for name in ["dog", "cat", "car", "flower", "guitar"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("d/{name}.png"));
        table += &format!("{name}.png\t{name}\n");
    }
    sandbox.write("d/captions.tsv", table + "ghost.png\tghost\n");
    config(&sandbox, &sandbox.path("d"), 1);
    let settings = fs::read_to_string(sandbox.path("run.toml")).unwrap();
    sandbox.write("run.toml", settings.replace("batch_size = 8", "batch_size = 6"));
    train(&sandbox, &[]).check(0, &["ghost.png", "1 row could not be read"]);
}

#[test]
fn settings_that_cannot_be_followed_are_named() {
    let sandbox = Sandbox::new();
    let check = |settings: &str, says: &[&str]| {
        sandbox.write("run.toml", settings);
        train(&sandbox, &[]).check(2, says);
        assert!(!sandbox.path("run").exists(), "{settings}");
    };
    check("seed = 1\n\nepochs = 3\n", &["run.toml", "line 3", "unknown field `epochs`"]);
    check("seed = \"a\"", &["run.toml", "line 1", "expected u64"]);
    check("", &["`data.train` is empty"]);
    check("[data]\ntrain = [\"nowhere.tar\"]", &["there is no nowhere.tar"]);
    check("from = \"nowhere.safetensors\"", &["nowhere.safetensors"]);
    check("validation_template = \"a photo\"", &["validation_template", "{}"]);
    sandbox.run(&["train", "--config", "none.toml"]).check(2, &["cannot read none.toml"]);
    sandbox.run(&["train"]).check(2, &["--config", "--print-config"]);
}
