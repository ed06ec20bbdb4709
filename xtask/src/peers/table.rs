//! A table in Markdown.

use std::fmt::Write;

use super::entry::LeftOut;
use super::numbers::{median, ratio, short};
use super::peer::{Peer, Program};
use super::roster::OURS;

/// What was measured of one work.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// What all columns count; nothing where each says it.
    pub(crate) corner: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    /// Those who failed at it.
    pub(crate) failed: Vec<LeftOut>,
    /// Who ran at the same time beside ours, by name; nothing where all did.
    pub(crate) groups: Vec<Vec<&'static str>>,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) show: Show,
}

/// How a cost is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// The cost is seconds an item.
    PerSecond,
    /// The cost itself, with its unit.
    Cost(&'static str),
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) peer: &'static Peer,
    pub(crate) label: String,
    /// By column and round; less is better.
    pub(crate) costs: Vec<Vec<f64>>,
    /// Among ours, which have the rounds of every group.
    pub(crate) first_round: usize,
    /// The lowest to the reference's vectors, where they were compared.
    pub(crate) cosine: Option<f64>,
}

impl Table {
    /// Adds those who ran at the same time. Who runs in every group, as ours do, keeps one row of all rounds.
    pub(crate) fn add_group(&mut self, outcomes: Vec<Result<Row, LeftOut>>) {
        let ours = self.rows.iter().find(|row| row.peer.name == OURS.name);
        let rounds = ours.and_then(|ours| ours.costs.first()).map_or(0, Vec::len);
        let mut group = Vec::new();
        for outcome in outcomes {
            let name = match &outcome {
                Ok(row) => row.peer.name,
                Err(failed) => failed.peer.name,
            };
            let before = self.rows.iter().position(|row| row.peer.name == name);
            let has_failed = self.failed.iter().any(|one| one.peer.name == name);
            match (outcome, before) {
                (Ok(row), Some(before)) => {
                    let all = self.rows[before].costs.iter_mut();
                    all.zip(row.costs).for_each(|(all, costs)| all.extend(costs));
                }
                (Ok(_), None) if has_failed => {}
                (Ok(row), None) => {
                    if !matches!(row.peer.program, Program::Ours(_)) {
                        group.push(name);
                    }
                    let first_round = if group.is_empty() { 0 } else { rounds };
                    self.rows.push(Row { first_round, ..row });
                }
                (Err(failed), before) => {
                    if let Some(before) = before {
                        self.rows.remove(before);
                    }
                    if !has_failed {
                        self.failed.push(failed);
                    }
                }
            }
        }
        self.groups.push(group);
    }

    /// What to know of a table whose peers ran in groups.
    pub(crate) fn note(&self) -> Option<String> {
        let groups: Vec<_> = self.groups.iter().filter(|group| !group.is_empty()).collect();
        (groups.len() > 1).then(|| {
            let names: Vec<_> = groups.iter().map(|group| group.join(", ")).collect();
            format!(
                "Peers ran in {} groups, one after the other, each with ours in the same rounds: {}. \
                 Rates of ours are of all rounds, *÷ ours* is of the same.",
                groups.len(),
                names.join("; ")
            )
        })
    }

    /// The rows, each value followed by what it is to ours of the same rounds.
    pub(crate) fn markdown(&self) -> String {
        let ours = self.rows.iter().find(|row| row.peer.name == OURS.name);
        let compared = self.rows.iter().any(|row| row.cosine.is_some());
        let mut lines = vec![self.head(compared), String::from("|")];
        let dashes = 1 + 2 * self.columns.len() + usize::from(compared);
        lines[1].push_str(&" --- |".repeat(dashes));
        for row in &self.rows {
            let mut line = format!("| {} |", row.label);
            for (i, (column, costs)) in self.columns.iter().zip(&row.costs).enumerate() {
                let of_ours = ours.and_then(|ours| ours.costs[i].get(row.first_round..));
                let times = of_ours.map(|ours| short(ratio(costs, ours)));
                let times = times.unwrap_or_else(|| "–".to_owned());
                let _ = write!(line, " {} | {times} |", column.show.text(costs));
            }
            if compared {
                let cosine = row.cosine.map_or_else(|| "–".to_owned(), cut);
                let _ = write!(line, " {cosine} |");
            }
            lines.push(line);
        }
        for LeftOut { peer, reason } in &self.failed {
            let rest = " – |".repeat(dashes - 2);
            lines.push(format!(
                "| {} | failed: {} |{rest}",
                peer.label,
                reason.replace('|', "\\|")
            ));
        }
        lines.join("\n")
    }

    fn head(&self, compared: bool) -> String {
        let mut line = match &*self.corner {
            "" => String::from("| |"),
            corner => format!("| {corner} |"),
        };
        for column in &self.columns {
            let _ = write!(line, " {} | ÷ ours |", column.title);
        }
        if compared {
            line.push_str(" lowest cosine |");
        }
        line
    }
}

impl Show {
    /// The median, and the range.
    fn text(self, costs: &[f64]) -> String {
        let low = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = costs.iter().copied().fold(0.0, f64::max);
        match self {
            Self::PerSecond => {
                let [middle, low, high] = [median(costs), high, low].map(|cost| short(1.0 / cost));
                format!("{middle} ({low} to {high})")
            }
            Self::Cost(unit) => {
                let [middle, low, high] = [median(costs), low, high].map(short);
                format!("{middle} {unit} ({low} to {high})")
            }
        }
    }
}

/// Never rounded up to 1.
fn cut(cosine: f64) -> String {
    format!("{:.5}", (cosine * 1e5).floor() / 1e5)
}

#[cfg(test)]
mod tests {
    use super::super::roster::{PEERS, REFERENCE};
    use super::*;

    fn row(peer: &'static Peer, costs: &[&[f64]], cosine: Option<f64>) -> Row {
        let costs = costs.iter().map(|costs| costs.to_vec()).collect();
        Row { peer, label: peer.name.to_owned(), costs, first_round: 0, cosine }
    }

    fn column(title: &str, show: Show) -> Column {
        Column { title: title.to_owned(), show }
    }

    #[test]
    fn rates_are_compared_with_ours() {
        let table = Table {
            corner: "a second".to_owned(),
            columns: vec![column("8 at once", Show::PerSecond)],
            rows: vec![
                row(&OURS, &[&[0.1, 0.2, 0.05]], Some(0.999_999_99)),
                row(&REFERENCE, &[&[0.2, 0.4, 0.05]], Some(1.0)),
            ],
            ..Table::default()
        };
        let expected = "\
| a second | 8 at once | ÷ ours | lowest cosine |
| --- | --- | --- | --- |
| ours | 10.0 (5.00 to 20.0) | 1.00 | 0.99999 |
| transformers | 5.00 (2.50 to 20.0) | 2.00 | 1.00000 |";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn costs_have_a_unit_and_ours_may_be_missing() {
        let table = Table {
            columns: vec![column("time", Show::Cost("s")), column("memory", Show::Cost("MiB"))],
            rows: vec![row(&REFERENCE, &[&[0.5, 0.25], &[100.0, 101.0]], None)],
            ..Table::default()
        };
        let expected = "\
| | time | ÷ ours | memory | ÷ ours |
| --- | --- | --- | --- | --- |
| transformers | 0.375 s (0.250 to 0.500) | – | 100 MiB (100 to 101) | – |";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn groups_are_compared_with_ours_of_the_same_rounds() {
        let (reference, other) = (&REFERENCE, PEERS.iter().find(|peer| peer.name == "open-clip"));
        let mut table =
            Table { columns: vec![column("1 at once", Show::PerSecond)], ..Table::default() };
        table.add_group(vec![
            Ok(row(&OURS, &[&[0.1, 0.1]], None)),
            Ok(row(reference, &[&[0.2, 0.2]], None)),
        ]);
        assert_eq!(table.note(), None);
        // The machine became slower.
        table.add_group(vec![
            Ok(row(&OURS, &[&[1.0, 1.0]], None)),
            Ok(row(other.unwrap(), &[&[3.0, 3.0]], None)),
        ]);
        let expected = "\
| | 1 at once | ÷ ours |
| --- | --- | --- |
| ours | 1.82 (1.00 to 10.0) | 1.00 |
| transformers | 5.00 (5.00 to 5.00) | 2.00 |
| open-clip | 0.333 (0.333 to 0.333) | 3.00 |";
        assert_eq!(table.markdown(), expected);
        let note = table.note().unwrap();
        assert!(note.starts_with("Peers ran in 2 groups"), "{note}");
        assert!(note.contains(": transformers; open-clip. "), "{note}");
    }

    #[test]
    fn who_fails_has_a_row_that_says_why() {
        let failed = |peer| Err(LeftOut { peer, reason: "it ended: a | b".to_owned() });
        let mut table =
            Table { columns: vec![column("1 at once", Show::PerSecond)], ..Table::default() };
        table.add_group(vec![Ok(row(&OURS, &[&[0.1]], None)), failed(&REFERENCE)]);
        let expected = "\
| | 1 at once | ÷ ours |
| --- | --- | --- |
| ours | 10.0 (10.0 to 10.0) | 1.00 |
| transformers (PyTorch, sdpa) | failed: it ended: a \\| b | – |";
        assert_eq!(table.markdown(), expected);
        // One of ours that fails once is compared with nobody.
        table.add_group(vec![failed(&OURS), Ok(row(&REFERENCE, &[&[0.1]], None))]);
        table.add_group(vec![Ok(row(&OURS, &[&[0.1]], None))]);
        assert!(table.rows.is_empty() && table.failed.len() == 2, "{table:?}");
    }
}
