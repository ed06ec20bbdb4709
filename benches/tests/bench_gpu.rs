//! The program that `cargo xtask bench-gpu` packs, with a tiny model: on the GPU of the build, or on the CPU's other
//! backend.

use std::process::{Command, Output};

use clip_model::Backend;
use serde_json::Value;

fn device() -> String {
    let tested = |backend: &Backend| *backend != Backend::Flex;
    Backend::compiled().find(tested).unwrap_or(Backend::Flex).to_string()
}

fn program(folder: &std::path::Path, options: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bench-gpu"));
    program.args(["--quick", "--device", &device(), "--commit", "commit 1", "--date", "a day"]);
    program.args(["--python", "no-such-python", "--script", "peers/gpu_pytorch.py"]);
    program.arg("--out").arg(folder).args(options).output().unwrap()
}

#[test]
fn a_quick_run_compares_all_vectors_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), &["--minutes", "30"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let page = read("report.md");
    assert!(output.status.success(), "{said}");
    assert!(page.starts_with(&format!("`{}`: a day, commit 1; a tiny model", device())), "{page}");
    // Sixteen each, eight at once; on each device at least in f32.
    for row in [
        "| ours, f32, 8 images, cold |",
        "| ours, f32, 16 texts, warm |",
        "| images a second | 1 at once |",
    ] {
        assert!(page.contains(row), "no {row} in\n{page}");
    }
    assert!(
        page.contains("Left out: the rest of pytorch: there is no program no-such-python."),
        "{page}"
    );
    let records: Value = serde_json::from_str(&read("records.json")).unwrap();
    let records = records["records"].as_array().unwrap();
    let count = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
    assert_eq!((count("reference"), count("train"), count("start")), (2, 1, 2), "{page}");
    assert!(count("check") >= 4 && count("rate") >= 4, "{page}");
}

#[test]
fn a_run_without_time_ends_with_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), &["--minutes", "0.000001"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.ends_with("error: device: its 0 seconds were up\n"), "{said}");
}

#[test]
fn a_step_needs_the_vectors_of_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), &["--step", "towers"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("reference-images.f32: take the step `reference` first"), "{said}");
}
