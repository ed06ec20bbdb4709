//! Processes: some run to their end, some answer line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Runs a command to its end; what it prints goes to the log.
pub(crate) fn finish(command: &mut Command, log: &Path) -> Result<()> {
    let file = create(log)?;
    let errors = file.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
    let status = command.stdin(Stdio::null()).stdout(file).stderr(errors).status();
    let status = status.map_err(|error| cannot_start(command, &error))?;
    match status.success() {
        true => Ok(()),
        false => Err(failure(command, log)),
    }
}

/// A process that answers one line of JSON with one.
#[derive(Debug)]
pub(crate) struct Answering {
    child: Child,
    // Nothing once it is to end.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Answering {
    /// Starts a process and waits until it is ready.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let errors = create(log)?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = child.map_err(|error| cannot_start(command, &error))?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("a process without output")?);
        let mut process = Self { child, requests, answers, log: log.to_owned() };
        let _ready: Value = process.read().map_err(|_| failure(command, log))?;
        Ok(process)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, request: &Value) -> Result<T> {
        let requests = self.requests.as_mut().context("a process without input")?;
        writeln!(requests, "{request}")
            .with_context(|| format!("it ended: {}", last(&self.log)))?;
        self.read()
    }

    fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("its answers cannot be read")?;
        if line.is_empty() {
            bail!("it ended: {}", last(&self.log));
        }
        let answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("it answered {:?}, which is no JSON", line.trim_end()))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{error}");
        }
        serde_json::from_value(answer).context("it answered something else")
    }
}

impl Drop for Answering {
    /// The end of its input ends it.
    fn drop(&mut self) {
        self.requests = None;
        // It may have ended, and nobody waits for what it says.
        let _ = self.child.wait();
    }
}

fn create(log: &Path) -> Result<File> {
    File::create(log).with_context(|| format!("cannot write {}", log.display()))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().display();
    match error.kind() {
        ErrorKind::NotFound => anyhow!("there is no program {program}"),
        _ => anyhow!("cannot start {program}: {error}"),
    }
}

fn failure(command: &Command, log: &Path) -> anyhow::Error {
    let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
    let program = name(Path::new(command.get_program()));
    anyhow!("{program} failed: {} (more in {})", last(log), name(log))
}

/// The last line that says something, or as much of it as one reads.
fn last(log: &Path) -> String {
    const READ: usize = 200;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    let line = line.unwrap_or("it said nothing");
    match line.char_indices().nth(READ) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use serde_json::json;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_process_answers_until_it_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"echo '{"ready":true}'; read a; echo "$a"; read a; echo '{"error":"too dark"}'; read a; echo oh >&2"#;
        let mut process = Answering::start(&mut shell(script), &folder.path().join("log")).unwrap();
        let answer: Value = process.ask(&json!({ "batch": 8 })).unwrap();
        assert_eq!(answer["batch"], 8);
        let mut error = || process.ask::<Value>(&json!({})).unwrap_err().to_string();
        assert_eq!(error(), "too dark");
        assert_eq!(error(), "it ended: oh");
    }

    #[test]
    fn a_failure_is_told_by_its_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        finish(&mut shell("true"), &log).unwrap();
        let error = finish(&mut shell("echo first; echo no room >&2; exit 3"), &log).unwrap_err();
        assert_eq!(error.to_string(), "sh failed: no room (more in log)");
        let error = Answering::start(&mut shell("echo bad >&2"), &log).unwrap_err();
        assert_eq!(error.to_string(), "sh failed: bad (more in log)");
        let error = finish(&mut shell("printf %0999d 0; exit 1"), &log).unwrap_err();
        assert_eq!(error.to_string(), format!("sh failed: {}… (more in log)", "0".repeat(200)));
        let error = finish(&mut Command::new("no-such-program"), &log).unwrap_err();
        assert_eq!(error.to_string(), "there is no program no-such-program");
    }
}
