//! The commands besides `search`.

use crate::built_in;
use crate::sandbox::{Sandbox, finish, program};
use clip_testkit::{Answers, assert_close};
use serde_json::Value;

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

#[test]
fn classify_ranks_labels() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "dog.png");
    sandbox.copy("fx-car.png", "car.png");
    sandbox.write("labels.txt", "flower\n\n dog \n");
    let labels = "dog,cat, car ,@labels.txt";
    let run = sandbox.run(&["classify", "dog.png", "car.png", "--labels", labels, "-t", "2"]);
    let expected = [("dog", "dog.png", 0.57), ("cat", "dog.png", 0.315), ("car", "car.png", 1.0)];
    assert_eq!(run.lines().len(), 4, "{run}");
    for (line, (label, file, probability)) in run.lines().iter().zip(expected) {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns[1..], [label, file], "{run}");
        // Instruction sets round differently in 8 bits.
        assert_close(label, &[columns[0].parse().unwrap()], &[probability], 0.05);
    }

    let run = sandbox.run(&["classify", "car.png", "--labels", labels, "--json", "-t", "9"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json[0]["path"], "car.png");
    let labels = json[0]["labels"].as_array().unwrap();
    assert_eq!(labels.len(), 4, "each label once");
    let sum: f64 = labels.iter().map(|label| label["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5);

    let one = |template: &[&str]| {
        let args = [&["classify", "car.png", "--labels", "dog,car", "--json"], template].concat();
        sandbox.run(&args).stdout
    };
    let several = one(&["--template", "a photo of a {}", "--template", "a drawing of a {}"]);
    assert_ne!(one(&[]), several);
    sandbox.run(&["classify", "car.png", "-l", "a", "--template", "x"]).check(2, &["'x'", "{}"]);
    sandbox.run(&["classify", "car.png", "-l", ","]).check(2, &["no labels"]);
    sandbox.run(&["classify", "car.png", "-l", "@none.txt"]).check(2, &["none.txt"]);
}

#[test]
fn embed_prints_vectors_in_the_order_given() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "dog.png");
    let args = ["embed", "-t", "a cup of coffee", "-i", "dog.png", "--text", "cat"];
    let run = sandbox.run(&args);
    run.check(0, &[]);
    let rows: Vec<Value> =
        run.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let inputs: Vec<_> = rows.iter().map(|row| row["input"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["a cup of coffee", "dog.png", "cat"]);
    let modalities: Vec<_> = rows.iter().map(|row| row["modality"].as_str().unwrap()).collect();
    assert_eq!(modalities, ["text", "image", "text"]);

    let model = built_in::model();
    let width = model.card().config.embed_dim;
    for row in [0, 2] {
        let expected = model.text(inputs[row]).unwrap();
        assert_close(inputs[row], &floats(&rows[row]["embedding"]), expected.as_slice(), 1e-6);
    }

    // The same numbers as a NumPy array.
    let output = sandbox.command(program()).args(args).args(["--format", "npy"]).output().unwrap();
    assert!(output.stdout.starts_with(b"\x93NUMPY"));
    let header = String::from_utf8_lossy(&output.stdout[..128]);
    assert!(header.contains("'<f4'") && header.contains(&format!("(3, {width}")), "{header}");
    let values = &output.stdout[output.stdout.len() - 3 * width * 4..];
    let values: Vec<f32> =
        values.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let expected: Vec<f32> = rows.iter().flat_map(|row| floats(&row["embedding"])).collect();
    assert_close("npy", &values, &expected, 1e-7);
}

#[test]
fn embed_exact_reads_as_the_reference() {
    let sandbox = Sandbox::new();
    sandbox.copy("dog-exif6.jpg", "turned.jpg");
    sandbox.copy("dog-baseline.jpg", "upright.jpg");
    let embed = |args: &[&str]| -> Vec<f32> {
        let run = sandbox.run(&[&["embed"], args].concat());
        floats(&serde_json::from_str::<Value>(&run.stdout).unwrap()["embedding"])
    };
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let upright = embed(&["-i", "upright.jpg"]);
    assert!(cosine(&embed(&["-i", "turned.jpg"]), &upright) > 0.99);
    assert!(cosine(&embed(&["-i", "turned.jpg", "--exact"]), &upright) < 0.98);
}

#[test]
fn index_counts_what_it_did() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.copy("cat-truncated.jpg", "p/cut.jpg");
    let run = sandbox.run(&["index", "p"]);
    run.check(0, &["p/cut.jpg", "1 file was skipped", "hint: this is the small built-in model"]);
    assert_eq!(run.lines()[0], "1 picture: 1 new, 0 changed, 0 unchanged, 0 gone");
    let again = sandbox.run(&["index", "p"]);
    assert!(!again.stderr.contains("hint"), "{again}");
    assert_eq!(again.lines()[0], "1 picture: 0 new, 0 changed, 1 unchanged, 0 gone");
    std::fs::remove_file(sandbox.path("p/dog.png")).unwrap();
    let gone = sandbox.run(&["index", "p"]);
    assert_eq!(gone.lines()[0], "0 pictures: 0 new, 0 changed, 0 unchanged, 1 gone");
    assert_eq!(gone.code, 1);
}

/// The warning about the first file says that the run is under way.
#[test]
fn ctrl_c_saves_what_is_indexed() {
    let sandbox = Sandbox::new();
    sandbox.copy("cat-truncated.jpg", "p/0.jpg");
    for number in 1..=600 {
        sandbox.copy("fx-dog.png", format!("p/{number}.png"));
    }
    let index = ["index", "p", "--batch-size", "4"];
    let run = sandbox.interrupted(&index, "p/0.jpg", "-INT");
    run.check(2, &["saves what is done", "of 601 pictures: the same command goes on from there"]);
    let words = run.stderr.split("stopped after ").nth(1).unwrap();
    let done: usize = words.split(' ').next().unwrap().parse().unwrap();
    assert!((1..601).contains(&done), "{run}");
    let again = sandbox.run(&index);
    let (added, unchanged) = (601 - done, done - 1);
    let expected = format!("600 pictures: {added} new, 0 changed, {unchanged} unchanged, 0 gone");
    assert_eq!(again.lines()[0], expected);
}

/// An empty folder may be where a drive belongs that is not plugged in: nothing is forgotten.
#[test]
fn an_empty_folder_forgets_nothing() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "drive/dog.png");
    sandbox.run(&["index", "drive"]).check(0, &[]);
    std::fs::rename(sandbox.path("drive"), sandbox.path("elsewhere")).unwrap();
    std::fs::create_dir(sandbox.path("drive")).unwrap();
    let run = sandbox.run(&["index", "drive"]);
    assert_eq!(run.lines()[1].rsplit_once('(').unwrap().1, "1 item)", "{run}");
    std::fs::remove_dir(sandbox.path("drive")).unwrap();
    std::fs::rename(sandbox.path("elsewhere"), sandbox.path("drive")).unwrap();
    let run = sandbox.run(&["index", "drive"]);
    assert_eq!(run.lines()[0], "1 picture: 0 new, 0 changed, 1 unchanged, 0 gone");
}

#[test]
fn models_and_info_describe() {
    let sandbox = Sandbox::new();
    let models = sandbox.run_in_repository(&["models"]);
    assert_eq!(models.code, 0);
    assert!(
        models.lines()[1].starts_with("clip-photo") && models.lines()[1].contains("built in"),
        "{models}"
    );
    let info = sandbox.run(&["info", "--json"]);
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(info["model"]["name"], "clip-photo");
    assert_eq!(info["model"]["embed_dim"], 256);
    assert_eq!(info["library"]["items"], 0);
    let limited = |isa| finish(sandbox.command(program()).arg("info").env("CLIP_MAX_CPU_ISA", isa));
    let kernels =
        "kernels     f32 scalar, f16 scalar, bf16 scalar, int8 scalar; CLIP_MAX_CPU_ISA=scalar\n";
    assert!(limited("scalar").stdout.contains(kernels));
    limited("sse9").check(2, &["no instruction set 'sse9'", "avx2"]);
    assert!(sandbox.run(&["info"]).stdout.contains("clip-photo (built in)"));
}

#[test]
fn a_model_is_found_by_path_and_by_name() {
    let sandbox = Sandbox::new();
    let weights = clip_testkit::builtin_model();
    let name = |args: &[&str]| {
        let run = sandbox.run(&[&["info", "--json", "--model"], args].concat());
        assert_eq!(run.code, 0, "{run}");
        serde_json::from_str::<Value>(&run.stdout).unwrap()["model"]["file"].clone()
    };
    assert_eq!(name(&["clip-photo"]), Value::Null);
    assert_eq!(name(&[weights.to_str().unwrap()]), weights.to_str().unwrap());
    sandbox.write("home/data/clip/models/mine.safetensors", std::fs::read(&weights).unwrap());
    let mine = name(&["mine"]);
    assert!(mine.as_str().unwrap().ends_with("clip/models/mine.safetensors"), "{mine}");
    sandbox.run(&["info", "--model", "other"]).check(2, &["no model other", "clip-cli models"]);
}

#[test]
fn each_model_has_a_library_of_its_own() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    let run = finish(sandbox.command(program()).env_remove("CLIP_INDEX").args(["index", "p"]));
    assert_eq!(run.code, 0, "{run}");
    let library = run.lines()[1];
    assert!(
        library.contains("home/data/clip/clip-photo-") && library.ends_with("(1 item)"),
        "{run}"
    );
}

#[test]
fn help_and_completions_are_there() {
    let sandbox = Sandbox::new();
    for command in ["search", "classify", "embed", "index", "tags", "models", "info", "completions"]
    {
        let run = sandbox.run(&[command, "--help"]);
        assert!(run.code == 0 && run.stdout.contains("Usage: clip-cli"), "{run}");
        assert!(run.stdout.lines().all(|line| line.len() <= 120), "{run}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = sandbox.run(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("classify"), "{shell}");
    }
}

#[test]
fn devices_are_chosen_by_name() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    // Where a device computes in f32, the score is another by less than a hundredth.
    let exact = Answers::open().query("a picture of a dog").score("fx-dog.png");
    for device in ["auto", "flex", "ndarray"] {
        let run = sandbox.run(&["search", "a picture of a dog", "p", "--device", device]);
        let (score, path) = run.stdout.split_once('\t').unwrap();
        assert_eq!(path, "p/dog.png\n", "{device}: {run}");
        assert_close(device, &[score.parse().unwrap()], &[exact], 5e-3);
    }
    let run = sandbox.run(&["search", "a dog", "p", "--device", "cuda"]);
    run.check(2, &["built without the cuda backend", "--features cuda"]);
    sandbox
        .run(&["search", "a dog", "p", "--device", "tpu"])
        .check(2, &["there is no device 'tpu'"]);
}

/// A byte order mark is no part of the first line; UTF-16 is what Windows calls Unicode.
#[test]
fn lists_are_read_in_every_encoding_of_an_editor() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "dog.png");
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let text = "dog\r\nZürich\r\n";
    let encoded = [
        text.as_bytes().to_vec(),
        text.replace("\r\n", "\r").into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        utf16(text, u16::to_le_bytes),
        utf16(text, u16::to_be_bytes),
    ];
    for command in [
        &["classify", "dog.png", "--labels", "@list.txt"][..],
        &["search", "--image", "dog.png", "--texts", "list.txt"],
    ] {
        let answers: Vec<String> = encoded
            .iter()
            .map(|content| {
                sandbox.write("list.txt", content);
                let run = sandbox.run(command);
                assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
                run.stdout
            })
            .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        sandbox.write("list.txt", b"dog\ncaf\xe9\n");
        sandbox.run(command).check(2, &["list.txt, line 2: this is not UTF-8: save the file as"]);
        sandbox.write("list.txt", b"\xff\xfe\0\0d\0\0\0");
        sandbox.run(command).check(2, &["list.txt is in UTF-32"]);
    }
    let rows = "{\"text\": \"a dog\"}\n{\"text\": \"Zürich\"}\n";
    for (name, content) in [
        ("t.txt", utf16("a dog\nZürich\n", u16::to_le_bytes)),
        ("t.jsonl", format!("\u{feff}{rows}").into_bytes()),
        ("t.jsonl", utf16(rows, u16::to_be_bytes)),
        ("t.csv", "\u{feff}Text;id\na dog;\nZürich;\n".as_bytes().to_vec()),
        ("t.csv", utf16("id\tcaption\n\ta dog\n\tZürich\n", u16::to_le_bytes)),
        ("t.tsv", b"caption\na dog\n\"Z\xc3\xbcrich\"\n".to_vec()),
    ] {
        sandbox.write(name, content);
        let run = sandbox.run(&["index", "--texts", name]);
        assert_eq!(run.code, 0, "{run}");
        assert!(run.stdout.contains("library (2 items)"), "{name}: {run}");
    }
    sandbox.write("t.csv", "text\n\"a dog\na cat\n");
    sandbox
        .run(&["index", "--texts", "t.csv"])
        .check(2, &["t.csv, line 2: a quotation mark opens"]);
    sandbox.write("d/captions.csv", "file,name\n../dog.png,dog\n../dog.png,cat\n");
    sandbox.write("templates.txt", utf16("a {}\nthe {c}\n", u16::to_le_bytes));
    let eval = ["eval", "zeroshot", "--data", "d", "--templates", "templates.txt"];
    sandbox.run(&eval).check(0, &[]);
}
