//! One line after the other.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::strip_bom;
use crate::error::io;
use crate::{Error, Result};

/// A line of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// Without its line end and without a byte order mark.
    pub text: String,
}

/// The lines of a text file, the empty ones too; one that is not UTF-8 is an error, and the next
/// can be read. A line ends in `\n`, `\r\n` or `\r`.
pub struct Lines {
    path: PathBuf,
    input: BufReader<Box<dyn Read>>,
    /// Lines read so far.
    count: u64,
    after_return: bool,
    failed: bool,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Lines {
    pub(super) fn new(path: &Path, input: Box<dyn Read>) -> Self {
        let input = BufReader::with_capacity(1 << 16, input);
        Self { path: path.to_owned(), input, count: 0, after_return: false, failed: false }
    }

    /// The bytes up to the next line end, none at the end of the file.
    fn read(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut found = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(found.then_some(line));
            }
            if std::mem::take(&mut self.after_return) && buffer[0] == b'\n' {
                self.input.consume(1);
                continue;
            }
            found = true;
            match buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                Some(end) => {
                    line.extend_from_slice(&buffer[..end]);
                    self.after_return = buffer[end] == b'\r';
                    self.input.consume(end + 1);
                    return Ok(Some(line));
                }
                None => {
                    line.extend_from_slice(buffer);
                    let length = buffer.len();
                    self.input.consume(length);
                }
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        // Reading on after a failing disk would never end.
        if self.failed {
            return None;
        }
        let bytes = match self.read() {
            Ok(bytes) => bytes?,
            Err(source) => {
                self.failed = true;
                return Some(Err(io(&self.path, source)));
            }
        };
        self.count += 1;
        let (number, path) = (self.count, &self.path);
        Some(match str::from_utf8(strip_bom(&bytes)) {
            Ok(text) => Ok(Line { number, text: text.to_owned() }),
            Err(_) => {
                Err(Error::NotEncoded { path: path.clone(), line: number, encoding: "UTF-8" })
            }
        })
    }
}
