//! The boxes that the container of HEIF is made of (ISO/IEC 14496-12, 4.2).

/// The content of the first box of that name.
pub(crate) fn child<'a>(mut bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    while let Some((name, content, next)) = first(bytes) {
        if name == wanted {
            return Some(content);
        }
        bytes = next;
    }
    None
}

/// Name and content of the first box, and what follows it.
pub(crate) fn first(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, length) = head(bytes)?;
    let (all, next) = bytes.split_at_checked(length?)?;
    let is_long = bytes.starts_with(&[0, 0, 0, 1]);
    Some((name, all.get(if is_long { 16 } else { 8 }..)?, next))
}

/// Name and length of the first box, if the length makes sense (ISO/IEC 14496-12, 4.2).
pub(super) fn head(bytes: &[u8]) -> Option<(&[u8; 4], Option<usize>)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let length = match (u32::from_be_bytes(*length), rest.first_chunk::<8>()) {
        // To the end.
        (0, _) => Some(bytes.len()),
        (1, length) => length.and_then(|length| u64::from_be_bytes(*length).try_into().ok()),
        (length, _) => length.try_into().ok(),
    };
    Some((name, length.filter(|length| *length >= 8)))
}
