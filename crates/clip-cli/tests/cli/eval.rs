//! `clip-cli eval`, on four drawings whose similarities the reference computed, and on shards.

use crate::sandbox::{Sandbox, shard};
use clip_testkit::{Answers, Drawings};
use serde_json::Value;

/// A folder of four drawings with their names.
fn drawings() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut table = "file\tname\n".to_owned();
    for name in ["dog", "cat", "car", "flower"] {
        sandbox.copy(&format!("fx-{name}.png"), format!("d/{name}.png"));
        table += &format!("{name}.png\t{name}\n");
    }
    sandbox.write("d/captions.tsv", table);
    sandbox
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(clip_testkit::samples_dir().join(name)).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The reference's own table for these drawings says how many of them are right.
#[test]
fn retrieval_finds_what_the_reference_finds() {
    let sandbox = drawings();
    let args = ["eval", "retrieval", "--data", "d", "--template", "A picture of a {}."];
    insta::assert_snapshot!(sandbox.run(&args), @r"
    exit 0
    d with clip-photo
    template: A picture of a {}.

    4 pictures, 4 texts
                     R@1                   R@5                   R@10
    text to image  100.0 [100.0, 100.0]  100.0 [100.0, 100.0]  100.0 [100.0, 100.0]
    image to text  100.0 [100.0, 100.0]  100.0 [100.0, 100.0]  100.0 [100.0, 100.0]
    ");

    let run = sandbox.run(&[&args[..], &["--json", "-o", "r.json"]].concat());
    run.check(0, &[]);
    assert_eq!(std::fs::read_to_string(sandbox.path("r.json")).unwrap(), run.stdout);
    let results = json(&run.stdout);
    let info = json(&sandbox.run(&["info", "--json"]).stdout);
    for (key, expected) in [
        ("dataset", "d"),
        ("model", "clip-photo"),
        ("pretrained", info["model"]["source"].as_str().unwrap()),
        ("task", "zeroshot_retrieval"),
        ("language", "en"),
    ] {
        assert_eq!(results[key], expected, "{key}");
    }
    let answers = Drawings::best(&Answers::open().drawings.reference);
    let [pictures, texts] = answers.map(|answers| Drawings::right(&answers) as f64 / 4.0);
    assert_eq!(results["metrics"]["image_retrieval_recall@1"], pictures);
    assert_eq!(results["metrics"]["text_retrieval_recall@1"], texts);
    assert_eq!(results["confidence"]["intervals"]["text_retrieval_recall@5"][0], 1.0);
    assert_eq!(results["templates"][0], "A picture of a {}.");
}

#[test]
fn all_pictures_of_a_name_are_right() {
    let sandbox = drawings();
    sandbox.copy("fx-dog.png", "d/same.png");
    let rows = "file\tname\ndog.png\tA_dog\nsame.png\ta dog\nflower.png\tflower\n";
    sandbox.write("d/captions.tsv", rows);
    let results = json(&sandbox.run(&["eval", "retrieval", "--data", "d", "--json"]).stdout);
    assert_eq!((&results["pictures"], &results["texts"]), (&3.into(), &2.into()));
    assert_eq!(results["metrics"]["text_retrieval_recall@1"], 1.0);
}

/// Dog and cat have each other's label, so that there are mistakes to print.
#[test]
fn labels_come_from_a_table_and_group_the_results() {
    let sandbox = drawings();
    let rows =
        "id\tlabel\tsplit\ndog.png\tcat\tanimals\ncat.png\tdog\tanimals\ncar.png\tcar\tthings\n";
    sandbox.write("labels.tsv", rows);
    let args = ["eval", "zeroshot", "--data", "d", "--labels", "labels.tsv"];
    insta::assert_snapshot!(sandbox.run(&args), @r"
    exit 0
    d with clip-photo
    templates: a picture of a {}, .. (3)

    all: 3 pictures, 3 labels
    accuracy                       33.3 [0.0, 100.0]
    mean of the labels' recalls    33.3 [0.0, 100.0]

    label  right     of  recall
    cat        0      1     0.0
    dog        0      1     0.0
    car        1      1   100.0

    most frequent mistakes
        1  cat, taken for dog
        1  dog, taken for cat

    animals: 2 pictures, 3 labels
    accuracy                        0.0 [0.0, 0.0]
    mean of the labels' recalls     0.0 [0.0, 0.0]

    label  right     of  recall
    cat        0      1     0.0
    dog        0      1     0.0

    most frequent mistakes
        1  cat, taken for dog
        1  dog, taken for cat

    things: 1 picture, 3 labels
    accuracy                      100.0 [100.0, 100.0]
    mean of the labels' recalls   100.0 [100.0, 100.0]

    label  right     of  recall
    car        1      1   100.0
    ");

    let results = json(&sandbox.run(&[&args[..], &["--json"]].concat()).stdout);
    assert_eq!(results["groups"][1]["group"], "things");
    assert_eq!(results["groups"][1]["pictures"], 1);
    assert_eq!(results["per_class"][0]["class"], "cat");

    sandbox.write("part.csv", "key,label\ndog.png,dog\nnone.png,cat\n");
    let args = ["eval", "zeroshot", "--data", "d", "--labels", "part.csv"];
    sandbox.run(&args).check(0, &["part.csv labels 2 pictures, and 1 of them is in the data"]);
    sandbox.write("other.csv", "key,label\n0001,dog\n");
    let args = ["eval", "zeroshot", "--data", "d", "--labels", "other.csv"];
    sandbox.run(&args).check(2, &["keys look like 0001, those of the data like dog.png"]);
}

/// A folder as CLIP_benchmark's converter writes it.
#[test]
fn classes_and_templates_that_lie_beside_the_shards() {
    let sandbox = Sandbox::new();
    let (dog, flower) = (sample("fx-dog.png"), sample("fx-flower.png"));
    let members = [("s0.png", &dog[..]), ("s0.cls", b"1"), ("s1.png", &flower), ("s1.cls", b"0")];
    sandbox.write("b/test/0.tar", shard(&members));
    sandbox.write("b/classnames.txt", "flower\ndog\nflower\n");
    sandbox.write("b/zeroshot_classification_templates.txt", "a {c}.\nthe {c}.\n");
    let run = sandbox.run(&["eval", "zeroshot", "--data", "b/test", "--json"]);
    run.check(0, &[]);
    let results = json(&run.stdout);
    assert_eq!(results["task"], "zeroshot_classification");
    assert_eq!(results["templates"].as_array().unwrap()[..], ["a {}.", "the {}."]);
    assert_eq!((&results["pictures"], &results["texts"]), (&2.into(), &3.into()));
    assert_eq!(results["metrics"]["acc1"], 1.0);
    assert_eq!(results["metrics"]["mean_per_class_recall"], 1.0);

    sandbox.write("b/classnames.txt", "flower\n");
    let run = sandbox.run(&["eval", "zeroshot", "--data", "b/test"]);
    run.check(2, &["a picture is of class 1, and classnames.txt ends at 0"]);
}

#[test]
fn captions_ask_for_their_own_picture() {
    let sandbox = Sandbox::new();
    let (dog, flower) = (sample("fx-dog.png"), sample("fx-flower.png"));
    let members = [
        ("0.png", &dog[..]),
        ("0.txt", b"a picture of a dog\na picture of a puppy\n"),
        ("1.png", &flower),
        ("1.txt", b"a picture of a flower"),
    ];
    sandbox.write("0.tar", shard(&members));
    let results = json(&sandbox.run(&["eval", "retrieval", "--data", "0.tar", "--json"]).stdout);
    assert_eq!((&results["pictures"], &results["texts"]), (&2.into(), &3.into()));
    assert_eq!(results["metrics"]["image_retrieval_recall@1"], 1.0);
    assert_eq!(results["metrics"]["text_retrieval_recall@1"], 1.0);

    let run = drawings().run(&["eval", "retrieval", "--data", "d", "--captions"]);
    run.check(2, &["no captions", "leave out --captions"]);
}

/// Only a shard's `.txt` has a caption a line; a line end in a field belongs to its caption.
#[test]
fn a_caption_of_two_lines_is_one() {
    let sandbox = drawings();
    sandbox.write("d/captions.tsv", "");
    sandbox.write(
        "d/c.csv",
        "file;caption\ndog.png;\"a picture\nof a dog\"\ncar.png;a picture of a car\n",
    );
    let rows = "{\"file\": \"dog.png\", \"caption\": \"a picture\\nof a dog\"}\n{\"file\": \"car.png\", \"caption\": \"a picture of a car\"}\n";
    sandbox.write("d/c.jsonl", rows);
    for table in ["d/c.csv", "d/c.jsonl"] {
        let results = json(&sandbox.run(&["eval", "retrieval", "--data", table, "--json"]).stdout);
        assert_eq!((&results["pictures"], &results["texts"]), (&2.into(), &2.into()), "{table}");
        assert_eq!(results["metrics"]["text_retrieval_recall@1"], 1.0, "{table}");
    }
}

#[test]
fn numbers_in_place_of_names_are_warned_of() {
    let sandbox = drawings();
    let rows = "file,label\ndog.png,1\nflower.png,0\n";
    sandbox.write("d/c.csv", rows);
    let zeroshot = ["eval", "zeroshot", "--data", "d/c.csv"];
    sandbox.run(&zeroshot).check(0, &["2 of the 2 names are numbers", "classnames.txt"]);
    sandbox.run(&["eval", "retrieval", "--data", "d/c.csv"]).check(0, &["are numbers"]);
    sandbox.write("labels.csv", "id,label\ndog.png,1\nflower.png,0\n");
    let table = ["eval", "zeroshot", "--data", "d/captions.tsv", "--labels", "labels.csv"];
    sandbox.run(&table).check(0, &["are numbers"]);
    // As Notepad saves it.
    sandbox.write("d/classnames.txt", "\u{feff}flower\r\ndog\r\n");
    let run = sandbox.run(&[&zeroshot[..], &["--json"]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    assert_eq!(json(&run.stdout)["metrics"]["acc1"], 1.0);
}

/// Twelve photographs and twelve drawings, each drawing twice.
#[test]
fn a_probe_learns_the_labels() {
    let sandbox = Sandbox::new();
    let drawings = ["dog", "cat", "car", "flower", "bicycle", "guitar"];
    let photos = [
        "dog", "cat", "horse", "duck", "owl", "cow", "sheep", "panda", "giraffe", "crab", "chair",
        "bulb",
    ];
    let mut table = "file,label\n".to_owned();
    for (row, photo) in photos.iter().enumerate() {
        let drawing = drawings[row % drawings.len()];
        for (file, label) in
            [(format!("{photo}.webp"), "photo"), (format!("fx-{drawing}.png"), "drawing")]
        {
            sandbox.copy(&file, format!("t/{file}"));
            table += &format!("{file},{label}\n");
        }
    }
    sandbox.write("t/captions.csv", table);
    let args = ["eval", "linear-probe", "--train", "t", "--data", "t"];
    // Where it ends depends on how an instruction set rounds in 8 bits.
    let run = sandbox.run(&args).to_string();
    let (before, rest) = run.split_once("C = ").unwrap();
    let (_, rest) = rest.split_once(" among").unwrap();
    let (among, rest) = rest.split_once("after ").unwrap();
    let (_, after) = rest.split_once(" steps").unwrap();
    insta::assert_snapshot!(format!("{before}C = C among{among}after N steps{after}"), @r"
    exit 0
    t with clip-photo
    learned from 24 pictures, 2 of them to choose C = C among 15; converged after N steps

    24 pictures, 2 labels
    accuracy                      100.0 [100.0, 100.0]
    mean of the labels' recalls   100.0 [100.0, 100.0]

    label    right     of  recall
    photo       12     12   100.0
    drawing     12     12   100.0
    ");

    sandbox.write(
        "few/captions.csv",
        "file,label\n../t/dog.webp,photo\n../t/fx-dog.png,Drawing\n../t/cat.webp,animal\n",
    );
    let args =
        ["eval", "linear-probe", "--train", "t", "--validation", "few", "--data", "few", "--json"];
    let run = sandbox.run(&args);
    run.check(0, &[]);
    let results = json(&run.stdout);
    assert_eq!(results["task"], "linear_probe");
    assert_eq!(results["probe"]["pictures"], 27);
    assert_eq!(results["probe"]["validation_pictures"], 3);
    assert_eq!(results["texts"], 3, "Drawing is drawing");
    assert!(results["metrics"]["lp_acc1"].is_number() && results["probe"]["C"].is_number());

    sandbox
        .run(&["eval", "linear-probe", "--train", "few", "--data", "t"])
        .check(2, &["--train has 3 pictures, too few", "--validation"]);
    let args = ["eval", "linear-probe", "--train", "t", "--data", "few"];
    sandbox.run(&args).check(0, &["1 of the 3 labels in --data is not in --train"]);
}

#[test]
fn what_cannot_be_measured_says_what_to_do() {
    let sandbox = drawings();
    let check = |args: &[&str], code, says: &[&str]| {
        sandbox.run(&[&["eval"], args].concat()).check(code, says);
    };
    let zeroshot = |more: &[&str], says: &[&str]| {
        check(&[&["zeroshot", "--data", "d"], more].concat(), 2, says);
    };
    check(&["zeroshot", "--data", "nowhere.tar"], 2, &["there is no nowhere.tar"]);
    check(&["zeroshot"], 2, &["--data"]);
    zeroshot(&["--templates", "many"], &["no templates named many", "openai-80", "or a file"]);
    zeroshot(&["--template", "a photo"], &["a photo", "{}"]);
    zeroshot(&["--template", "a {}", "--templates", "picture"], &["cannot be used with"]);
    zeroshot(&["-o", "none/r.json"], &["none/r.json", "a folder that is there"]);
    zeroshot(&["--labels", "none.tsv"], &["none.tsv"]);
    let long = format!("{} {{}}", "word ".repeat(100));
    zeroshot(&["--template", &long], &["too long", "--truncate"]);

    sandbox.write("d/car.png", "no picture");
    check(&["retrieval", "--data", "d"], 2, &["car.png", "not a picture", "1 file was skipped"]);
    sandbox.write("d/captions.tsv", "file\tname\ndog.png\tdog\ncat.png\tDog\n");
    zeroshot(&[], &["all pictures show dog", "two labels"]);
    sandbox.write("d/captions.tsv", "file\tname\ncar.png\tcar\nnone.png\tdog\n");
    zeroshot(&[], &["of 2 pictures none can be read"]);
}
