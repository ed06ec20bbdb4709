//! A block of coefficients becomes fewer samples than it has.
//!
//! The lowest `n` frequencies of a row of 8 samples, put together by the cosines of `n` samples
//! instead of 8, are that row at `n` / 8 of its length, without what `n` samples cannot show.

use super::bits::{Bits, Next};
use super::frame::{Channel, PLACES};

/// Reads a block whose mean differs from the one given, and writes its samples into rows of a
/// stride. Nothing where the data makes no sense.
pub(super) type Read = fn(&Channel, &mut Bits<'_>, &mut i32, &mut [u8], usize) -> Option<()>;

/// For blocks that come out at so many samples, to the right and downwards: those of the usual
/// samplings.
pub(super) fn reader(size: [usize; 2]) -> Option<Read> {
    Some(match size {
        [1, 1] => read::<1, 1>,
        [1, 2] => read::<1, 2>,
        [2, 1] => read::<2, 1>,
        [2, 2] => read::<2, 2>,
        [2, 4] => read::<2, 4>,
        [4, 2] => read::<4, 2>,
        [4, 4] => read::<4, 4>,
        [4, 8] => read::<4, 8>,
        [8, 4] => read::<8, 4>,
        [8, 8] => read::<8, 8>,
        _ => return None,
    })
}

fn read<const W: usize, const H: usize>(
    channel: &Channel,
    bits: &mut Bits<'_>,
    mean: &mut i32,
    samples: &mut [u8],
    stride: usize,
) -> Option<()> {
    let mut block = [[0.0; 8]; H];
    // A sum of differences that no picture has must not run over.
    *mean = (*mean + channel.means.difference(bits)?).clamp(-(1 << 15), 1 << 15);
    block[0][0] = *mean as f32 * channel.steps[0];
    let (mut at, mut flat) = (1, true);
    while at < 64 {
        match channel.others.next(bits)? {
            Next::Value(zeros, value) => {
                at += zeros;
                let place = usize::from(*PLACES.get(at)?);
                if let Some(row) = block.get_mut(place / 8) {
                    row[place % 8] = value as f32 * channel.steps[at];
                    flat = false;
                }
                at += 1;
            }
            Next::Zeros => at += 16,
            Next::End => break,
        }
    }
    let rows = samples.chunks_mut(stride).filter_map(|row| row.first_chunk_mut::<W>());
    if flat {
        let level = level(block[0][0] / 8.0);
        rows.take(H).for_each(|row| *row = [level; W]);
    } else {
        rows.zip(inverse::<W, H>(&block)).for_each(|(row, samples)| *row = samples.map(level));
    }
    Some(())
}

/// The inverse of section A.3.3, for fewer samples; the mean of all stays what it is.
fn inverse<const W: usize, const H: usize>(block: &[[f32; 8]; H]) -> [[f32; W]; H] {
    let mut columns = [[0.0; W]; H];
    for (coefficients, cosines) in block.iter().zip(const { &cosines::<H>() }) {
        for (column, cosine) in columns.iter_mut().zip(cosines) {
            let terms = column.iter_mut().zip(coefficients);
            terms.for_each(|(sum, coefficient)| *sum += cosine * coefficient);
        }
    }
    columns.map(|columns| {
        let mut row = [0.0; W];
        for (column, cosines) in columns.iter().zip(const { &cosines::<W>() }) {
            row.iter_mut().zip(cosines).for_each(|(sum, cosine)| *sum += column * cosine);
        }
        row
    })
}

/// Samples are stored less 128; the cast cuts off what is below 0 or beyond 255.
fn level(sample: f32) -> u8 {
    (sample + 128.5) as u8
}

/// What each frequency adds to each of `N` samples.
const fn cosines<const N: usize>() -> [[f32; N]; N] {
    let mut table = [[0.0; N]; N];
    let mut frequency = 0;
    while frequency < N {
        let mut place = 0;
        while place < N {
            // In sixteenths of half a turn.
            let angle = (2 * place + 1) * frequency * (8 / N);
            table[frequency][place] =
                if frequency == 0 { 0.353_553_39 } else { 0.5 * cosine(angle) };
            place += 1;
        }
        frequency += 1;
    }
    table
}

/// The cosine of so many sixteenths of half a turn.
const fn cosine(angle: usize) -> f32 {
    const QUARTER: [f32; 9] = [
        1.0,
        0.980_785_28,
        0.923_879_5,
        0.831_469_6,
        0.707_106_77,
        0.555_570_24,
        0.382_683_43,
        0.195_090_32,
        0.0,
    ];
    match angle % 32 {
        angle @ 0..=8 => QUARTER[angle],
        angle @ 9..=16 => -QUARTER[16 - angle],
        angle @ 17..=24 => -QUARTER[angle - 16],
        angle => QUARTER[32 - angle],
    }
}
