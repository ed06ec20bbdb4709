//! The pieces whose scores have the largest sum.
//!
//! Viterbi's algorithm as SentencePiece runs it (`Model::EncodeOptimized` in
//! <https://github.com/google/sentencepiece/blob/v0.2.3/src/unigram_model.cc>), and the crate
//! `tokenizers` after it: the best path to a place is known before a piece begins there. Many paths
//! are equally good (`aaa` is `a` and `aa` or `aa` and `a`), and then rounding chooses; so the
//! arithmetic has to be that of the reference. The crate has only its own, and a tree of hash tables
//! that is slow to build.

/// What an unknown character costs more than the least likely piece (`kUnkPenalty`).
const UNKNOWN_PENALTY: f64 = 10.0;

/// In what the sums are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sums {
    /// `f32`, as SentencePiece (0.2.1 still compares in `f64`).
    Single,
    /// `f64`, as `tokenizers`.
    Double,
}

impl Sums {
    fn round(self, sum: f64) -> f64 {
        match self {
            Self::Single => f64::from(sum as f32),
            Self::Double => sum,
        }
    }
}

/// Texts to pieces.
pub(super) struct Unigram {
    /// Sorted by their bytes.
    pieces: Vec<Piece>,
    unknown: u32,
    unknown_score: f64,
    sums: Sums,
}

struct Piece {
    text: Box<str>,
    id: u32,
    score: f64,
}

/// The best way to a place in the text.
#[derive(Clone, Copy)]
struct Path {
    sum: f64,
    id: u32,
    /// Where its last piece begins.
    start: usize,
}

impl Unigram {
    /// Makes words of `pieces`, each a text, an id and a score.
    pub(super) fn new<'a>(
        pieces: impl Iterator<Item = (&'a str, u32, f64)>,
        unknown: u32,
        sums: Sums,
    ) -> Self {
        let mut pieces: Vec<Piece> =
            pieces.map(|(text, id, score)| Piece { text: text.into(), id, score }).collect();
        pieces.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        let least = pieces.iter().map(|piece| piece.score).fold(f64::INFINITY, f64::min);
        let unknown_score = sums.round(least - UNKNOWN_PENALTY);
        Self { pieces, unknown, unknown_score, sums }
    }

    /// The ids of the best pieces. Unknown characters beside each other are one.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut paths: Vec<Option<Path>> = vec![None; text.len() + 1];
        for (start, c) in text.char_indices() {
            // Every character has a way through it.
            let before = paths[start].map_or(0.0, |path| path.sum);
            let mut offer = |length: usize, id, sum| {
                let (best, sum) = (&mut paths[start + length], self.sums.round(sum));
                if best.is_none_or(|best| sum > best.sum) {
                    *best = Some(Path { sum, id, start });
                }
            };
            let mut is_known = false;
            for piece in self.beginnings(&text[start..]) {
                offer(piece.text.len(), piece.id, piece.score + before);
                is_known |= piece.text.len() == c.len_utf8();
            }
            if !is_known {
                offer(c.len_utf8(), self.unknown, self.unknown_score + before);
            }
        }
        let mut ids = Vec::new();
        let mut end = text.len();
        while let Some(path) = paths[end] {
            if path.id != self.unknown || ids.last() != Some(&self.unknown) {
                ids.push(path.id);
            }
            end = path.start;
        }
        ids.reverse();
        ids
    }

    /// The pieces that `text` begins with, shortest first.
    fn beginnings(&self, text: &str) -> impl Iterator<Item = &Piece> {
        let mut range = self.pieces.as_slice();
        text.bytes()
            .enumerate()
            .map_while(move |(depth, byte)| {
                // All in the range begin with the bytes before.
                let at = |piece: &Piece| piece.text.as_bytes().get(depth).copied();
                range = &range[range.partition_point(|piece| at(piece) < Some(byte))..];
                range = &range[..range.partition_point(|piece| at(piece) == Some(byte))];
                range.first().map(|first| (first.text.len() == depth + 1).then_some(first))
            })
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unigram(sums: Sums) -> Unigram {
        let pieces =
            [("a", -1.0), ("b", -2.0), ("ab", -2.5), ("abc", -2.75), ("d", -3.0), ("aa", -1.5)];
        let pieces = pieces.into_iter().zip(1..).map(|((text, score), id)| (text, id, score));
        Unigram::new(pieces, 0, sums)
    }

    #[test]
    fn the_likeliest_pieces_are_found() {
        for sums in [Sums::Single, Sums::Double] {
            let unigram = unigram(sums);
            assert_eq!(unigram.encode("ab"), [3]);
            assert_eq!(unigram.encode("abc"), [4]);
            assert_eq!(unigram.encode("bd"), [2, 5]);
            assert_eq!(unigram.encode("aaab"), [6, 3]);
            assert_eq!(unigram.encode(""), [0; 0]);
        }
    }

    #[test]
    fn unknown_characters_beside_each_other_are_one() {
        let unigram = unigram(Sums::Double);
        assert_eq!(unigram.encode("é"), [0]);
        assert_eq!(unigram.encode("aéüb犬"), [1, 0, 2, 0]);
        // The beginning of a piece is no piece.
        assert_eq!(unigram.encode("c"), [0]);
    }

    #[test]
    fn of_equal_ways_the_first_stays() {
        let pieces = [("a", 0, 0.1), ("aa", 1, 0.2)];
        let encode = |sums| Unigram::new(pieces.into_iter(), 2, sums).encode("aa");
        assert_eq!(encode(Sums::Double), [1]);
        assert_eq!(encode(Sums::Single), [1]);
    }
}
