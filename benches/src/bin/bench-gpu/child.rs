//! A process that says records, and is ended when its time is up.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::record::Record;

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Done,
    /// Because its time was up.
    TimeUp,
}

/// Runs a command and hands on each record with the time since the start; other lines are nobody's. What it says on
/// standard error goes to the log.
///
/// # Errors
///
/// Where it cannot be started or fails, with the last line that it said, and where `on` fails.
pub(crate) fn watch(
    command: &mut Command,
    log: &Path,
    limit: Duration,
    mut on: impl FnMut(Record, Duration) -> Result<()>,
) -> Result<End> {
    let errors = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
    let mut child = child.map_err(|error| {
        let program = command.get_program().display();
        match error.kind() {
            ErrorKind::NotFound => anyhow!("there is no program {program}"),
            _ => anyhow!("cannot start {program}: {error}"),
        }
    })?;
    let lines = BufReader::new(child.stdout.take().context("a process without output")?).lines();
    let (sender, receiver) = channel();
    // It ends with the output, and is not waited for: what the process started may keep that open.
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Ok(record) = serde_json::from_str::<Record>(&line)
                && sender.send((record, began.elapsed())).is_err()
            {
                break;
            }
        }
    });
    loop {
        match receiver.recv_timeout(limit.saturating_sub(began.elapsed())) {
            Ok((record, elapsed)) => {
                if let Err(error) = on(record, elapsed) {
                    end(&mut child);
                    return Err(error);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                return Ok(End::TimeUp);
            }
        }
    }
    let status = child.wait().context("cannot wait for a process")?;
    ensure!(status.success(), "it failed: {}", last(log));
    Ok(End::Done)
}

fn end(child: &mut std::process::Child) {
    // It may have ended by itself just now.
    let _ = child.kill();
    let _ = child.wait();
}

/// The last line that says something, or as much of it as one reads.
fn last(log: &Path) -> String {
    const READ: usize = 200;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let told = |line: &&str| {
        !line.is_empty() && !line.starts_with("note: ") && !line.starts_with("stack backtrace")
    };
    let line = text.lines().map(str::trim).rfind(told).unwrap_or("it said nothing");
    line.chars().take(READ).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> (Vec<Record>, Result<End>) {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let end = watch(&mut command, &folder.path().join("log"), limit, |record, _| {
            records.push(record);
            Ok(())
        });
        (records, end)
    }

    const VERSION: &str = r#"echo '{"kind":"version","name":"torch","version":"2"}'"#;
    const LONG: Duration = Duration::from_secs(60);

    fn version() -> Record {
        Record::Version { name: "torch".to_owned(), version: "2".to_owned() }
    }

    #[test]
    fn records_are_handed_on_and_other_lines_are_not() {
        let (records, end) = run(&format!("echo hello; {VERSION}; {VERSION}"), LONG);
        assert_eq!(records, [version(), version()]);
        assert_eq!(end.unwrap(), End::Done);
    }

    #[test]
    fn what_was_said_before_the_time_was_up_counts() {
        // `exec`: the process that is ended is the one that would go on.
        let (records, end) = run(&format!("{VERSION}; exec sleep 100"), Duration::from_millis(500));
        assert_eq!(records, [version()]);
        assert_eq!(end.unwrap(), End::TimeUp);
    }

    #[test]
    fn a_failure_is_told_by_its_last_line() {
        let (records, end) =
            run(&format!("{VERSION}; echo no room >&2; echo 'note: more' >&2; exit 3"), LONG);
        assert_eq!(records, [version()]);
        assert_eq!(end.unwrap_err().to_string(), "it failed: no room");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("no-such-program");
        let error = watch(&mut command, &folder.path().join("log"), LONG, |_, _| Ok(()));
        assert_eq!(error.unwrap_err().to_string(), "there is no program no-such-program");
    }
}
