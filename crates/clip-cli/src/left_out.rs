//! What a run leaves out or lets be, and has to say so.

use std::path::{Path, PathBuf};

use clip_search::{LeftOut, Scan, UnreadFormats};

use crate::{output, report};

/// So many are named.
const NAMED: usize = 3;

/// Warns of files that are not searched.
pub(crate) fn warn(left_out: &LeftOut) {
    let count = left_out.unreadable.len();
    if count == 0 {
        return;
    }
    let name = |path: &PathBuf| output::short(path).display().to_string();
    let mut names: Vec<String> = left_out.unreadable.iter().take(NAMED).map(name).collect();
    if count > NAMED {
        names.push(format!("{} more", count - NAMED));
    }
    report::warning(format_args!(
        "{} could not be read before and did not change: {} (`clip-cli library errors` says why)",
        output::count(count, "file"),
        names.join(", ")
    ));
}

/// A count of pictures with a verb.
fn pictures(count: usize, verb: &str) -> String {
    let plural = if count == 1 { "s" } else { "" };
    format!("{} {verb}{plural}", output::count(count, "picture"))
}

/// Says that pictures stay which are not there.
pub(crate) fn unplugged(count: usize) -> String {
    let [folders, drive] = match count {
        1 => ["a folder that is empty", "its drive"],
        _ => ["folders that are empty", "their drive"],
    };
    let stay = pictures(count, "stay");
    format!("{stay} in the library, below {folders}: {drive} may not be plugged in")
}

/// Says all of it.
pub(crate) fn report(left_out: &LeftOut, scan: &Scan) {
    warn(left_out);
    if let Some(first) = left_out.unplugged.first() {
        let place = output::short(first.parent().unwrap_or(Path::new("")));
        report::note(format_args!(
            "{}, such as {}; --drop-missing drops what is gone",
            unplugged(left_out.unplugged.len()),
            place.display()
        ));
    }
    if left_out.ignored > 0 {
        report::note(format_args!(
            "{} the library, left out by a .clipignore (tags that you gave are kept)",
            pictures(left_out.ignored, "leave")
        ));
    }
    if scan.ignored > 0 {
        let listed = output::count(scan.ignored, "listed file");
        report::note(format_args!("{listed} left out by a .clipignore"));
    }
    if left_out.excluded > 0 {
        report::note(format_args!(
            "{} in the library that this run did not look at: hidden, or in folders that --exclude-dir leaves out (a .clipignore takes such off)",
            pictures(left_out.excluded, "stay")
        ));
    }
    if !scan.unread.is_empty() {
        report::hint(unread(&scan.unread));
    }
}

/// `5 pictures of other formats are not read: 3 HEIC (a build with `--features heif` reads them), 2 camera
/// raw (convert them to JPEG or PNG)`
pub(crate) fn unread(unread: &UnreadFormats) -> String {
    let total = unread.formats().iter().map(|(_, count)| count).sum();
    let are = if total == 1 { "is" } else { "are" };
    let mut text = format!("{} of other formats {are} not read: ", output::count(total, "picture"));
    let mut formats = unread.formats().to_vec();
    // What has the same remedy stands together.
    formats.sort_by_key(|(format, count)| (format.missing_feature(), usize::MAX - count));
    for (i, (format, count)) in formats.iter().enumerate() {
        let remedy = format.missing_feature();
        let separator = if i == 0 { "" } else { ", " };
        text += &format!("{separator}{count} {}", format.name);
        if formats.get(i + 1).is_some_and(|(next, _)| next.missing_feature() == remedy) {
            continue;
        }
        text += &match remedy {
            Some(feature) => format!(" (a build with `--features {feature}` reads them)"),
            None => " (convert them to JPEG or PNG)".to_owned(),
        };
    }
    text
}
