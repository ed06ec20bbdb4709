//! What goes to standard output, and the wire types it is made of.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub(crate) use clip_search::count;

use crate::args::Format;
use crate::escape;

/// One ranked answer.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// From 1.
    pub(crate) rank: usize,
    /// Cosine similarity.
    pub(crate) score: f32,
    /// How far the score stands out of the library, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relevance: Option<f32>,
    #[serde(flatten)]
    pub(crate) found: Found,
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(tag = "modality", rename_all = "lowercase")]
pub(crate) enum Found {
    Image {
        #[serde(serialize_with = "lossy")]
        path: PathBuf,
    },
    Text {
        text: String,
        /// Where it has one of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// JSON is UTF-8: a path that is not is shown as well as can be. The other formats print its true
/// bytes.
pub(crate) fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Prints with `write`, and makes sure that all of it was written.
pub(crate) fn print(write: impl FnOnce(&mut Stdout) -> io::Result<()>) -> io::Result<()> {
    let mut out = stdout();
    write(&mut out)?;
    out.flush()
}

/// Prints rows in a format; those that are not JSON with `plain`.
pub(crate) fn list<T: Serialize>(
    format: Format,
    rows: &[T],
    plain: impl FnOnce(&mut Stdout) -> io::Result<()>,
) -> io::Result<()> {
    print(|out| match format {
        Format::Json => json(out, rows),
        Format::JsonLines => json_lines(out, rows),
        _ => plain(out),
    })
}

/// Prints one value as a JSON object, or else with `plain`.
pub(crate) fn object<T: Serialize>(
    json: bool,
    value: &T,
    plain: impl FnOnce(&mut Stdout) -> io::Result<()>,
) -> io::Result<()> {
    print(|out| match json {
        true => json_lines(out, std::slice::from_ref(value)),
        false => plain(out),
    })
}

/// Prints columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(out: &mut impl Write, rows: &[[String; N]]) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints ranked answers.
pub(crate) fn rows(format: Format, rows: &[Row]) -> io::Result<()> {
    write_rows(&mut stdout(), format, rows)
}

fn write_rows(out: &mut Stdout<impl Write>, format: Format, rows: &[Row]) -> io::Result<()> {
    match format {
        Format::Json => json(out, rows)?,
        Format::JsonLines => json_lines(out, rows)?,
        Format::Plain | Format::Paths | Format::Null => {
            for row in rows {
                if format == Format::Plain {
                    write!(out, "{:.3}\t", row.score)?;
                }
                match &row.found {
                    Found::Image { path } => out.path(path)?,
                    Found::Text { text, id: None } => out.text(text)?,
                    // A text with an id of its own is somewhere: scripts look it up there.
                    Found::Text { id: Some(id), .. } if format != Format::Plain => {
                        out.text(id)?;
                    }
                    Found::Text { text, id: Some(id) } => {
                        out.text(id)?;
                        out.write_all(b"\t")?;
                        out.text(text)?;
                    }
                }
                out.write_all(if format == Format::Null { b"\0" } else { b"\n" })?;
            }
        }
    }
    out.flush()
}

/// Prints one JSON array, a row a line.
fn json<T: Serialize>(out: &mut impl Write, rows: &[T]) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, row) in rows.iter().enumerate() {
        out.write_all(if i == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, row)?;
    }
    out.write_all(if rows.is_empty() { b"]\n" } else { b"\n]\n" })
}

/// Prints one JSON object a line.
fn json_lines<T: Serialize>(out: &mut impl Write, rows: &[T]) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Standard output, buffered: a thousand rows are one write.
fn stdout() -> Stdout {
    let out = io::stdout();
    Stdout { is_terminal: out.is_terminal(), out: io::BufWriter::new(out.lock()) }
}

/// Standard output. What a terminal would obey is escaped there, whoever writes it; files and pipes
/// get every byte as it is.
pub(crate) struct Stdout<W: Write = io::StdoutLock<'static>> {
    out: io::BufWriter<W>,
    is_terminal: bool,
}

impl<W: Write> Stdout<W> {
    /// Writes the name of a file. A program that gets it must not take it for an option.
    pub(crate) fn path(&mut self, path: &Path) -> io::Result<()> {
        let path = match path.as_os_str().as_encoded_bytes() {
            [b'-', ..] => Cow::Owned(Path::new(".").join(path)),
            _ => Cow::Borrowed(path),
        };
        let name = escape::name(&path);
        self.put(path.as_os_str().as_encoded_bytes(), &name)
    }

    /// As [`Self::path`], and ends the line.
    pub(crate) fn line(&mut self, path: &Path) -> io::Result<()> {
        self.path(path)?;
        self.write_all(b"\n")
    }

    /// Writes a text of somebody else's, which on a terminal is one line.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.put(text.as_bytes(), &escape::text(text))
    }

    fn put(&mut self, plain: &[u8], escaped: &str) -> io::Result<()> {
        let bytes = if self.is_terminal { escaped.as_bytes() } else { plain };
        self.out.write_all(bytes).map_err(unwritten)
    }
}

impl<W: Write> Write for Stdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let ours = |c| matches!(c, '\n' | '\t' | '\0');
        self.put(bytes, &escape::bytes(bytes, ours))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(unwritten)
    }
}

/// Says what could not be written, with the kind of error as it was.
pub(crate) fn unwritten(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

/// The path as a person would type it here: relative where it lies below the current folder.
pub(crate) fn short(path: &Path) -> PathBuf {
    shorten(path, std::env::current_dir().ok().as_deref()).to_owned()
}

/// As [`short`], for many paths.
pub(crate) fn shorten<'a>(path: &'a Path, current: Option<&Path>) -> &'a Path {
    current.and_then(|current| path.strip_prefix(current).ok()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, is_terminal: bool, found: Found) -> String {
        let mut out = Stdout { out: io::BufWriter::new(Vec::new()), is_terminal };
        let row = Row { rank: 1, score: 0.5, relevance: None, found };
        write_rows(&mut out, format, &[row]).unwrap();
        String::from_utf8(out.out.into_inner().unwrap()).unwrap()
    }

    fn image(path: &str) -> Found {
        Found::Image { path: path.into() }
    }

    fn text(text: &str, id: Option<&str>) -> Found {
        Found::Text { text: text.to_owned(), id: id.map(str::to_owned) }
    }

    #[test]
    fn pipes_get_names_as_they_are() {
        let name = "p/\u{1b}[31m\n.webp";
        assert_eq!(printed(Format::Plain, false, image(name)), format!("0.500\t{name}\n"));
        assert_eq!(printed(Format::Null, false, image(name)), format!("{name}\0"));
        assert_eq!(
            printed(Format::Plain, false, text("a\rb", Some("\u{7}"))),
            "0.500\t\u{7}\ta\rb\n"
        );
    }

    #[test]
    fn terminals_get_nothing_that_they_obey() {
        let name = "p/\u{1b}[31m\n.webp";
        let quoted = "$'p/\\x1b[31m\\n.webp'";
        assert_eq!(printed(Format::Plain, true, image(name)), format!("0.500\t{quoted}\n"));
        assert_eq!(printed(Format::Null, true, image(name)), format!("{quoted}\0"));
        assert_eq!(
            printed(Format::Plain, true, text("a\rb", Some("\u{7}"))),
            "0.500\t\\x07\ta\\rb\n"
        );
        // Whatever is written without thinking of it, JSON too.
        let json = printed(Format::JsonLines, true, image("\u{202e}\u{9b}"));
        assert!(json.contains(r#""path":"\u202e\u009b""#), "{json}");
    }

    #[test]
    fn a_name_is_no_option() {
        for (format, expected) in [
            (Format::Plain, "0.500\t./-rf.webp\n"),
            (Format::Paths, "./-rf.webp\n"),
            (Format::Null, "./-rf.webp\0"),
        ] {
            assert_eq!(printed(format, false, image("-rf.webp")), expected);
        }
        assert!(printed(Format::Json, false, image("-rf.webp")).contains(r#""path":"-rf.webp""#));
        assert_eq!(printed(Format::Paths, false, text("-5 degrees", None)), "-5 degrees\n");
    }
}
