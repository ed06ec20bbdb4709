//! A table in Markdown.

/// Rows of cells below a head.
pub(crate) fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = format!("|{}", " --- |".repeat(head.len()));
    let rows = rows.iter().map(|row| line(row));
    [line(&head), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Three digits that count, and all before the point.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value if value >= 0.9995 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// Never rounded up to 1.
pub(crate) fn cut(cosine: f64) -> String {
    format!("{:.6}", (cosine * 1e6).floor() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_their_heads() {
        let rows = [vec!["ours".to_owned(), "1".to_owned()]];
        assert_eq!(markdown(&["", "rate"], &rows), "|  | rate |\n| --- | --- |\n| ours | 1 |");
    }

    #[test]
    fn three_digits_count() {
        let shown = [0.0123, 0.99951, 9.996, 99.96, 1234.5].map(short);
        assert_eq!(shown, ["0.012", "1.00", "10.0", "100", "1234"]);
        assert_eq!(cut(0.999_999_99), "0.999999");
        assert_eq!(cut(1.0), "1.000000");
    }
}
