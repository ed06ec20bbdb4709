use std::collections::HashMap;
use std::path::Path;

use crate::fields::plain;
use crate::{Result, TextTable};

/// Columns by what they are good for, the better name first.
const IDS: &[&str] = &["id", "key", "file", "path", "filename", "image"];
const LABELS: &[&str] = &["label", "class", "name"];
const GROUPS: &[&str] = &["split", "group", "kind"];

/// Labels that a table of its own gives to some samples, in place of the names in the data.
///
/// The table is a [`TextTable`], a `.csv` or else a TSV, with a header. The column `id` (or `key`, or
/// `file`) has the key of a sample, `label` (or `class`, or `name`) its label, and `split` (or
/// `group`, or `kind`), where there is one, the group in which the sample is counted. Other columns
/// say nothing.
///
/// ```
/// use clip_data::LabelTable;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("labels.tsv");
///
/// std::fs::write(&path, "id\tlabel\tsplit\n7\tdog\tdrawings\n8\tcat\tphotographs\n")?;
/// let table = LabelTable::read(&path)?;
/// assert_eq!(table.labels(), ["dog", "cat"]);
/// let found = table.get("8").unwrap();
/// assert_eq!((found.label, found.group.map(|group| &*table.groups()[group])), (1, Some("photographs")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LabelTable {
    rows: HashMap<String, Label>,
    first: String,
    labels: Names,
    groups: Names,
}

/// What a [`LabelTable`] says about one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Position in [`LabelTable::labels`].
    pub label: usize,
    /// Position in [`LabelTable::groups`]; none where the cell is empty or there is no such column.
    pub group: Option<usize>,
}

impl LabelTable {
    /// Reads a table.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and [`Error::Io`]; [`Error::MissingColumn`] without a column of keys or
    /// of labels; [`Error::BadRow`] for a row without either, a key that stands twice, a row that
    /// cannot be understood, and a table without rows; and those of [`TextTable::open`].
    pub fn read(path: &Path) -> Result<Self> {
        let is_known = |name: &str| {
            [IDS, LABELS, GROUPS].iter().any(|names| names.contains(&plain(name).as_str()))
        };
        let mut rows = TextTable::open(path, is_known)?;
        let column = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| rows.header().iter().position(|given| plain(given) == *name))
        };
        let need =
            |names, missing, expected| column(names).ok_or_else(|| rows.missing(missing, expected));
        let id = need(IDS, "the keys of the samples", "id, key or file")?;
        let label = need(LABELS, "the labels", "label, class or name")?;
        let group = column(GROUPS);

        let mut table = Self::default();
        while let Some(row) = rows.next() {
            let row = row?;
            let cell = |column| row.get(column).trim().to_owned();
            let (id, label) = (cell(id), cell(label));
            if id.is_empty() || label.is_empty() {
                let reason = "the key or the label is missing: fill it in, or remove the row";
                return Err(rows.bad_row(row.line, reason));
            }
            let group = group.map(cell).filter(|group| !group.is_empty());
            let label = Label {
                label: table.labels.number(label),
                group: group.map(|group| table.groups.number(group)),
            };
            if table.rows.is_empty() {
                table.first.clone_from(&id);
            }
            if table.rows.contains_key(&id) {
                let reason = format!("{id} stands in the table before: remove one of the rows");
                return Err(rows.bad_row(row.line, reason));
            }
            table.rows.insert(id, label);
        }
        if table.rows.is_empty() {
            return Err(rows.bad_row(1, "no row follows the header: write one for each picture"));
        }
        Ok(table)
    }

    /// What the table says about the sample of that key.
    pub fn get(&self, key: &str) -> Option<Label> {
        self.rows.get(key).copied()
    }

    /// Rows, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a table is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The key in the first row, to show what keys look like.
    pub fn first_key(&self) -> &str {
        &self.first
    }

    /// The labels, in the order in which they first stand in the table.
    pub fn labels(&self) -> &[String] {
        &self.labels.names
    }

    /// The groups, in the order in which they first stand in the table.
    pub fn groups(&self) -> &[String] {
        &self.groups.names
    }
}

/// Numbers for names.
#[derive(Debug, Clone, Default)]
struct Names {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: String) -> usize {
        let next = self.names.len();
        *self.numbers.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// A table of that name and content, or why there is none.
    fn read(name: &str, content: &str) -> std::result::Result<LabelTable, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let shorten = |error: Error| error.to_string().replace(&*path.to_string_lossy(), name);
        LabelTable::read(&path).map_err(shorten)
    }

    #[test]
    fn the_better_column_is_taken() {
        let table = read(
            "t.tsv",
            "split\tkey\tid\tlabel\tname\na\t0\tx/0\tdog\tpoodle\n\t1\tx/1\tcat\tlion\n",
        )
        .unwrap();
        assert_eq!(
            (table.labels(), table.groups()),
            (&["dog", "cat"].map(str::to_owned)[..], &["a".to_owned()][..])
        );
        assert_eq!(table.get("x/0"), Some(Label { label: 0, group: Some(0) }));
        assert_eq!(table.get("x/1"), Some(Label { label: 1, group: None }));
        assert_eq!((table.get("0"), table.len(), table.first_key()), (None, 2, "x/0"));
    }

    #[test]
    fn commas_are_quoted_in_csv_alone() {
        let table = read("t.csv", "\u{feff}Key,Class\n\"a,b\",\"a dog\"\n").unwrap();
        assert_eq!((table.get("a,b").unwrap().label, &*table.labels()[0]), (0, "a dog"));
        assert!(table.groups().is_empty());
        let table = read("t.tsv", "key\tclass\r\n\"a\tdog\r\n").unwrap();
        assert!(table.get("\"a").is_some());
    }

    #[test]
    fn bad_tables_say_what_to_do() {
        let check =
            |content: &str, says: &str| assert_eq!(read("t.tsv", content).unwrap_err(), says);
        check(
            "number\tlabel\n",
            "t.tsv has no column for the keys of the samples (its columns: number, label): name one id, key or file",
        );
        check(
            "id\tcolor\n",
            "t.tsv has no column for the labels (its columns: id, color): name one label, class or name",
        );
        check(
            "id\tlabel\na\tdog\nb\n",
            "t.tsv, line 3: the key or the label is missing: fill it in, or remove the row",
        );
        check(
            "id\tlabel\na\tdog\na\tcat\n",
            "t.tsv, line 3: a stands in the table before: remove one of the rows",
        );
        check(
            "id\tlabel\n",
            "t.tsv, line 1: no row follows the header: write one for each picture",
        );
        assert!(
            LabelTable::read(Path::new("nowhere.tsv"))
                .unwrap_err()
                .to_string()
                .contains("nowhere.tsv")
        );
    }
}
