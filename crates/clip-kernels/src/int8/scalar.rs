//! The microkernel in plain Rust.

use crate::Prefetch;

/// Columns of a panel.
const COLUMNS: usize = 16;

/// Values along the inner axis that stand together.
const GROUP: usize = 2;

/// Writes the sums of rows by a panel.
///
/// # Panics
///
/// Where the sizes do not fit.
pub(super) fn multiply(rows: &[i16], panel: &[i8], prefetch: Prefetch, sums: &mut [i32]) {
    let length = panel.len() / COLUMNS;
    let (sums, rest) = sums.as_chunks_mut::<COLUMNS>();
    assert!(rest.is_empty() && rows.len() == sums.len() * length, "rows of a product");
    let (panel, _) = panel.as_chunks::<{ COLUMNS * GROUP }>();
    let stride = prefetch.stride(panel.len());
    for (number, (row, out)) in rows.chunks_exact(length).zip(sums).enumerate() {
        let mut sums = [0; COLUMNS];
        let (groups, _) = row.as_chunks::<GROUP>();
        for (step, ([first, second], weights)) in groups.iter().zip(panel).enumerate() {
            if number == 0 {
                prefetch.hint(step * stride);
            }
            for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<GROUP>().0) {
                *sum += i32::from(*first) * i32::from(weights[0])
                    + i32::from(*second) * i32::from(weights[1]);
            }
        }
        *out = sums;
    }
}
