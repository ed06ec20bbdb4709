//! The library in files, and with another model.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Three pictures with tags and a text.
fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["dog", "cat", "car"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("p/{name}.png"));
    }
    sandbox.run(&["index", "p", "--tag", "drawn"]).check(0, &[]);
    sandbox.write("t.csv", "id,text\n7,a dog\n");
    sandbox.run(&["index", "--texts", "t.csv"]).check(0, &[]);
    sandbox
}

/// What a search over everything prints.
fn answers(sandbox: &Sandbox, index: &str) -> String {
    let args = ["search", "a picture of a dog", "--modality", "any", "--json", "--index", index];
    let run = sandbox.run(&args);
    assert_eq!(run.code, 0, "{run}");
    run.stdout
}

#[test]
fn what_is_exported_is_imported() {
    let sandbox = indexed();
    let expected = answers(&sandbox, "library");
    for file in ["all.jsonl", "all.parquet", "all.npy"] {
        let run = sandbox.run(&["export", file, "--modality", "any", "--force"]);
        assert_eq!(run.stdout, format!("{file} (4 items of 256 numbers)\n"), "{run}");
        let index = format!("from-{file}");
        let run = sandbox.run(&["import", file, "--index", &index]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
        assert_eq!(run.lines()[0], "4 items imported");
        assert_eq!(answers(&sandbox, &index), expected, "{file}");
        let tagged = sandbox.run(&["search", "a dog", "--tag", "drawn", "-f", "--index", &index]);
        assert_eq!(tagged.lines().len(), 3, "{tagged}");
        // Sizes and times came along: nothing is encoded again.
        let again = sandbox.run(&["index", "p", "--index", &index]);
        assert_eq!(again.lines()[0], "3 pictures: 0 new, 0 changed, 3 unchanged, 0 gone");
    }
    let rows = fs::read_to_string(sandbox.path("all.jsonl")).unwrap();
    let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!((&row["modality"], &row["tags"][0]), (&"image".into(), &"drawn".into()));
    // Beside an array lies what its rows are, without their numbers.
    assert!(row.get("embedding").is_none() && row["hash"].as_str().unwrap().len() == 64);

    let some = sandbox.run(&["export", "some.jsonl", "p", "-g", "c*.png"]);
    assert_eq!(some.stdout, "some.jsonl (2 items of 256 numbers)\n", "{some}");
    sandbox.run(&["export", "some.jsonl"]).check(2, &["is there already", "--force"]);
    sandbox.run(&["export", "some.txt"]).check(2, &[".parquet, .jsonl or .npy"]);
    sandbox.run(&["export", "none.jsonl", "-g", "x"]).check(2, &["nothing in the library"]);
}

#[test]
fn what_others_made_is_imported_with_a_word() {
    let sandbox = indexed();
    sandbox.run(&["export", "all.jsonl"]).check(0, &[]);
    let rows = fs::read_to_string(sandbox.path("all.jsonl")).unwrap();
    let mut others = String::new();
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let path = row["path"].as_str().unwrap();
        let path = &path[path.rfind("p/").unwrap()..];
        others +=
            &serde_json::json!({ "image_path": path, "embedding": row["embedding"] }).to_string();
        others += "\n";
    }
    sandbox.write("others.jsonl", &others);
    let run = sandbox.run(&["import", "others.jsonl", "--index", "others"]);
    run.check(0, &["does not say which model made its vectors", "clip-photo"]);
    // Relative paths are meant from the file.
    let found = sandbox.run(&["search", "a picture of a dog", "-f", "--index", "others"]);
    assert_eq!(found.lines()[0], "p/dog.png", "{found}");

    let refused = |name: &str, content: &str, says: &[&str]| {
        sandbox.write(name, content);
        sandbox.run(&["import", name, "--index", "others"]).check(2, says);
    };
    let row = rows.lines().next().unwrap();
    let mut other: Value = serde_json::from_str(row).unwrap();
    other["fingerprint"] = "f00".into();
    other["model"] = "large".into();
    refused("a.jsonl", &other.to_string(), &["those of large, not of clip-photo", "--model"]);
    refused("b.jsonl", "{}\n", &["line 1 of b.jsonl", "no embedding"]);
    refused("c.jsonl", "nonsense\n", &["line 1 of c.jsonl"]);
    refused("d.parquet", "nonsense", &["d.parquet as Parquet"]);
    refused("e.npy", "nonsense", &["e.npy as an array of NumPy"]);
    sandbox.run(&["import", "gone.jsonl", "--index", "others"]).check(2, &["gone.jsonl"]);
    // A vector of another length is named, and the rest goes on.
    sandbox.write("f.jsonl", format!("{{\"path\":\"x\",\"embedding\":[1.0]}}\n{row}\n"));
    let run = sandbox.run(&["import", "f.jsonl", "--index", "others"]);
    run.check(0, &["record 1", "1 value, the library's have 256", "1 file was skipped"]);
    assert_eq!(run.lines()[0], "1 item imported");
}

/// Arrays lie apart from what their rows are, and are named for it.
#[test]
fn the_layout_of_clip_retrieval_is_read() {
    let sandbox = indexed();
    sandbox.run(&["export", "all.npy"]).check(0, &[]);
    sandbox.run(&["export", "all.parquet"]).check(0, &[]);
    for folder in ["out/img_emb", "out/metadata"] {
        fs::create_dir_all(sandbox.path(folder)).unwrap();
    }
    let array = "out/img_emb/img_emb_0.npy";
    fs::rename(sandbox.path("all.npy"), sandbox.path(array)).unwrap();
    let import = || sandbox.run(&["import", array, "--index", "others"]);
    import().check(2, &["nothing says what the rows", "img_emb_0.jsonl"]);
    let metadata = sandbox.path("out/metadata/metadata_0.parquet");
    fs::rename(sandbox.path("all.parquet"), &metadata).unwrap();
    assert_eq!(import().lines()[0], "3 items imported");
    let search = |index: &str| sandbox.run(&["search", "a picture of a dog", "--index", index]);
    assert_eq!(search("others").stdout, search("library").stdout);

    // Rows that nothing is said of, and the other way round.
    sandbox.run(&["export", "dog.parquet", "-g", "dog.png"]).check(0, &[]);
    fs::rename(sandbox.path("dog.parquet"), &metadata).unwrap();
    import().check(2, &["has fewer records than", "1 item imported before"]);
    sandbox.run(&["export", "dog.npy", "-g", "dog.png"]).check(0, &[]);
    fs::rename(sandbox.path("dog.npy"), sandbox.path(array)).unwrap();
    fs::rename(sandbox.path("all.jsonl"), sandbox.path("out/img_emb/img_emb_0.jsonl")).unwrap();
    import().check(2, &["has more records than"]);
}

/// JSON of pandas, with a gap.
#[test]
fn rows_without_a_vector_are_named_and_the_others_imported() {
    let sandbox = Sandbox::new();
    let unit = serde_json::json!((0..256).map(|i| f64::from(i == 9)).collect::<Vec<_>>());
    let row = |text: &str, vector: &Value| serde_json::json!({ "text": text, "embedding": vector });
    let rows = format!("\u{feff}{}\r\n{}\n", row("a", &Value::Null), row("b", &unit));
    let file = sandbox.write("gaps.jsonl", rows);
    let run = sandbox.run(&["import", file.to_str().unwrap(), "--index", "gaps"]);
    run.check(0, &["record 1: it has no embedding"]);
    assert_eq!(run.lines()[0], "1 item imported", "{run}");
}

/// The old library answers until the new one is complete, and then the new one does in its place.
#[test]
fn a_library_is_made_anew_with_another_model() {
    let sandbox = indexed();
    sandbox.run(&["reindex"]).check(2, &["is a library of clip-photo already", "--model"]);
    let source = clip_testkit::goldens_dir().join("deep");
    sandbox.run(&["models", "add", source.to_str().unwrap(), "--dtype", "f32"]).check(0, &[]);
    fs::remove_file(sandbox.path("p/cat.png")).unwrap();
    let stats = || {
        let run = sandbox.run(&["library", "stats", "--json"]);
        serde_json::from_str::<Value>(&run.stdout).unwrap()
    };
    assert_eq!(stats()["model"], "clip-photo");
    let run = sandbox.run(&["reindex", "--model", "deep"]);
    run.check(2, &["1 picture of", "cat.png: plug in its drive", "--drop-missing"]);
    assert!(!sandbox.path(".library.reindex").exists(), "nothing was done");
    assert_eq!(stats()["items"], 4);
    let run = sandbox.run(&["reindex", "--model", "deep", "--drop-missing"]);
    // The model of the goldens has next to no vocabulary.
    let token = "the model's tokenizer gives token";
    run.check(0, &["1 picture not there", token]);
    assert!(run.stdout.contains("(2 items of deep)"), "{run}");
    assert_eq!((&stats()["model"], &stats()["items"]), (&"deep".into(), &2.into()));
    assert!(!sandbox.path(".library.reindex").exists());
    let tagged = ["similar", "p/dog.png", "--model", "deep", "--tag", "drawn", "-f"];
    assert_eq!(sandbox.run(&tagged).lines().len(), 1);
    sandbox.run(&["search", "a dog"]).check(2, &["made with the model deep, not with clip-photo"]);
}

/// Also what came from elsewhere with ids of its own is dropped when its file is gone.
#[test]
fn items_with_ids_of_their_own_are_pruned() {
    let sandbox = indexed();
    sandbox.run(&["export", "dog.jsonl", "-g", "dog.png"]).check(0, &[]);
    let line = fs::read_to_string(sandbox.path("dog.jsonl")).unwrap();
    let mut record: Value = serde_json::from_str(&line).unwrap();
    record["id"] = "77".into();
    record["path"] = sandbox.path("p/gone.png").to_str().into();
    sandbox.write("gone.jsonl", record.to_string());
    let others = |args: &[&str]| sandbox.run(&[args, &["--index", "others"]].concat());
    others(&["import", "gone.jsonl"]).check(0, &[]);
    assert_eq!(others(&["library", "prune"]).lines(), ["0 items: 1 gone"]);
    others(&["library", "prune"]).check(1, &[]);
}

/// A library, and a model to make it anew with.
fn with_model() -> Sandbox {
    let sandbox = indexed();
    let source = clip_testkit::goldens_dir().join("deep");
    sandbox.run(&["models", "add", source.to_str().unwrap(), "--dtype", "f32"]).check(0, &[]);
    sandbox
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let to = to.join(entry.file_name().unwrap());
        match entry.is_dir() {
            true => copy_folder(&entry, &to),
            false => assert!(fs::copy(entry, to).is_ok()),
        }
    }
}

/// A folder beside the library is the user's, whatever it is called and whatever is in it.
#[test]
fn folders_that_are_not_of_this_program_are_left_alone() {
    let sandbox = with_model();
    for name in ["library.old", "library.new"] {
        copy_folder(&sandbox.path("library"), &sandbox.path(name));
    }
    sandbox.write(".library.reindex/letter.txt", "mine");
    let run = sandbox.run(&["reindex", "--model", "deep"]);
    run.check(2, &[".library.reindex is in the way", "move it away"]);
    assert_eq!(fs::read(sandbox.path(".library.reindex/letter.txt")).unwrap(), b"mine");
    fs::rename(sandbox.path(".library.reindex"), sandbox.path("elsewhere")).unwrap();
    for name in ["letter.txt", "segments/letter.txt", "letters/1.txt"] {
        sandbox.write(format!("library/{name}"), "mine");
    }
    sandbox.run(&["reindex", "--model", "deep"]).check(0, &[]);
    for name in ["letter.txt", "segments/letter.txt", "letters/1.txt"] {
        assert_eq!(fs::read(sandbox.path(format!("library/{name}"))).unwrap(), b"mine", "{name}");
    }
    assert!(!sandbox.path(".library.reindex").exists());
    let stats = |index: &str| {
        let run = sandbox.run(&["library", "stats", "--json", "--index", index]);
        let stats: Value = serde_json::from_str(&run.stdout).unwrap();
        (stats["model"].as_str().unwrap().to_owned(), stats["items"].as_u64().unwrap())
    };
    assert_eq!(stats("library"), ("deep".to_owned(), 3));
    for name in ["library.old", "library.new"] {
        assert_eq!(stats(name), ("clip-photo".to_owned(), 4));
    }
}

/// Wherever it was stopped, nothing is lost and the next command finds a library.
#[test]
fn a_stopped_reindex_is_gone_on_with() {
    let sandbox = with_model();
    let [place, work] = ["library", ".library.reindex"].map(|name| sandbox.path(name));
    let marker = "`clip-cli reindex` works in this folder and removes it when it is done.\n";
    let model = || {
        let run = sandbox.run(&["library", "stats", "--json"]);
        run.check(0, &[]);
        serde_json::from_str::<Value>(&run.stdout).unwrap()["model"].as_str().unwrap().to_owned()
    };
    copy_folder(&place, &sandbox.path("libraries/tiny"));
    sandbox.run(&["reindex", "--model", "deep"]).check(0, &[]);
    copy_folder(&place, &sandbox.path("libraries/deep"));
    let put = |libraries: &[(&str, &Path)]| {
        for path in [&place, &work] {
            let _ = fs::remove_dir_all(path);
        }
        sandbox.write(".library.reindex/marker", marker);
        for (library, path) in libraries {
            copy_folder(&sandbox.path("libraries").join(library), path);
        }
    };

    // Before the marker was written, and while the new one was made.
    for begun in [&[][..], &[("deep", &*work.join("new"))]] {
        put(&[&[("tiny", &*place)], begun].concat());
        if begun.is_empty() {
            sandbox.write(".library.reindex/marker", "");
        }
        assert_eq!(model(), "clip-photo");
        sandbox.run(&["reindex", "--model", "deep"]).check(0, &[]);
        assert_eq!((model(), work.exists()), ("deep".to_owned(), false));
    }
    // For another model.
    put(&[("tiny", &place), ("tiny", &work.join("new"))]);
    sandbox.run(&["reindex", "--model", "deep"]).check(0, &["begins anew"]);
    assert_eq!((model(), work.exists()), ("deep".to_owned(), false));
    // Between the two names: whoever looks for it finds the new one.
    let between = [("tiny", &*work.join("old")), ("deep", &*work.join("new"))];
    put(&between);
    assert_eq!((model(), work.exists()), ("deep".to_owned(), false));
    put(&between);
    sandbox.run(&["reindex", "--model", "deep"]).check(2, &["is a library of deep already"]);
    assert_eq!((model(), work.exists()), ("deep".to_owned(), false));
    // Before the old one was gone altogether.
    put(&[("deep", &place), ("tiny", &work.join("old"))]);
    fs::remove_file(work.join("old/catalog.sqlite")).unwrap();
    sandbox.run(&["reindex", "--model", "deep"]).check(2, &["is a library of deep already"]);
    assert_eq!((model(), work.exists()), ("deep".to_owned(), false));
    // Somebody has put another library there meanwhile: all three stay.
    put(&[&[("tiny", &*place)], &between[..]].concat());
    let run = sandbox.run(&["reindex", "--model", "deep"]);
    run.check(2, &["another", ".library.reindex/old", ".library.reindex/new", "move the one"]);
    assert_eq!(model(), "clip-photo");
    for path in [work.join("old"), work.join("new")] {
        sandbox.run(&["library", "verify", "--index", path.to_str().unwrap()]).check(0, &[]);
    }
}

/// What a link leads to is moved, not the link.
#[cfg(unix)]
#[test]
fn a_library_may_be_named_by_a_link() {
    let sandbox = with_model();
    fs::create_dir(sandbox.path("disk")).unwrap();
    fs::rename(sandbox.path("library"), sandbox.path("disk/photos")).unwrap();
    std::os::unix::fs::symlink("disk/photos", sandbox.path("library")).unwrap();
    let run = sandbox.run(&["reindex", "--model", "deep", "--index", "library/"]);
    run.check(0, &[]);
    assert!(sandbox.path("library").is_symlink());
    let names: Vec<_> = fs::read_dir(sandbox.path("disk"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["photos"]);
    let run = sandbox.run(&["library", "stats"]);
    assert!(run.stdout.contains("model     deep"), "{run}");
}
