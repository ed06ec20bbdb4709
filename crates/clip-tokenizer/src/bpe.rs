//! The byte-pair vocabulary that all published CLIPs share, and those of its kind with other merges.
//!
//! Ids, as OpenAI's `simple_tokenizer.py` numbers them: 256 byte symbols, the same 256 with the end
//! of word mark, one id for each merge in the order learned, start token, end token.

use std::io::{BufRead, BufReader, ErrorKind};

use flate2::read::GzDecoder;
use tokenizers::Model;
use tokenizers::models::bpe::{BPE, Vocab};

/// OpenAI's `bpe_simple_vocab_16e6.txt.gz`: a header line, then one merge a line, best first.
const MERGES_GZ: &[u8] = include_bytes!("../assets/bpe_simple_vocab_16e6.txt.gz");

/// Merges in use, `49152 - 256 - 2` of the 262,144 in the file.
pub(crate) const MERGES: usize = 48_894;

/// Ids before those of the merges: every byte, inside a word and at its end.
pub(crate) const BYTE_SYMBOLS: usize = 512;

/// Marks the last symbol of a word.
const END_OF_WORD: &str = "</w>";

/// The texts of two neighbors.
pub(crate) type Pair = (String, String);

/// Words to ids.
pub(crate) struct WordEncoder {
    bpe: BPE,
    symbols: [char; 256],
}

impl WordEncoder {
    /// The words of a model in CLIP's vocabulary whose start token is `start_token`: it follows the bytes
    /// and merges, so that it says how many merges are in use. A model with a start token among the bytes
    /// is a test's, and uses all.
    pub(crate) fn clip(start_token: u32) -> Self {
        let merges = (start_token as usize).checked_sub(BYTE_SYMBOLS);
        let merges = clip_merges(merges.map_or(MERGES, |merges| merges.min(MERGES)));
        Self::new(merges).expect("the compiled-in vocabulary is whole")
    }

    /// The words of a model with merges of its own, each the ids of its halves.
    ///
    /// # Errors
    ///
    /// [`clip_checkpoint::Error::BadVocabulary`] where two merges make the same token, or a half is not
    /// before its merge.
    pub(crate) fn stored(merges: &[[u32; 2]]) -> clip_checkpoint::Result<Self> {
        let mut tokens = byte_tokens(&byte_symbols());
        let mut pairs = Vec::with_capacity(merges.len());
        for ids in merges {
            let [Some(left), Some(right)] = ids.map(|id| tokens.get(id as usize).cloned()) else {
                let reason = "a merge comes before its halves";
                return Err(clip_checkpoint::Error::BadVocabulary { reason });
            };
            tokens.push([left.as_str(), &right].concat());
            pairs.push((left, right));
        }
        let reason = "two of its merges make the same token";
        Self::new(pairs).ok_or(clip_checkpoint::Error::BadVocabulary { reason })
    }

    /// Nothing where two merges make the same token.
    fn new(merges: Vec<Pair>) -> Option<Self> {
        let symbols = byte_symbols();
        let bytes = byte_tokens(&symbols).into_iter();
        let tokens =
            bytes.chain(merges.iter().map(|(left, right)| [left.as_str(), right].concat()));
        let vocabulary: Vocab = tokens.zip(0..).collect();
        if vocabulary.len() < BYTE_SYMBOLS + merges.len() {
            return None;
        }
        let bpe = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .end_of_word_suffix(END_OF_WORD.to_owned())
            .build()
            .expect("both halves of every merge are tokens");
        Some(Self { bpe, symbols })
    }

    /// Appends the ids of a word.
    pub(crate) fn encode(&self, word: &str, ids: &mut Vec<u32>) {
        let symbols: String = word.bytes().map(|byte| self.symbols[usize::from(byte)]).collect();
        let tokens = self.bpe.tokenize(&symbols).expect("every byte has an id of its own");
        ids.extend(tokens.iter().map(|token| token.id));
    }
}

/// The first merges of CLIP's, best first.
pub(crate) fn clip_merges(count: usize) -> Vec<Pair> {
    let text = merge_lines(count).expect("the compiled-in vocabulary unpacks");
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(left, right)| (left.to_owned(), right.to_owned())).collect()
}

/// The lines of the first merges; the unpacking stops after them, for all in use at a fifth of the
/// file.
fn merge_lines(merges: usize) -> std::io::Result<String> {
    let mut file = BufReader::new(GzDecoder::new(MERGES_GZ));
    let mut text = String::with_capacity(600 << 10);
    file.read_line(&mut text)?;
    text.clear();
    for _ in 0..merges {
        if file.read_line(&mut text)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(text)
}

/// The tokens of the bytes by their ids, not in the order of the bytes: those that stand for themselves
/// have the first ids.
pub(crate) fn byte_tokens(symbols: &[char; 256]) -> Vec<String> {
    let mut ordered = *symbols;
    ordered.sort_unstable();
    let bytes = ordered.iter().map(char::to_string);
    let last_bytes = ordered.iter().map(|symbol| format!("{symbol}{END_OF_WORD}"));
    bytes.chain(last_bytes).collect()
}

/// The id of each byte inside a word.
pub(crate) fn byte_ids() -> [u32; 256] {
    let symbols = byte_symbols();
    symbols.map(|symbol| symbols.iter().filter(|other| **other < symbol).count() as u32)
}

/// The character that stands for each byte: itself where it is printable, else the next one from
/// U+0100 on (GPT-2's and CLIP's `bytes_to_unicode`).
pub(crate) fn byte_symbols() -> [char; 256] {
    let mut substitutes = '\u{100}'..;
    std::array::from_fn(|byte| match byte as u8 {
        byte @ (b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) => char::from(byte),
        _ => substitutes.next().unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &[u32]) {
        let mut ids = Vec::new();
        WordEncoder::clip(49_406).encode(word, &mut ids);
        assert_eq!(ids, expected, "{word}");
    }

    #[test]
    fn words_become_the_ids_of_openai() {
        check("dog", &[1929]);
        check("!", &[256]);
        check("\u{0}", &[256 + 188]);
        check("🐶", &[10_631]);
        check("", &[]);
    }

    #[test]
    fn the_vocabulary_has_one_id_for_each_symbol_and_merge() {
        let bpe = WordEncoder::clip(49_406).bpe;
        assert_eq!(bpe.get_vocab_size(), 49_406);
        assert_eq!(bpe.token_to_id("!"), Some(0));
        assert_eq!(bpe.token_to_id("Ń</w>"), Some(511));
        assert_eq!(bpe.token_to_id("in"), Some(512));
        assert_eq!(bpe.id_to_token(49_405).as_deref(), Some("jekyll</w>"));
    }

    /// A model with fewer merges has the first ones, under the same ids: what is not in its
    /// vocabulary falls into pieces that are.
    #[test]
    fn a_smaller_vocabulary_is_the_beginning_of_the_whole() {
        let (small, whole) = (WordEncoder::clip(512 + 1000), WordEncoder::clip(49_406));
        let encode = |encoder: &WordEncoder, word: &str| {
            let mut ids = Vec::new();
            encoder.encode(word, &mut ids);
            ids
        };
        assert_eq!(small.bpe.get_vocab_size(), 1512);
        assert_eq!(encode(&small, "the"), encode(&whole, "the"));
        let pieces = encode(&small, "elephant");
        assert!(pieces.len() > encode(&whole, "elephant").len());
        assert!(pieces.iter().all(|id| *id < 1512));
        let text: String = pieces.iter().filter_map(|id| small.bpe.id_to_token(*id)).collect();
        assert_eq!(text, "elephant</w>");
    }

    #[test]
    fn merges_that_make_the_same_token_are_refused() {
        // `ab` and `c`, `a` and `bc`.
        let [a, b, c] = [b'a', b'b', b'c'].map(|byte| u32::from(byte - b'!'));
        let twice = WordEncoder::stored(&[[a, b], [b, c], [512, c], [a, 513]]);
        let error = twice.err().unwrap().to_string();
        assert!(error.contains("two of its merges make the same token"), "{error}");
        let later = WordEncoder::stored(&[[a, 512]]);
        assert!(later.err().unwrap().to_string().contains("before its halves"));
    }
}
