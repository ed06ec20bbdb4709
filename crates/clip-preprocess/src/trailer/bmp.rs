//! The rows of BMP are filled up to four bytes, the last one too; run lengths end with a mark.

use crate::bmp::{Compression, Header};

/// The mark behind the last run.
const END: [u8; 2] = [0, 1];

pub(super) fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = Header::new(bytes)?;
    let pixels = bytes.get(header.pixels..)?;
    let missing: &[u8] = match header.compression {
        Compression::None => {
            let bits = u64::from(header.width) * u64::from(header.bits);
            let stride = bits.div_ceil(32) * 4;
            let size = stride.checked_mul(header.height.into())?;
            let filling = stride - bits.div_ceil(8);
            let missing = size.checked_sub(pixels.len() as u64)?;
            if missing == 0 || missing > filling {
                return None;
            }
            &[0; 4][..missing as usize]
        }
        Compression::Rle8 | Compression::Rle4 => missing_end(pixels, &header)?,
    };
    Some([bytes, missing].concat())
}

/// What is missing of the mark, where runs go to the last pixel and no further.
fn missing_end(mut runs: &[u8], header: &Header) -> Option<&'static [u8]> {
    let (mut x, mut y) = (0, 0);
    let is_last = |x: u64, y: u64| {
        let (width, height) = (u64::from(header.width), u64::from(header.height));
        y >= height || (y + 1 == height && x >= width)
    };
    loop {
        runs = match *runs {
            [0, 0, ref rest @ ..] => {
                (x, y) = (0, y + 1);
                rest
            }
            [0, 2, right, down, ref rest @ ..] => {
                (x, y) = (x + u64::from(right), y + u64::from(down));
                rest
            }
            [0, count @ 3..=u8::MAX, ref rest @ ..] => {
                x += u64::from(count);
                let bytes = match header.compression {
                    Compression::Rle4 => usize::from(count).div_ceil(2),
                    _ => usize::from(count),
                };
                rest.get(bytes.next_multiple_of(2)..)?
            }
            [count @ 1..=u8::MAX, _, ref rest @ ..] => {
                x += u64::from(count);
                rest
            }
            [] => return is_last(x, y).then_some(&END),
            [0] => return is_last(x, y).then_some(&END[1..]),
            // The mark is there, or a run is not whole.
            _ => return None,
        };
    }
}
