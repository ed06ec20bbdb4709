//! A table of picture files and texts: TSV, CSV or JSON lines. Files are relative to its folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use clip_preprocess::is_read_extension;

use super::{Format, Index, Place, Skipped, io};
use crate::fields::{Draft, Role, role};
use crate::{Error, Result};

const TEXTS: &str = "name, caption, label or text";
const FILES: &str = "file, path, filename or image";

/// Collects rows; rows without a name that name the same picture are its captions.
struct Rows<'a> {
    path: &'a Path,
    class_names: Option<&'a [String]>,
    index: Index,
    captioned: HashMap<String, usize>,
    without_file: Skipped,
    without_text: Skipped,
    unreadable: Skipped,
}

/// Opens a TSV or CSV and reads its header.
pub(crate) fn open(path: &Path, tabs: bool) -> Result<(csv::Reader<BufReader<File>>, Vec<String>)> {
    let file = File::open(path).map_err(|source| io(path, source))?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if tabs { b'\t' } else { b',' })
        // In TSV a quotation mark is one; tabs and line ends cannot be in a field at all.
        .quoting(!tabs)
        .flexible(true)
        .from_reader(BufReader::new(file));
    let damaged =
        |error: csv::Error| Error::Damaged { path: path.to_owned(), reason: error.to_string() };
    let header = reader.byte_headers().map_err(damaged)?;
    let header = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    Ok((reader, header))
}

/// Indexes a TSV or CSV with a header.
pub(super) fn index(path: &Path, format: Format, names: Option<&[String]>) -> Result<Index> {
    let (mut reader, header) = open(path, format == Format::Tsv)?;
    let roles: Vec<Option<Role>> = header.iter().map(|name| role(name)).collect();
    let need = |wanted: &[Role], missing, expected| {
        if roles.iter().flatten().any(|role| wanted.contains(role)) {
            return Ok(());
        }
        let found = header.join(", ");
        Err(Error::MissingColumn { path: path.to_owned(), missing, found, expected })
    };
    need(&[Role::File], "the picture", FILES)?;
    need(
        &[Role::Name, Role::Label, Role::Caption, Role::Class, Role::Keywords],
        "the text",
        TEXTS,
    )?;

    let mut rows = Rows::new(path, names);
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            // Reading on after a failing disk would never end.
            Err(error) => {
                rows.unreadable.add(error);
                break;
            }
        }
        let mut draft = Draft::default();
        for (role, field) in roles.iter().zip(&record) {
            if let Some(role) = role {
                draft.set(*role, &String::from_utf8_lossy(field));
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        rows.add(draft, line);
    }
    Ok(rows.finish())
}

/// Indexes a file with one JSON object a line.
pub(super) fn index_json_lines(path: &Path, names: Option<&[String]>) -> Result<Index> {
    let file = File::open(path).map_err(|source| io(path, source))?;
    let mut rows = Rows::new(path, names);
    for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(|source| io(path, source))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(object) => {
                let mut draft = Draft::default();
                draft.set_json(&object);
                rows.add(draft, number as u64 + 1);
            }
            Err(error) => rows.unreadable.add(format_args!("line {} ({error})", number + 1)),
        }
    }
    Ok(rows.finish())
}

impl<'a> Rows<'a> {
    fn new(path: &'a Path, class_names: Option<&'a [String]>) -> Self {
        Self {
            path,
            class_names,
            index: Index::default(),
            captioned: HashMap::new(),
            without_file: Skipped::default(),
            without_text: Skipped::default(),
            unreadable: Skipped::default(),
        }
    }

    fn add(&mut self, mut draft: Draft, line: u64) {
        // OpenCLIP's tables name files in any way; only what is clearly no picture is left out.
        let Some(file) = draft.file.take().filter(|file| may_be_picture(file)) else {
            return self.without_file.add(format_args!("line {line}"));
        };
        let only_captions = draft.sample.name.is_empty() && draft.sample.class.is_none();
        if !draft.complete(&file, self.class_names) {
            return self.without_text.add(format_args!("line {line}"));
        }
        let samples = &mut self.index.samples;
        if only_captions {
            if let Some(&known) = self.captioned.get(&file) {
                samples[known].0.captions.append(&mut draft.sample.captions);
                return;
            }
            self.captioned.insert(file.clone(), samples.len());
        }
        samples.push((draft.sample, Place::File(self.path.with_file_name(file))));
    }

    fn finish(mut self) -> Index {
        let problems = &mut self.index.problems;
        self.unreadable.report(self.path, "cannot be read", problems);
        self.without_file.report(self.path, "names no picture file", problems);
        self.without_text.report(self.path, "has no text", problems);
        self.index
    }
}

fn may_be_picture(file: &str) -> bool {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some(extension) => {
            let extension = extension.to_lowercase();
            is_read_extension(&extension) || !matches!(extension.as_str(), "txt" | "json")
        }
        None => true,
    }
}
