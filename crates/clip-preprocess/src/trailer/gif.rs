//! The blocks of a GIF's frame end with one of no bytes, and the file with a mark (GIF89a, 15 and 27).

use crate::indexed::{after_blocks, gif_table};

const END: &[u8] = b"\0;";

/// Where the file ends behind a block of the first frame, and not in the midst of one.
pub(super) fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.get(13 + gif_table(*bytes.get(10)?)..)?;
    loop {
        match *rest {
            [b'!', _, ref blocks @ ..] => rest = after_blocks(blocks)?,
            [b',', _, _, _, _, _, _, _, _, flags, ref after @ ..] => {
                // A byte on the codes comes before the blocks.
                let mut blocks = after.get(gif_table(flags) + 1..)?;
                while let Some((&length @ 1.., after)) = blocks.split_first() {
                    blocks = after.get(usize::from(length)..)?;
                }
                return blocks.is_empty().then(|| [bytes, END].concat());
            }
            _ => return None,
        }
    }
}
