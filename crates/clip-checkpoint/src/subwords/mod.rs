//! The vocabulary of a model that does not use CLIP's, as its checkpoint carries it.
//!
//! A text is cut into subwords in one of three ways: into the most likely pieces ([`Unigram`], as T5's
//! vocabulary), by merging neighbors in the order learned ([`Bpe`], as Gemma's), or by merging the bytes
//! of each word so ([`ByteLevel`], as CLIP's). The bytes hold what each needs, and no more:
//!
//! | | bytes |
//! | --- | --- |
//! | version | 1 |
//! | model | 0 unigram, 1 byte pairs, 2 byte-level byte pairs |
//! | tokens | list of texts; none of byte-level byte pairs, whose tokens follow from the merges |
//! | spelled | list of ids and texts; none of byte-level byte pairs |
//! | unigram | unknown id, list of reserved ids, an `f64` for each token, list of `u32` units, text of replacements |
//! | byte pairs | list of left, right and merged id |
//! | byte-level byte pairs | list of left and right id |
//!
//! `f64` and `u32` are little-endian, other numbers LEB128 (seven bits a byte, the lowest first). A
//! text is its length in bytes and its UTF-8, a list its length and its items.
//!
//! [`Unigram`]: SubwordModel::Unigram
//! [`Bpe`]: SubwordModel::Bpe
//! [`ByteLevel`]: SubwordModel::ByteLevel

mod byte_level;
mod decode;
mod encode;

use crate::Error;

/// Version of the bytes that this crate writes and reads.
const VERSION: u8 = 1;
const UNIGRAM: u8 = 0;
const BPE: u8 = 1;
const BYTE_LEVEL: u8 = 2;

/// Tokens, and how a text is made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Subwords<'a> {
    /// The text of each token, by its id; none where they follow from the merges.
    pub tokens: Vec<&'a str>,
    /// Tokens that stand for themselves wherever a text spells them out, with their ids, which may
    /// lie beyond those of `tokens`.
    pub spelled: Vec<(u32, &'a str)>,
    /// How words become tokens.
    pub model: SubwordModel<'a>,
}

/// How words become tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum SubwordModel<'a> {
    /// The likeliest pieces.
    Unigram(UnigramModel<'a>),
    /// Neighbors merged, the first in the list first (Sennrich et al. 2016, arXiv:1508.07909).
    /// Characters without a token are their bytes, whose tokens are called `<0x00>` to `<0xFF>`.
    Bpe(Vec<Merge>),
    /// Neighbors merged in each word, which begins as its bytes, the last one marked as such: CLIP's.
    /// Each merge is the ids of its halves. The ids: 256 bytes, the same at a word's end, one for each
    /// merge in their order, the token before a text, the token after it.
    ByteLevel(Vec<[u32; 2]>),
}

impl Subwords<'_> {
    /// Number of tokens.
    pub fn count(&self) -> usize {
        match &self.model {
            SubwordModel::ByteLevel(merges) => byte_level::BYTES + merges.len() + 2,
            SubwordModel::Unigram(_) | SubwordModel::Bpe(_) => self.tokens.len(),
        }
    }
}

/// The pieces whose scores have the largest sum (Kudo 2018, arXiv:1804.10959).
#[derive(Debug, Clone, PartialEq)]
pub struct UnigramModel<'a> {
    /// Logarithm of each token's probability.
    pub scores: Vec<f64>,
    /// Stands for characters that no token has.
    pub unknown: u32,
    /// Tokens that are no piece of any word, such as the end of a text.
    pub reserved: Vec<u32>,
    /// What is replaced before.
    pub charsmap: Charsmap<'a>,
}

/// Two neighbors and what they become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// Id of the first.
    pub left: u32,
    /// Id of the second.
    pub right: u32,
    /// Id of both together.
    pub merged: u32,
}

/// Strings to replace, and by what. Without units nothing is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charsmap<'a> {
    /// A double array over the strings' bytes, in the layout of darts-clone
    /// (<https://github.com/s-yata/darts-clone>); its values are places in `replacements`.
    pub units: Vec<u32>,
    /// What stands instead, each text ended by a zero byte.
    pub replacements: &'a str,
}

fn bad(reason: &'static str) -> Error {
    Error::BadVocabulary { reason }
}
