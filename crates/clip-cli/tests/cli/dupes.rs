//! Pictures that are there more than once.

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
    assert!(groups[1]["score"].as_f64().unwrap() > 0.98);

    // What is printed for scripts leaves the best out.
    assert_eq!(sandbox.run(&["dupes", "-f"]).lines(), ["q/dog-copy.png", "p/a-small.png"]);
    assert_eq!(sandbox.run(&["dupes", "--copies", "-0"]).stdout, "q/dog-copy.png\0");
    let run = sandbox.run(&["dupes", "p", "--copies"]);
    run.check(1, &[]);
    assert_eq!(run.stdout, "");
    assert_eq!(sandbox.run(&["dupes", "p"]).lines().len(), 2);
    sandbox.run(&["dupes", "--near", "1.1", "--index", "none"]).check(2, &["there is no library"]);
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
