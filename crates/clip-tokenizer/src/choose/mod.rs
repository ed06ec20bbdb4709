//! Merges that fit given texts.
//!
//! CLIP's 48,894 merges are for captions of all kinds, and of most no given texts make use: with as many
//! ids, a model spells its texts in fewer pieces if it has the merges that they need. Other languages need
//! some that CLIP does not have. So words are spelled by all of CLIP's merges first, further ones are
//! learned on what is left (`learn.rs`), and those that are used most stay, in CLIP's order and then in the
//! order learned.

mod learn;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use clip_checkpoint::{SubwordModel, Subwords, TokenizerMode};

use crate::bpe::{self, BYTE_SYMBOLS};
use crate::words::{Piece, WordSplitter};
use crate::{Error, Result, clean};

/// All weights together come to less than 2 to the power of this. In whole numbers no sum depends on its
/// order.
const TOTAL_BITS: f64 = 40.0;

/// A word on its way from bytes to larger pieces.
struct Word {
    symbols: Vec<u32>,
    weight: u64,
}

/// Chooses as many merges as asked for, so that texts of this kind have few pieces: of a list of texts with
/// weights, such as how often each is used. The ids are those of [`SubwordModel::ByteLevel`], and any other
/// text has ids too. The same texts in the same order always give the same merges.
///
/// Where the texts need fewer merges, the rest are CLIP's first.
///
/// # Errors
///
/// [`Error::OtherVocabulary`] for a mode that does not split texts into words, [`Error::FewMerges`] where
/// more are asked for than CLIP has and the texts give.
pub fn choose_vocabulary<'a>(
    mode: TokenizerMode,
    texts: impl IntoIterator<Item = (&'a str, f64)>,
    merges: usize,
) -> Result<Subwords<'static>> {
    if !mode.splits_words() {
        return Err(Error::OtherVocabulary { mode });
    }
    let mut candidates = Candidates::of_clip();
    let mut words = weighted(words(mode, texts));
    candidates.spell(&mut words);
    learn::learn(&mut words, &mut candidates, merges);
    let chosen = candidates.most_used(merges)?;
    let (tokens, spelled) = (Vec::new(), Vec::new());
    Ok(Subwords { tokens, spelled, model: SubwordModel::ByteLevel(chosen) })
}

/// The words of texts, and the sum of their weights.
fn words<'a>(
    mode: TokenizerMode,
    texts: impl IntoIterator<Item = (&'a str, f64)>,
) -> BTreeMap<String, f64> {
    let splitter = WordSplitter::new(mode);
    let mut words = BTreeMap::new();
    for (text, weight) in texts {
        if !(weight > 0.0 && weight.is_finite()) {
            continue;
        }
        let text = match mode {
            TokenizerMode::Hf => clean::hf(text),
            _ => clean::openai(text),
        };
        for piece in splitter.split(&text) {
            if let Piece::Word(word) = piece {
                *words.entry(word.to_owned()).or_default() += weight;
            }
        }
    }
    words
}

/// The words as their bytes.
fn weighted(words: BTreeMap<String, f64>) -> Vec<Word> {
    let bytes = bpe::byte_ids();
    // A power of two: whole weights stay exact.
    let total: f64 = words.values().sum();
    let scale = (TOTAL_BITS - total.log2().ceil()).exp2();
    let word = |(word, weight): (String, f64)| {
        let mut symbols: Vec<u32> = word.bytes().map(|byte| bytes[usize::from(byte)]).collect();
        if let Some(last) = symbols.last_mut() {
            *last += BYTE_SYMBOLS as u32 / 2;
        }
        Word { symbols, weight: (weight * scale).ceil() as u64 }
    };
    words.into_iter().map(word).collect()
}

/// Merges to choose from.
struct Candidates {
    /// The text of each token, by its id.
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
    merges: Vec<Candidate>,
}

/// A merge and the weight of the words that it is used in.
struct Candidate {
    halves: [u32; 2],
    usage: u64,
}

impl Candidates {
    fn of_clip() -> Self {
        let tokens = bpe::byte_tokens(&bpe::byte_symbols());
        let ids = tokens.iter().cloned().zip(0..).collect();
        let mut candidates = Self { tokens, ids, merges: Vec::new() };
        for (left, right) in bpe::clip_merges(bpe::MERGES) {
            let halves = [candidates.ids[&left], candidates.ids[&right]];
            candidates.add(halves, 0);
        }
        candidates
    }

    /// The text that two tokens make, where no token has it yet.
    fn new_text(&self, halves: [u32; 2]) -> Option<String> {
        let text = halves.map(|id| self.tokens[id as usize].as_str()).concat();
        (!self.ids.contains_key(&text)).then_some(text)
    }

    /// Adds a merge, and gives its id.
    fn add(&mut self, halves: [u32; 2], usage: u64) -> u32 {
        let id = self.tokens.len() as u32;
        let text = halves.map(|id| self.tokens[id as usize].as_str()).concat();
        self.ids.insert(text.clone(), id);
        self.tokens.push(text);
        self.merges.push(Candidate { halves, usage });
        id
    }

    /// Merges the symbols of words, the first merge in the list first.
    fn spell(&mut self, words: &mut [Word]) {
        let by_halves: HashMap<[u32; 2], u32> =
            self.merges.iter().map(|merge| merge.halves).zip(BYTE_SYMBOLS as u32..).collect();
        for Word { symbols, weight } in words {
            let first = |symbols: &[u32]| {
                symbols.array_windows().filter_map(|pair| by_halves.get(pair)).min().copied()
            };
            while let Some(id) = first(symbols) {
                let merge = &mut self.merges[id as usize - BYTE_SYMBOLS];
                merge.usage += *weight;
                learn::merge(symbols, merge.halves, id);
            }
        }
    }

    /// The merges that are used most, by the ids that they have among themselves. What is merged is used in
    /// every word that the merge is used in, so both halves are there; at equal weight they come first.
    fn most_used(&self, count: usize) -> Result<Vec<[u32; 2]>> {
        let is_used = |id: &usize| self.merges[*id].usage > 0;
        let (mut kept, rest): (Vec<usize>, Vec<usize>) = (0..self.merges.len()).partition(is_used);
        kept.sort_by_key(|id| (Reverse(self.merges[*id].usage), *id));
        kept.extend(rest);
        if kept.len() < count {
            return Err(Error::FewMerges { asked: count, there: kept.len() });
        }
        kept.truncate(count);
        kept.sort_unstable();
        let bytes = 0..BYTE_SYMBOLS as u32;
        let of_kept = kept.iter().map(|id| (id + BYTE_SYMBOLS) as u32);
        let new_ids: HashMap<u32, u32> = bytes.chain(of_kept).zip(0..).collect();
        let halves = |id: &usize| self.merges[*id].halves.map(|half| new_ids[&half]);
        Ok(kept.iter().map(halves).collect())
    }
}
