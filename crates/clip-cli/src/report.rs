//! What goes to standard error: notes, warnings and hints, and bars while work is long.

use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use clip_search::Note;
use clip_search::terminal::{escape, escape_lines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::hints;

/// Says one line on standard error, with what a terminal would obey in it escaped: names and texts of
/// other people's. A closed standard error is not a reason to stop.
fn say(label: &str, color: AnsiColor, message: impl Display) {
    say_lines(label, color, &escape(&message.to_string()));
}

fn say_lines(label: &str, color: AnsiColor, message: &str) {
    let style = Style::new().bold().fg_color(Some(color.into()));
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}:{style:#} {message}");
}

/// Why the program ends with code 2.
pub(crate) fn error(error: &anyhow::Error) {
    let message = hints::message(error.chain());
    // TOML's own messages show the line that is wrong.
    let shows_lines = matches!(error.downcast_ref(), Some(clip_train::Error::Config { .. }));
    let message: Cow<'_, str> = match shows_lines {
        true => escape_lines(&message),
        false => escape(&message),
    };
    say_lines("error", AnsiColor::Red, &message);
}

/// Why the command line is not understood.
pub(crate) fn usage(error: &clap::Error) {
    let _ = match escape_lines(&error.render().to_string()) {
        // In clap's colors.
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(message) => write!(anstream::stderr().lock(), "{message}"),
    };
}

/// Something was left out and the work goes on.
pub(crate) fn warning(message: impl Display) {
    say("warning", AnsiColor::Yellow, message);
}

/// What an update left out or let be.
pub(crate) fn left_out(notes: impl IntoIterator<Item = Note>) {
    for left_out in notes {
        let says = hints::note(&left_out);
        match left_out {
            Note::Unreadable { .. } => warning(says),
            Note::Unread(_) => hint(says),
            _ => note(says),
        }
    }
}

/// What the user may want to do next.
pub(crate) fn hint(message: impl Display) {
    say("hint", AnsiColor::Cyan, message);
}

/// How the work goes.
pub(crate) fn note(message: impl Display) {
    let message = message.to_string();
    let _ = writeln!(anstream::stderr().lock(), "{}", escape(&message));
}

/// A bar or a line on standard error where that is a terminal, and nothing elsewhere.
pub(crate) fn bar(total: Option<usize>, template: &str) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(total.map(|total| total as u64), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("speed", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.0}", state.per_sec());
        }));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
