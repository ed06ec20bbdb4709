//! Lists of files, as other programs write them.

use std::borrow::Cow;
use std::path::PathBuf;

#[cfg(not(unix))]
use crate::Error;
use crate::Result;

/// The list in UTF-8 or in what the names are, without the mark of Windows' programs at its beginning,
/// by which UTF-16 is known too; none where that is damaged.
pub(super) fn without_mark(listed: &[u8]) -> Option<Cow<'_, [u8]>> {
    let units = |from: fn([u8; 2]) -> u16| {
        let units = listed[2..].chunks_exact(2).map(move |unit| from([unit[0], unit[1]]));
        let text: std::result::Result<String, _> = char::decode_utf16(units).collect();
        Some(Cow::Owned(text.ok()?.into_bytes()))
    };
    match listed {
        [0xef, 0xbb, 0xbf, listed @ ..] => Some(Cow::Borrowed(listed)),
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => Some(Cow::Borrowed(listed)),
    }
}

/// The names of a list. A name may hold all but NUL, so NUL bytes end names where there are any.
pub(super) fn names(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (end, ending) = match listed.contains(&0) {
        true => (0, &b""[..]),
        false => (b'\n', &b"\r"[..]),
    };
    let names = listed.split(move |byte| *byte == end);
    names.map(move |name| name.strip_suffix(ending).unwrap_or(name)).filter(|name| !name.is_empty())
}

/// A path as the system has it, which on Unix is any bytes.
///
/// # Errors
///
/// [`Error::Name`](crate::Error::Name) where names are Unicode and this is none.
#[cfg(unix)]
pub fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

/// A path as the system has it, which on Unix is any bytes.
///
/// # Errors
///
/// [`Error::Name`](crate::Error::Name) where names are Unicode and this is none.
#[cfg(not(unix))]
pub fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf> {
    let wrong = |_| Error::Name { name: String::from_utf8_lossy(bytes).into_owned() };
    Ok(str::from_utf8(bytes).map_err(wrong)?.into())
}
