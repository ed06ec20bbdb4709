//! What goes to standard output.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clip_search::terminal::EscapingWriter;
use clip_search::{Answer, Found};
use serde::Serialize;

pub(crate) use clip_search::count;

use crate::args::Format;

/// Standard output, buffered: a thousand rows are one write.
pub(crate) type Stdout = EscapingWriter<io::StdoutLock<'static>>;

/// Prints with `write`, and makes sure that all of it was written.
pub(crate) fn print(write: impl FnOnce(&mut Stdout) -> io::Result<()>) -> io::Result<()> {
    let out = io::stdout();
    let mut out = EscapingWriter::new(out.lock(), out.is_terminal());
    write(&mut out).and_then(|()| out.flush()).map_err(unwritten)
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
    let format = if json { Format::JsonLines } else { Format::Plain };
    list(format, std::slice::from_ref(value), plain)
}

/// Prints what was written or used, where it is, and more of it: `map: map.html (3 pictures)`
pub(crate) fn place(out: &mut Stdout, label: &str, path: &Path, more: &str) -> io::Result<()> {
    write!(out, "{label}")?;
    out.path(path)?;
    writeln!(out, " ({more})")
}

/// Prints ranked answers.
pub(crate) fn answers(format: Format, answers: &[Answer]) -> io::Result<()> {
    list(format, answers, |out| answers.iter().try_for_each(|row| answer(out, format, row)))
}

fn answer(out: &mut Stdout, format: Format, answer: &Answer) -> io::Result<()> {
    if format == Format::Plain {
        write!(out, "{:.3}\t", answer.score)?;
    }
    match &answer.found {
        Found::Image { path } => out.path(path)?,
        Found::Text { text, id: None } => out.text(text)?,
        // A text with an id of its own is somewhere: scripts look it up there.
        Found::Text { id: Some(id), .. } if format != Format::Plain => out.text(id)?,
        Found::Text { text, id: Some(id) } => {
            out.text(id)?;
            out.write_all(b"\t")?;
            out.text(text)?;
        }
    }
    out.write_all(format.end())
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

/// Says what could not be written, with the kind of error as it was.
pub(crate) fn unwritten(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

/// The path as a person would type it here: relative where it lies below the current folder.
pub(crate) fn short(path: &Path) -> PathBuf {
    shorten(path, std::env::current_dir().ok().as_deref()).to_owned()
}

/// As [`short`], in a sentence.
pub(crate) fn named(path: &Path) -> String {
    short(path).display().to_string()
}

/// As [`short`], for many paths.
pub(crate) fn shorten<'a>(path: &'a Path, current: Option<&Path>) -> &'a Path {
    current.and_then(|current| path.strip_prefix(current).ok()).unwrap_or(path)
}
