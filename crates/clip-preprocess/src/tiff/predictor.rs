//! Samples that were stored as differences (TIFF 6.0, section 14; Adobe's third technical note on
//! Photoshop's files).

use super::directory::ByteOrder;
use super::header::Header;

/// Makes samples of the differences to those of the pixel before.
pub(super) fn add(rows: &mut [u8], row: usize, header: &Header) {
    let stride = header.samples_together();
    let size = usize::from(header.samples.bits / 8);
    for row in rows.chunks_exact_mut(row) {
        match (size, header.samples.order) {
            (1, _) => {
                (stride..row.len()).for_each(|i| row[i] = row[i].wrapping_add(row[i - stride]))
            }
            (size, order) => add_wide(row, stride * size, size, order),
        }
    }
}

fn add_wide(row: &mut [u8], stride: usize, size: usize, order: ByteOrder) {
    for at in (stride..row.len()).step_by(size) {
        let before = order.integer(&row[at - stride..][..size]);
        let sum = order.integer(&row[at..][..size]).wrapping_add(before);
        write(sum, order, &mut row[at..][..size]);
    }
}

/// Makes floats of the differences of bytes, which lie with all the highest first.
pub(super) fn join(rows: &mut [u8], row: usize, header: &Header) {
    let stride = header.samples_together();
    let size = usize::from(header.samples.bits / 8);
    let count = row / size;
    let mut bytes = vec![0; row];
    for row in rows.chunks_exact_mut(row) {
        (stride..row.len()).for_each(|i| row[i] = row[i].wrapping_add(row[i - stride]));
        bytes.copy_from_slice(row);
        for (i, float) in row.chunks_exact_mut(size).enumerate() {
            let value = (0..size).fold(0, |sum, k| sum << 8 | u64::from(bytes[k * count + i]));
            write(value, header.samples.order, float);
        }
    }
}

/// The lowest bytes of an integer.
fn write(integer: u64, order: ByteOrder, bytes: &mut [u8]) {
    let size = bytes.len();
    match order {
        ByteOrder::Little => bytes.copy_from_slice(&integer.to_le_bytes()[..size]),
        ByteOrder::Big => bytes.copy_from_slice(&integer.to_be_bytes()[8 - size..]),
    }
}
