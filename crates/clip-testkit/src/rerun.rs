//! Tests run again in another environment.

use std::io::Write;
use std::process::Command;

/// Runs the tests of the calling test program again, all but `except` (the test that calls this),
/// with each of these values of an environment variable: for what a process decides once. Says on
/// standard error which value passed, whether or not the harness captures output.
///
/// # Panics
///
/// Where a test fails then, with what the tests printed, and where none ran.
pub fn rerun_tests<'a>(except: &str, variable: &str, values: impl Iterator<Item = &'a str>) {
    values.for_each(|value| rerun(except, variable, value));
}

fn rerun(except: &str, variable: &str, value: &str) {
    let program = std::env::current_exe().expect("the path of the test program");
    let output = Command::new(&program)
        .args(["--skip", except])
        .env(variable, value)
        .output()
        .expect("the test program starts again");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "tests fail with {variable}={value}:\n{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let result = printed.lines().find_map(|line| line.strip_prefix("test result: "));
    let passed = result.and_then(|result| result.split(';').next()).unwrap_or("no result");
    assert!(!passed.contains(" 0 passed"), "no test ran with {variable}={value}");
    say(format_args!("{variable}={value}: {passed}"));
}

/// Prints a line that the harness does not capture: which kernels ran is worth knowing where all is well.
///
/// # Panics
///
/// Where standard error is closed.
pub fn say(line: std::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{line}").expect("standard error");
}
