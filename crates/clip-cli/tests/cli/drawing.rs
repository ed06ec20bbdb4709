//! What people look at: `explain` and `map`.

use clip_testkit::assert_close;
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};

/// Size of a PNG file in the sandbox.
fn size(sandbox: &Sandbox, name: &str) -> (u32, u32) {
    image::open(sandbox.path(name)).unwrap().into_rgb8().dimensions()
}

#[test]
fn explain_draws_a_panel_for_each_text() {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "pets/dog.png");
    let run = sandbox.run(&["explain", "pets/dog.png", "--text", "a drawing of a dog"]);
    run.check(0, &[]);
    let lines = run.lines();
    let (cosine, text) = lines[0].split_once('\t').unwrap();
    assert_eq!((text, lines[1]), ("a drawing of a dog", "heat map: dog-explained.png"));
    let query = ["search", "a drawing of a dog", "pets/dog.png"];
    let score = sandbox.run(&query).stdout.split('\t').next().unwrap().to_owned();
    // It is computed in f32, and the search's in 8 bits.
    let [cosine, score]: [f32; 2] = [cosine, &score].map(|number| number.parse().unwrap());
    assert_close("as the search has it", &[cosine], &[score], 5e-3);
    // The picture and one panel, then the picture and three: two rows of two.
    let (width, height) = size(&sandbox, "dog-explained.png");
    assert!(width > 1024 && height > 512, "{width} {height}");

    let args = ["explain", "pets/dog.png", "-t", "a dog", "-t", "犬", "-t", "a bed", "-o", "a.PNG"];
    sandbox.run(&args).check(0, &[]);
    let (wide, high) = size(&sandbox, "a.PNG");
    assert!(wide == width && high > 1024, "{wide} {high}");
}

#[test]
fn explain_refuses_what_it_cannot_do() {
    let sandbox = Sandbox::new();
    let picture = sandbox.copy("fx-dog.png", "dog.png");
    let explain = |args: &[&str]| sandbox.run(&[&["explain", "dog.png"], args].concat());
    explain(&[]).check(2, &["--text <TEXT>"]);
    explain(&["-t", ""]).check(2, &["a value is required"]);
    explain(&["-t", " "]).check(2, &["the text is empty"]);
    explain(&["-t", &"dog ".repeat(100)]).check(2, &["--truncate"]);
    explain(&["-t", "a dog", "-o", "map.jpg"]).check(2, &["map.jpg does not end in .png"]);
    explain(&["-t", "a dog", "-o", "no/map.png"]).check(2, &["no folder no to write into"]);
    explain(&["-t", "a dog", "-o", "dog.png", "--force"]).check(2, &["the picture itself"]);
    sandbox.run(&["explain", "cat.png", "-t", "a cat"]).check(2, &["no file cat.png"]);

    explain(&["-t", "a dog"]).check(0, &[]);
    explain(&["-t", "a dog"]).check(2, &["dog-explained.png is there already", "--force"]);
    explain(&["-t", "a dog", "--force"]).check(0, &[]);
    assert!(picture.is_file());
}

/// Indexes some samples under `pets` and maps them.
fn map_of(sandbox: &Sandbox, samples: &[&str], args: &[&str]) -> Run {
    for sample in samples {
        sandbox.copy(sample, format!("pets/{sample}"));
    }
    sandbox.run(&["index", "pets"]).check(0, &[]);
    sandbox.run(&[&["map"], args].concat())
}

/// The data in a page of the sandbox.
fn data(sandbox: &Sandbox, page: &str) -> Value {
    let page = std::fs::read_to_string(sandbox.path(page)).unwrap();
    let (_, rest) = page.split_once("type=\"application/json\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn map_shows_libraries_of_any_size() {
    let samples = ["dog.webp", "cat.webp", "horse.webp", "fx-dog.png", "coffee.png"];
    for count in [1, 2, 5] {
        let sandbox = Sandbox::new();
        let run = map_of(&sandbox, &samples[..count], &[]);
        run.check(0, &[]);
        let noun = if count == 1 { "picture" } else { "pictures" };
        assert_eq!(run.stdout, format!("map: map.html ({count} {noun})\n"));
        let data = data(&sandbox, "map.html");
        assert_eq!((&data["model"], &data["total"]), (&"clip-photo".into(), &count.into()));
        let pictures = data["pictures"].as_array().unwrap();
        assert_eq!(pictures.len(), count);
        for picture in pictures {
            let url = picture["url"].as_str().unwrap();
            assert!(url.starts_with("file:///") && url.contains("/pets/"), "{url}");
            assert!(picture["jpeg"].as_str().unwrap().starts_with("/9j/"), "a JPEG file");
            assert!(picture["x"].is_number() && picture["y"].is_number());
        }
    }
}

#[test]
fn map_is_the_same_twice_and_keeps_what_is_there() {
    let sandbox = Sandbox::new();
    sandbox.run_in_repository(&["index", "samples"]).check(0, &[]);
    sandbox.run(&["map", "-o", "a.html"]).check(0, &[]);
    sandbox.run(&["map", "-o", "b.html"]).check(0, &[]);
    let read = |name: &str| std::fs::read(sandbox.path(name)).unwrap();
    assert!(read("a.html") == read("b.html"));
    sandbox.run(&["map", "-o", "a.html"]).check(2, &["a.html is there already", "--force"]);
    sandbox.run(&["map", "-o", "a.html", "--force"]).check(0, &[]);
    sandbox.run(&["map", "-o", "a.txt"]).check(2, &["does not end in .html"]);
}

#[test]
fn map_has_a_limit_and_placeholders() {
    let sandbox = Sandbox::new();
    let samples = ["dog.webp", "cat.webp", "horse.webp", "owl.webp"];
    map_of(&sandbox, &samples, &[]).check(0, &[]);
    let run = sandbox.run(&["map", "--limit", "2", "-o", "two.html"]);
    run.check(0, &["2 of 4 pictures are shown", "--limit"]);
    let two = data(&sandbox, "two.html");
    assert_eq!((two["pictures"].as_array().unwrap().len(), &two["total"]), (2, &4.into()));
    sandbox.run(&["map", "--limit", "0"]).check(2, &["--limit"]);

    std::fs::remove_file(sandbox.path("pets/cat.webp")).unwrap();
    std::fs::write(sandbox.path("pets/owl.webp"), "no picture").unwrap();
    let run = sandbox.run(&["map", "--force"]);
    run.check(0, &["2 pictures have only a placeholder; the first", "cat.webp"]);
    let rows = data(&sandbox, "map.html");
    let rows = rows["pictures"].as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| row["jpeg"].is_null()).count(), 2);
}

#[test]
fn map_says_how_to_make_a_library() {
    let sandbox = Sandbox::new();
    sandbox.run(&["map"]).check(2, &["no library", "clip-cli index"]);
    map_of(&sandbox, &["dog.webp"], &[]).check(0, &[]);
    sandbox.copy("cat.webp", "cat.webp");
    // Another library by name.
    sandbox.run(&["index", "cat.webp", "--index", "other"]).check(0, &[]);
    let run = sandbox.run(&["map", "--index", "other", "-o", "other.html"]);
    assert_eq!(run.stdout, "map: other.html (1 picture)\n");
}
