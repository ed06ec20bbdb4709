//! What is said ahead of the compressed data (ITU-T T.81, annex B).

use super::bits::Codes;
use crate::jpeg::markers::walk;

/// The place of each coefficient of a block, in the order of the data (figure A.6).
pub(super) const PLACES: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A picture of one scan and 8 bits, gray or in the colors of JFIF.
pub(crate) struct Frame<'a> {
    /// Width and height.
    pub(crate) size: (u32, u32),
    pub(super) channels: Vec<Channel>,
    /// Groups of blocks between two restart marks; 0 where there are none.
    pub(super) restart: usize,
    /// The compressed data.
    pub(super) data: &'a [u8],
}

/// One of the channels.
pub(super) struct Channel {
    /// Blocks in a group, to the right and downwards.
    pub(super) blocks: [usize; 2],
    /// What each coefficient is multiplied with, in the order of the data.
    pub(super) steps: [f32; 64],
    pub(super) means: Codes,
    pub(super) others: Codes,
}

/// What the segments have defined so far.
#[derive(Default)]
struct Tables {
    steps: [Option<[f32; 64]>; 4],
    means: [Option<Codes>; 4],
    others: [Option<Codes>; 4],
    restart: usize,
}

impl<'a> Frame<'a> {
    /// Reads up to the compressed data; nothing where that is of a kind that is not read here.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut tables = Tables::default();
        let mut frame: Option<&[u8]> = None;
        for (marker, content, rest) in walk(bytes) {
            match marker {
                0xDB => tables.read_steps(content)?,
                0xC4 => tables.read_codes(content)?,
                0xDD => tables.restart = usize::from(number(content, 0)?),
                0xC0 | 0xC1 => frame = Some(content),
                0xC2..=0xCF => return None,
                // Adobe's note on the colors: 1 stands for those of JFIF.
                0xEE if content.starts_with(b"Adobe") && content.get(11) != Some(&1) => {
                    return None;
                }
                0xDA => return tables.frame(frame?, content, rest),
                _ => {}
            }
        }
        None
    }
}

impl Tables {
    /// Section B.2.4.1.
    fn read_steps(&mut self, mut content: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = content {
            let wide = usize::from(kind >> 4);
            let steps = rest.get(..64 << wide)?;
            let step = |i| match wide {
                0 => f32::from(steps[i]),
                _ => f32::from(u16::from_be_bytes([steps[2 * i], steps[2 * i + 1]])),
            };
            *self.steps.get_mut(usize::from(kind & 15))? = Some(std::array::from_fn(step));
            content = &rest[64 << wide..];
        }
        Some(())
    }

    /// Section B.2.4.2.
    fn read_codes(&mut self, mut content: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = content {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|count| usize::from(*count)).sum();
            let codes = Codes::new(counts, rest.get(..total)?)?;
            let kinds = if kind >> 4 == 0 { &mut self.means } else { &mut self.others };
            *kinds.get_mut(usize::from(kind & 15))? = Some(codes);
            content = &rest[total..];
        }
        Some(())
    }

    /// Sections B.2.2 and B.2.3.
    fn frame<'a>(&self, frame: &[u8], scan: &[u8], data: &'a [u8]) -> Option<Frame<'a>> {
        let [8, _, _, _, _, count @ (1 | 3), described @ ..] = frame else { return None };
        let [in_scan, used @ ..] = scan else { return None };
        let (described, []) = described.as_chunks::<3>() else { return None };
        let count = usize::from(*count);
        if usize::from(*in_scan) != count || described.len() != count {
            return None;
        }
        // All coefficients with all their bits, of channels 1, 2 and 3 in this order.
        let (used, [0, 63, 0]) = used.split_at_checked(2 * count)? else { return None };
        let (used, _) = used.as_chunks::<2>();
        let colors = count == 1 || described.iter().map(|[name, ..]| *name).eq(1..=3);
        if !colors || !described.iter().zip(used).all(|([name, ..], [used, _])| name == used) {
            return None;
        }
        let channel = |([_, blocks, steps], [_, codes]): (&[u8; 3], &[u8; 2])| {
            // A channel alone has no groups.
            let blocks = if count == 1 { [1; 2] } else { [blocks >> 4, blocks & 15] };
            Some(Channel {
                blocks: blocks.map(usize::from),
                steps: (*self.steps.get(usize::from(*steps))?)?,
                means: self.means.get(usize::from(codes >> 4))?.clone()?,
                others: self.others.get(usize::from(codes & 15))?.clone()?,
            })
        };
        Some(Frame {
            size: (number(frame, 3)?.into(), number(frame, 1)?.into()),
            channels: described.iter().zip(used).map(channel).collect::<Option<_>>()?,
            restart: self.restart,
            data,
        })
    }
}

fn number(content: &[u8], at: usize) -> Option<u16> {
    let bytes = content.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}
