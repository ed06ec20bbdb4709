//! Whether the quotation marks of a row are closed where they should be.

use super::Dialect;

/// What the quotation marks of a row say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Closed,
    /// One opens at this byte that nothing closes, or another row's.
    Open {
        at: usize,
    },
}

/// Looks at one row as RFC 4180 has it, from its first byte to its line end.
///
/// A mark that was forgotten is closed by the next one in the file, rows further down, and there
/// neither a delimiter nor a line end follows. Within a line of CSV that is only a careless writer.
/// In TSV such a mark is text, and so is one whose field would hold rows with their tabs.
pub(super) fn check(row: &[u8], delimiter: u8, dialect: Dialect) -> Quoting {
    if !row.contains(&b'"') {
        return Quoting::Closed;
    }
    let is_tsv = dialect == Dialect::Tsv;
    let is_end = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r');
    let mut at = 0;
    while at < row.len() {
        if row[at] == b'"' {
            let Some(length) = quoted(&row[at + 1..]) else { return Quoting::Open { at } };
            let end = at + 1 + length + 1;
            let field = &row[at + 1..end - 1];
            let spans = field.contains(&b'\n') || field.contains(&b'\r');
            let is_closed = row.get(end).is_none_or(is_end);
            let holds_rows = is_tsv && field.contains(&delimiter);
            if spans && (!is_closed || holds_rows) || is_tsv && !is_closed {
                return Quoting::Open { at };
            }
            at = end;
        }
        at += row[at..].iter().position(is_end).map_or(row.len() - at, |length| length + 1);
    }
    Quoting::Closed
}

/// Bytes up to the mark that closes a field; two in a row are one of its text.
fn quoted(field: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += field[at..].iter().position(|byte| *byte == b'"')?;
        if field.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Length of the first line with its line end.
pub(super) fn first_line(text: &[u8]) -> usize {
    let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
        return text.len();
    };
    end + if text[end..].starts_with(b"\r\n") { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_closed_at_the_end_of_a_field() {
        let check = |row: &str, delimiter, expected: Option<usize>| {
            let dialect = if delimiter == b'\t' { Dialect::Tsv } else { Dialect::Csv };
            let expected = expected.map_or(Quoting::Closed, |at| Quoting::Open { at });
            assert_eq!(super::check(row.as_bytes(), delimiter, dialect), expected, "{row:?}");
        };
        check("a,b\n", b',', None);
        check("a,\"b\"\n", b',', None);
        check("a,\"b, \"\"c\"\"\nd\",e\r\n", b',', None);
        check("a,\"\"\n", b',', None);
        check("\"a\"", b',', None);
        check("a, \"b\n", b',', None);
        check("a,\"the \"big\" dog\"\n", b',', None);
        check("a,\"b", b',', Some(2));
        check("a,\"b\nc,\"d\"\n", b',', Some(2));
        check("\"a\",\"b\n\"c\",\"d\"\n", b',', Some(4));
        check("a,\"b\n\"\"c\"\"\n", b',', Some(2));
        check("a\t\"b\nc\"\n", b'\t', None);
        check("a\t\"b\nc\td\"\n", b'\t', Some(2));
        check("a\t\"b\" is\n", b'\t', Some(2));
        check("\"a\tb\n", b'\t', Some(0));
    }
}
