//! The bits of a scan and the codes in them (ITU-T T.81, annexes C and F).

/// Codes up to this length are found in a table.
const LOOKUP: u32 = 12;

/// The longest code.
const LONGEST: u32 = 16;

/// Compressed data, read bit by bit from the upper end of `window`.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    window: u64,
    /// Bits in the window.
    count: u32,
    /// How many of those that were ever there stand for data behind a marker.
    missing: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, window: 0, count: 0, missing: 0 }
    }

    /// At least 32 bits, zeros where the data ends: the longest code and the longest number.
    #[inline(always)]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(word) = self.data.first_chunk::<8>().map(|word| u64::from_be_bytes(*word)) {
            // No byte is 0xFF: none of the inverted is 0.
            let inverted = !word;
            let zeros = inverted.wrapping_sub(0x0101_0101_0101_0101) & !inverted;
            if zeros & 0x8080_8080_8080_8080 == 0 {
                let bytes = (64 - self.count) / 8;
                self.window |= word >> self.count;
                self.count += 8 * bytes;
                // Bits of a byte that is not counted come again.
                self.window &= !0 << (64 - self.count).min(63);
                self.data = &self.data[bytes as usize..];
                return;
            }
        }
        self.fill_slowly();
    }

    #[cold]
    fn fill_slowly(&mut self) {
        while self.count <= 56 {
            let byte = match self.data {
                [0xFF, 0, rest @ ..] => {
                    self.data = rest;
                    0xFF
                }
                [byte, rest @ ..] if *byte != 0xFF => {
                    self.data = rest;
                    *byte
                }
                _ => {
                    self.missing += 8;
                    0
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    #[inline(always)]
    fn peek(&self, bits: u32) -> usize {
        (self.window >> (64 - bits)) as usize
    }

    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.window <<= bits;
        self.count -= bits;
    }

    /// A number of so many bits, as `EXTEND` of F.2.2.1 has it.
    #[inline(always)]
    fn number(&mut self, bits: u32) -> i32 {
        if bits == 0 {
            return 0;
        }
        let value = self.peek(bits) as i32;
        self.skip(bits);
        extend(value, bits)
    }

    /// Whether all bits so far were there.
    pub(super) fn is_whole(&self) -> bool {
        self.missing <= self.count
    }

    /// Goes on behind a restart mark; nothing where there is none.
    pub(super) fn restart(&mut self) -> Option<()> {
        let padding = self.count.checked_sub(self.missing)?;
        match self.data {
            [0xFF, 0xD0..=0xD7, rest @ ..] if padding < 8 => {
                *self = Self::new(rest);
                Some(())
            }
            _ => None,
        }
    }
}

/// Lower numbers are negative ones, less their range.
fn extend(value: i32, bits: u32) -> i32 {
    if value >> (bits - 1) == 0 { value - (1 << bits) + 1 } else { value }
}

/// A code and the number behind it, where both fit [`LOOKUP`] bits.
#[derive(Debug, Clone, Copy, Default)]
struct Short {
    value: i16,
    run: u8,
    /// Bits of both; 0 where they do not fit.
    length: u8,
}

/// One table of codes.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    /// The symbol and the length of the code that some bits begin with; 0 where it is longer.
    symbols: [(u8, u8); 1 << LOOKUP],
    short: [Short; 1 << LOOKUP],
    /// Of each length: one more than the last code, and what makes a code the place of its symbol.
    longer: [(u32, i32); LONGEST as usize + 1],
    values: Vec<u8>,
}

/// What comes next in a block.
pub(super) enum Next {
    /// A coefficient other than 0, after so many that are.
    Value(usize, i32),
    /// Sixteen coefficients of 0.
    Zeros,
    /// Nothing but 0 to the end of the block.
    End,
}

impl Codes {
    /// From the number of codes of each length and their symbols; nothing where those are too many
    /// for codes of that length.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut symbols = [(0, 0); 1 << LOOKUP];
        let mut longer = [(0, 0); LONGEST as usize + 1];
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, count) in (1..=LONGEST).zip(counts) {
            longer[length as usize].1 = place as i32 - code as i32;
            for value in values.get(place..place + usize::from(*count))? {
                if length <= LOOKUP {
                    let first = (code as usize) << (LOOKUP - length);
                    let all = first..first + (1 << (LOOKUP - length));
                    symbols.get_mut(all)?.fill((*value, length as u8));
                }
                code += 1;
            }
            place += usize::from(*count);
            if code > 1 << length {
                return None;
            }
            longer[length as usize].0 = code;
            code <<= 1;
        }
        let short = std::array::from_fn(|bits| Short::new(bits, symbols[bits]));
        Some(Self { short, symbols, longer, values: values.to_vec() })
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (symbol, length) = self.symbols[bits.peek(LOOKUP)];
        if length > 0 {
            bits.skip(length.into());
            return Some(symbol);
        }
        for length in LOOKUP + 1..=LONGEST {
            let code = bits.peek(length);
            let (end, shift) = self.longer[length as usize];
            if code < end as usize {
                bits.skip(length);
                return self.values.get(usize::try_from(code as i32 + shift).ok()?).copied();
            }
        }
        None
    }

    /// What a block's mean differs by from that of the block before.
    pub(super) fn difference(&self, bits: &mut Bits<'_>) -> Option<i32> {
        bits.fill();
        match self.symbol(bits)? {
            size @ 0..=11 => Some(bits.number(size.into())),
            _ => None,
        }
    }

    /// What comes next in a block.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Option<Next> {
        bits.fill();
        let short = self.short[bits.peek(LOOKUP)];
        if short.length > 0 {
            bits.skip(short.length.into());
            return Some(Next::Value(short.run.into(), short.value.into()));
        }
        let symbol = self.symbol(bits)?;
        match (symbol >> 4, symbol & 15) {
            (15, 0) => Some(Next::Zeros),
            (_, 0) => Some(Next::End),
            (run, size) => Some(Next::Value(run.into(), bits.number(size.into()))),
        }
    }
}

impl Short {
    fn new(bits: usize, (symbol, length): (u8, u8)) -> Self {
        let (run, size) = (symbol >> 4, u32::from(symbol & 15));
        let both = u32::from(length) + size;
        if length == 0 || size == 0 || both > LOOKUP {
            return Self::default();
        }
        let value = bits >> (LOOKUP - both) & ((1 << size) - 1);
        Self { value: extend(value as i32, size) as i16, run, length: both as u8 }
    }
}
