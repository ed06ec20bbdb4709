//! Digests as text.

/// A digest in lower-case hexadecimal, as it is written everywhere.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
