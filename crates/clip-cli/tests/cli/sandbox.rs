//! One empty folder and one empty library for each test; the program runs as a user would run it.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clip_testkit::{formats_dir, repository_root, samples_dir};
use tempfile::TempDir;

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Run {
    /// For snapshots.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n{}", self.code, self.stdout)?;
        if self.stderr.is_empty() { Ok(()) } else { write!(f, "--- stderr\n{}", self.stderr) }
    }
}

impl Run {
    /// The lines of standard output.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Asserts how the run ended and that standard error says something.
    #[track_caller]
    pub(crate) fn check(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{self}");
        for says in says {
            assert!(self.stderr.contains(says), "does not say {says:?}:\n{self}");
        }
    }
}

/// An empty folder, with a library in it that is not there yet.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Copies a sample or a fixture under a new name.
    pub(crate) fn copy(&self, file: &str, name: impl AsRef<Path>) -> PathBuf {
        let source = [samples_dir(), formats_dir()].map(|dir| dir.join(file));
        let source = source.iter().find(|path| path.exists()).unwrap();
        self.write(name, std::fs::read(source).unwrap())
    }

    /// The program with nothing of this machine's settings in its environment, but for the limit on
    /// instruction sets.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"CLIP_") && name != clip_kernels::MAX_CPU_ISA {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.path("home"))
            .env("XDG_DATA_HOME", self.path("home/data"))
            .env("CLIP_INDEX", self.path("library"))
            .current_dir(self.folder.path());
        command
    }

    /// Runs the program in the folder.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        finish(self.command(program()).args(args))
    }

    /// Begins a run, sends it a signal once standard error has a line with `said`, and waits for its
    /// end.
    pub(crate) fn interrupted(&self, args: &[&str], said: &str, signal: &str) -> Run {
        let mut command = self.command(program());
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut stderr = String::new();
        while !stderr.contains(said) {
            assert!(lines.read_line(&mut stderr).unwrap() > 0, "{stderr}");
        }
        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        lines.read_to_string(&mut stderr).unwrap();
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Run { code: output.status.code().unwrap_or(-1), stdout, stderr }
    }

    /// Runs the program in the repository, where `samples` is.
    pub(crate) fn run_in_repository<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        finish(self.command(program()).args(args).current_dir(repository_root()))
    }
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_clip-cli")
}

pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A shard with these members (POSIX, pax, "ustar Interchange Format").
pub(crate) fn shard(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut shard = Vec::new();
    for (name, content) in members {
        let mut header = [0; 512];
        let mut put =
            |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().copied().map(u32::from).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        shard.extend(header);
        shard.extend(*content);
        shard.resize(shard.len().next_multiple_of(512), 0);
    }
    shard.resize(shard.len() + 1024, 0);
    shard
}
