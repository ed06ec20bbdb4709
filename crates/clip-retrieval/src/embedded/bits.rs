//! Rows of a segment, as a set.

/// A set of numbers below a length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    length: usize,
}

const WORD: usize = u64::BITS as usize;

impl Bits {
    /// None of `length` numbers.
    pub(super) fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(WORD)], length }
    }

    /// What [`Self::to_bytes`] gave; none for bytes of another length.
    pub(super) fn from_bytes(bytes: &[u8], length: usize) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        let fits = rest.is_empty() && words.len() == length.div_ceil(WORD);
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        fits.then_some(Self { words, length })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(super) fn insert(&mut self, number: usize) {
        assert!(number < self.length, "{number} of {}", self.length);
        self.words[number / WORD] |= 1 << (number % WORD);
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.words.get(number / WORD).is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// All that are not in it.
    pub(super) fn inverted(&self) -> Self {
        let mut words: Vec<u64> = self.words.iter().map(|word| !word).collect();
        if let Some(last) = words.last_mut().filter(|_| !self.length.is_multiple_of(WORD)) {
            *last &= (1 << (self.length % WORD)) - 1;
        }
        Self { words, length: self.length }
    }

    /// The numbers in it, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(i, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                (left != 0).then(|| {
                    left &= left - 1;
                    i * WORD + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_what_was_put_in() {
        for length in [0, 1, 63, 64, 65, 200] {
            let mut bits = Bits::none(length);
            let odd: Vec<usize> = (0..length).filter(|i| i % 3 == 1).collect();
            odd.iter().for_each(|i| bits.insert(*i));
            assert_eq!(bits.iter().collect::<Vec<_>>(), odd);
            assert_eq!(bits.count(), odd.len());
            assert!((0..length + 70).all(|i| bits.has(i) == (i < length && i % 3 == 1)));
            let rest: Vec<usize> = (0..length).filter(|i| i % 3 != 1).collect();
            assert_eq!(bits.inverted().iter().collect::<Vec<_>>(), rest);
            assert_eq!(Bits::from_bytes(&bits.to_bytes(), length), Some(bits));
        }
        assert_eq!(Bits::from_bytes(&[0; 7], 8), None);
        assert_eq!(Bits::from_bytes(&[0; 16], 64), None);
    }
}
