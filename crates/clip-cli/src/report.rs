//! What goes to standard error: notes, warnings, hints, and a bar while work is long.

use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::{escape, hints};

/// Says one line on standard error, with what a terminal would obey in it escaped: names and texts of
/// other people's. A closed standard error is not a reason to stop.
fn say(label: &str, color: AnsiColor, message: impl Display) {
    say_lines(label, color, &escape::text(&message.to_string()));
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
        true => escape::lines(&message),
        false => escape::text(&message),
    };
    say_lines("error", AnsiColor::Red, &message);
}

/// Why the command line is not understood.
pub(crate) fn usage(error: &clap::Error) {
    let _ = match escape::lines(&error.render().to_string()) {
        // In clap's colors.
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(message) => write!(anstream::stderr().lock(), "{message}"),
    };
}

/// Something was left out and the work goes on.
pub(crate) fn warning(message: impl Display) {
    say("warning", AnsiColor::Yellow, message);
}

/// What the user may want to do next.
pub(crate) fn hint(message: impl Display) {
    say("hint", AnsiColor::Cyan, message);
}

/// How the work goes.
pub(crate) fn note(message: impl Display) {
    let message = message.to_string();
    let _ = writeln!(anstream::stderr().lock(), "{}", escape::text(&message));
}

/// Counts what could not be read, naming each as it is met.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    count: usize,
}

impl Skipped {
    /// Names one; `bar` keeps its line clear of the message.
    pub(crate) fn add(&mut self, bar: &Bar, path: &Path, reason: impl Display) {
        self.count += 1;
        // Most messages name the file already.
        let reason = reason.to_string();
        let named = path.display().to_string();
        let message = match reason.contains(&named) {
            true => reason,
            false => format!("{}: {reason}", escape::name(path)),
        };
        bar.suspend(|| warning(message));
    }

    /// How many so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Says at the end how many were left out.
    pub(crate) fn summarize(&self) {
        match self.count {
            0 => {}
            1 => warning("1 file was skipped"),
            n => warning(format_args!("{n} files were skipped")),
        }
    }
}

fn on_terminal() -> ProgressDrawTarget {
    match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    }
}

/// A progress bar on standard error where that is a terminal, and nothing elsewhere.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar over `total` pictures.
    pub(crate) fn pictures(total: usize) -> Self {
        Self::over(total, "pictures")
    }

    /// A bar over `total` items.
    pub(crate) fn items(total: usize) -> Self {
        Self::over(total, "items")
    }

    /// A bar over `total` of anything.
    pub(crate) fn over(total: usize, noun: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), on_terminal());
        let template =
            format!("{{spinner}} {{pos}}/{{len}} {noun} {{wide_bar}} {{speed}}/s, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.with_key("speed", |state: &ProgressState, out: &mut dyn Write| {
                let _ = write!(out, "{:.0}", state.per_sec());
            }));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// For work whose end is not known: what is being done, and for how long.
    pub(crate) fn spinner(work: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, on_terminal());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(work);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// No bar: for messages outside long work.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many of so many are finished.
    pub(crate) fn stand(&self, done: usize, of: usize) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
    }

    /// `done` more are finished.
    pub(crate) fn advance(&self, done: usize) {
        self.0.inc(done as u64);
    }

    /// Prints something without disturbing the bar.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// What says `message` later, from another thread, without disturbing the bar.
    pub(crate) fn noting(&self, message: &'static str) -> impl Fn() + Send + 'static {
        let bar = self.0.clone();
        move || bar.suspend(|| note(message))
    }
}

/// One line on standard error that is written over and over; nothing where that is no terminal.
#[derive(Debug, Clone)]
pub(crate) struct Status(ProgressBar);

impl Status {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, on_terminal());
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(crate) fn show(&self, line: String) {
        self.0.set_message(line);
    }

    /// Prints something without disturbing the line.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
