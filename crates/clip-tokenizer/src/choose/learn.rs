//! Learning merges: the most frequent two neighbors become one, over and over (Sennrich et al. 2016,
//! arXiv:1508.07909). The trainer of the crate `tokenizers` begins with characters and cannot go on from
//! merges that are there.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::{Candidates, Word};

/// Longer tokens are not learned; those of a checkpoint may have 256 bytes.
const LONGEST: usize = 128;

type Pair = [u32; 2];

/// The neighbors in all words.
#[derive(Default)]
struct Neighbors {
    weights: HashMap<Pair, u64>,
    /// Words that have had them.
    places: HashMap<Pair, Vec<usize>>,
    /// The heaviest first. A pair that became lighter stands there with its old weight too, one that became
    /// heavier with both.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Neighbors {
    fn of(words: &[Word]) -> Self {
        let mut neighbors = Self::default();
        for (place, word) in words.iter().enumerate() {
            for pair in word.symbols.array_windows() {
                *neighbors.weights.entry(*pair).or_default() += word.weight;
                neighbors.places.entry(*pair).or_default().push(place);
            }
        }
        let weights = neighbors.weights.iter();
        neighbors.queue = weights.map(|(pair, weight)| (*weight, Reverse(*pair))).collect();
        neighbors
    }

    /// The heaviest pair.
    fn pop(&mut self) -> Option<Pair> {
        loop {
            let (weight, Reverse(pair)) = self.queue.pop()?;
            let now = self.weights.get(&pair).copied().unwrap_or_default();
            if weight == now && now > 0 {
                return Some(pair);
            }
            if weight > now && now > 0 {
                self.queue.push((now, Reverse(pair)));
            }
        }
    }

    /// Makes one of two neighbors in all words that have them, and gives the weight of these.
    fn merge(&mut self, words: &mut [Word], pair: Pair, merged: u32) -> u64 {
        let mut places = self.places.remove(&pair).unwrap_or_default();
        places.dedup();
        let mut changed = HashSet::new();
        let mut usage = 0;
        for place in places {
            let Word { symbols, weight } = &mut words[place];
            if !symbols.array_windows().any(|found| *found == pair) {
                continue;
            }
            usage += *weight;
            for pair in symbols.array_windows() {
                *self.weights.entry(*pair).or_default() -= *weight;
            }
            merge(symbols, pair, merged);
            for pair in symbols.array_windows() {
                *self.weights.entry(*pair).or_default() += *weight;
                if pair.contains(&merged) {
                    self.places.entry(*pair).or_default().push(place);
                    changed.insert(*pair);
                }
            }
        }
        let heavier = changed.into_iter().map(|pair| (self.weights[&pair], Reverse(pair)));
        self.queue.extend(heavier);
        usage
    }
}

/// Learns up to `count` merges on words whose symbols are ids of `candidates`, and adds them there. Two
/// that make the text of a token that there is already are never merged: a text has one id.
pub(super) fn learn(words: &mut [Word], candidates: &mut Candidates, count: usize) {
    let mut neighbors = Neighbors::of(words);
    for _ in 0..count {
        let new =
            |pair: &Pair| candidates.new_text(*pair).is_some_and(|text| text.len() <= LONGEST);
        let Some(pair) = std::iter::from_fn(|| neighbors.pop()).find(new) else { return };
        let merged = candidates.tokens.len() as u32;
        let usage = neighbors.merge(words, pair, merged);
        candidates.add(pair, usage);
    }
}

/// Puts one symbol in the place of each two, from the left.
pub(super) fn merge(symbols: &mut Vec<u32>, pair: Pair, merged: u32) {
    let (mut from, mut to) = (0, 0);
    while from < symbols.len() {
        let found = symbols[from..].starts_with(&pair);
        symbols[to] = if found { merged } else { symbols[from] };
        from += if found { 2 } else { 1 };
        to += 1;
    }
    symbols.truncate(to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_merged_from_the_left() {
        let mut symbols = vec![1, 1, 1, 2, 1, 1];
        merge(&mut symbols, [1, 1], 9);
        assert_eq!(symbols, [9, 1, 2, 9]);
        merge(&mut symbols, [2, 9], 8);
        assert_eq!(symbols, [9, 1, 8]);
        merge(&mut Vec::new(), [1, 1], 9);
    }

    /// What is kept up to date pair by pair is what counting anew gives.
    #[test]
    fn weights_stay_those_of_the_words() {
        let word = |symbols: &[u32], weight| Word { symbols: symbols.to_vec(), weight };
        let mut words =
            [word(&[1, 2, 3, 1, 2], 3), word(&[1, 1, 1], 5), word(&[2, 3, 1, 2], 2), word(&[1], 9)];
        let mut neighbors = Neighbors::of(&words);
        let mut learned = Vec::new();
        let mut next = 10;
        while let Some(pair) = neighbors.pop() {
            learned.push((pair, neighbors.merge(&mut words, pair, next)));
            next += 1;
            let anew = Neighbors::of(&words);
            neighbors.weights.retain(|_, weight| *weight > 0);
            assert_eq!(neighbors.weights, anew.weights);
        }
        // (1, 1) weighs 10, for it is twice in its word; (1, 2) 8.
        let expected =
            [([1, 1], 5), ([1, 2], 5), ([3, 11], 5), ([10, 1], 5), ([11, 12], 3), ([2, 12], 2)];
        assert_eq!(learned, expected);
        assert!(words.iter().all(|word| word.symbols.len() == 1));
    }
}
