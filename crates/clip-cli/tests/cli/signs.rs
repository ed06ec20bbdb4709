//! Bare `+` and `-` among the words of a query.

use crate::sandbox::{Run, Sandbox};

/// Pictures that are tagged `+` and `-`, and two more in folders that are called so.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.copy("fx-dog.png", "p/dog.png");
    sandbox.copy("fx-car.png", "p/car.png");
    sandbox.copy("fx-cat.png", "+/cat.png");
    sandbox.copy("fx-flower.png", "-/flower.png");
    sandbox.run(&["index", "p/dog.png", "--tag=+"]).check(0, &[]);
    sandbox.run(&["index", "p/car.png", "--tag=-"]).check(0, &[]);
    sandbox
}

fn search(sandbox: &Sandbox, line: &str) -> Run {
    let words: Vec<&str> = std::iter::once("search").chain(line.split(' ')).collect();
    sandbox.run(&words)
}

/// Asserts that a line, with blanks between its words, does what another does that leaves nothing open.
#[track_caller]
fn means(sandbox: &Sandbox, line: &str, same: &str) {
    let [found, expected] = [line, same].map(|line| search(sandbox, line));
    assert_eq!(found.to_string(), expected.to_string(), "{line}");
}

#[test]
fn signs_become_options_until_a_double_dash() {
    let sandbox = sandbox();
    means(&sandbox, "cat + dog - car -- + -", "cat --add=dog --subtract=car ./+ ./-");
    means(&sandbox, "-n -t 3 cat + dog", "-n -t 3 cat --add=dog");
    means(&sandbox, "--image p/car.png + cat p", "--image p/car.png --add=cat p");
    means(&sandbox, "+ b --image=p/car.png - c", "--add=b --image=p/car.png --subtract=c");
    means(&sandbox, "cat + - p", "cat --add=- p");
    let with = search(&sandbox, "car + 3:dog");
    assert_ne!(with.to_string(), search(&sandbox, "car").to_string());
}

#[test]
fn signs_stay_where_they_are_values() {
    let sandbox = sandbox();
    means(&sandbox, "cat --tag +", "cat --tag=+");
    means(&sandbox, "cat --tag + p", "cat --tag=+ p");
    means(&sandbox, "cat --tag=- - car", "cat --tag=- --subtract=car");
    means(&sandbox, "cat --add - p", "cat --add=- p");
    means(&sandbox, "cat -a - p", "cat --add=- p");
    means(&sandbox, "cat -g -", "cat --glob=-");
    means(&sandbox, "cat -nt - p", "cat -n --top=- p");
    means(&sandbox, "cat --texts -", "cat --texts=-");
    means(&sandbox, "cat -t3 - car", "cat -t3 --subtract=car");
    means(&sandbox, "cat --relevance - car", "cat --relevance --subtract=car");
}
