//! A writer behind which a terminal may be.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{escape, escape_bytes, escape_path};

/// Writes through a buffer, and escapes what a terminal would obey where there is one, whoever writes it.
/// Files and pipes get every byte as it is.
#[derive(Debug)]
pub struct EscapingWriter<W: Write> {
    out: BufWriter<W>,
    is_terminal: bool,
}

impl<W: Write> EscapingWriter<W> {
    /// Writes to `out`, which a terminal may show.
    pub fn new(out: W, is_terminal: bool) -> Self {
        Self { out: BufWriter::new(out), is_terminal }
    }

    /// Writes the name of a file. A program that gets it must not take it for an option.
    ///
    /// # Errors
    ///
    /// As [`Write::write_all`], also below.
    pub fn path(&mut self, path: &Path) -> io::Result<()> {
        let path = match path.as_os_str().as_encoded_bytes() {
            [b'-', ..] => Cow::Owned(Path::new(".").join(path)),
            _ => Cow::Borrowed(path),
        };
        let name = escape_path(&path);
        self.put(path.as_os_str().as_encoded_bytes(), &name)
    }

    /// As [`Self::path`], and ends the line.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn line(&mut self, path: &Path) -> io::Result<()> {
        self.path(path)?;
        self.write_all(b"\n")
    }

    /// Writes a text of somebody else's, which on a terminal is one line.
    ///
    /// # Errors
    ///
    /// As [`Self::path`].
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.put(text.as_bytes(), &escape(text))
    }

    fn put(&mut self, plain: &[u8], escaped: &str) -> io::Result<()> {
        self.out.write_all(if self.is_terminal { escaped.as_bytes() } else { plain })
    }
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let ours = |c| matches!(c, '\n' | '\t' | '\0');
        self.put(bytes, &escape_bytes(bytes, ours))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `write` writes to a pipe, and to a terminal.
    #[track_caller]
    fn check(
        write: fn(&mut EscapingWriter<&mut Vec<u8>>) -> io::Result<()>,
        pipe: &str,
        terminal: &str,
    ) {
        for (is_terminal, expected) in [(false, pipe), (true, terminal)] {
            let mut written = Vec::new();
            let mut out = EscapingWriter::new(&mut written, is_terminal);
            write(&mut out).and_then(|()| out.flush()).unwrap();
            drop(out);
            assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }

    #[test]
    fn terminals_get_nothing_that_they_obey() {
        check(
            |out| out.line(Path::new("p/\u{1b}[31m\n.webp")),
            "p/\u{1b}[31m\n.webp\n",
            "$'p/\\x1b[31m\\n.webp'\n",
        );
        check(|out| out.text("a\rb\n"), "a\rb\n", "a\\rb\\n");
        // Whatever is written without thinking of it, JSON too.
        check(
            |out| writeln!(out, "{{\"path\":\"\u{202e}\u{9b}\"}}\t\0"),
            "{\"path\":\"\u{202e}\u{9b}\"}\t\0\n",
            "{\"path\":\"\\u202e\\u009b\"}\t\0\n",
        );
    }

    #[test]
    fn a_name_is_no_option() {
        check(|out| out.path(Path::new("-rf.webp")), "./-rf.webp", "./-rf.webp");
        check(|out| out.text("-5 degrees"), "-5 degrees", "-5 degrees");
    }
}
