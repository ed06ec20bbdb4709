//! What goes to standard output, and the wire types it is made of.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::args::Format;

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

/// JSON is UTF-8: a path that is not is shown as well as can be. `-0` prints its true bytes.
pub(crate) fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Prints ranked answers.
pub(crate) fn rows(format: Format, rows: &[Row]) -> io::Result<()> {
    let mut out = stdout();
    match format {
        Format::Json => json(&mut out, rows)?,
        Format::JsonLines => json_lines(&mut out, rows)?,
        Format::Plain | Format::Paths | Format::Null => {
            for row in rows {
                if format == Format::Plain {
                    write!(out, "{:.3}\t", row.score)?;
                }
                match &row.found {
                    Found::Image { path } => out.write_all(path.as_os_str().as_encoded_bytes())?,
                    Found::Text { text, id: None } => out.write_all(text.as_bytes())?,
                    // A text with an id of its own is somewhere: scripts look it up there.
                    Found::Text { id: Some(id), .. } if format != Format::Plain => {
                        out.write_all(id.as_bytes())?;
                    }
                    Found::Text { text, id: Some(id) } => write!(out, "{id}\t{text}")?,
                }
                out.write_all(if format == Format::Null { b"\0" } else { b"\n" })?;
            }
        }
    }
    out.flush()
}

/// Prints one JSON array, a row a line.
pub(crate) fn json<T: Serialize>(out: &mut impl Write, rows: &[T]) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, row) in rows.iter().enumerate() {
        out.write_all(if i == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, row)?;
    }
    out.write_all(if rows.is_empty() { b"]\n" } else { b"\n]\n" })
}

/// Prints one JSON object a line.
pub(crate) fn json_lines<T: Serialize>(out: &mut impl Write, rows: &[T]) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Standard output, buffered: a thousand rows are one write.
pub(crate) fn stdout() -> io::BufWriter<io::StdoutLock<'static>> {
    io::BufWriter::new(io::stdout().lock())
}

/// What was wrong, with its causes, where the message does not quote them already.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        next = cause.source();
    }
    message
}

/// A number with its noun, in the plural where it is not one.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The path as a person would type it here: relative where it lies below the current folder.
pub(crate) fn shorten<'a>(path: &'a Path, current: Option<&Path>) -> &'a Path {
    current.and_then(|current| path.strip_prefix(current).ok()).unwrap_or(path)
}
