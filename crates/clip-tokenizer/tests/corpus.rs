//! 100,000 generated lines have the ids that each reference gives them, in blocks of 100
//! (`tests/scripts/token_corpus.py`, whose head describes the file and the rule).

use std::collections::HashMap;

use clip_checkpoint::{Padding, TokenizerConfig, TokenizerMode, Vocabulary};
use clip_testkit::{Random, unpacked};
use clip_tokenizer::{Overflow, Tokenizer};
use flate2::Crc;
use serde::Deserialize;

const BLOCK: usize = 100;

#[derive(Deserialize)]
struct Corpus {
    lines: usize,
    glues: Vec<String>,
    groups: Vec<Vec<String>>,
    crc32: HashMap<String, String>,
}

impl Corpus {
    fn read() -> Self {
        serde_json::from_str(include_str!("data/corpus.json")).expect("the corpus is JSON")
    }

    /// Every fragment alone, then some fragments of one to three groups.
    fn line(&self, number: usize) -> String {
        let mut number = number;
        for group in &self.groups {
            match group.get(number) {
                Some(fragment) => return fragment.clone(),
                None => number -= group.len(),
            }
        }
        let mut random = Random::new(number as u64);
        let mut below = |count: usize| (random.bits() % count as u64) as usize;
        let groups = 1 + below(3);
        let chosen: Vec<_> = (0..groups).map(|_| &self.groups[below(self.groups.len())]).collect();
        let glue = &self.glues[below(self.glues.len())];
        let mut count = 1 + below(6);
        if below(32) == 0 {
            count *= 8;
        }
        let mut piece = || {
            let group = chosen[below(groups)];
            group[below(group.len())].as_str()
        };
        (0..count).map(|_| piece()).collect::<Vec<_>>().join(glue)
    }

    fn block(&self, block: usize) -> impl Iterator<Item = String> {
        (block * BLOCK..(block + 1) * BLOCK).map(|number| self.line(number))
    }
}

/// A tokenizer without a limit, and one with the model's.
struct Pair {
    whole: Tokenizer,
    cut: Tokenizer,
}

impl Pair {
    fn clip(mode: TokenizerMode, pad_token: u32) -> Self {
        Self::new(&TokenizerConfig::clip(mode, 49_406, 49_407, pad_token), 77, None)
    }

    /// With a vocabulary of `tests/scripts/subwords.py`.
    fn subwords(mode: TokenizerMode, name: &str, pad_token: u32) -> Self {
        let bytes = unpacked(&format!("subwords/{name}/vocabulary"));
        let (vocabulary, padding) = (Vocabulary::stored(&bytes), Padding::Context);
        let (start_token, end_token) = (None, 1);
        let config =
            TokenizerConfig { mode, vocabulary, start_token, end_token, pad_token, padding };
        Self::new(&config, 64, Some(&bytes))
    }

    fn new(config: &TokenizerConfig, context_length: usize, vocabulary: Option<&[u8]>) -> Self {
        let new = |limit| Tokenizer::new(config, limit, vocabulary).expect("a whole vocabulary");
        Self { whole: new(usize::MAX), cut: new(context_length) }
    }

    fn ids(&self, line: &str) -> Vec<u32> {
        self.whole.encode(line, Overflow::Error).expect("no limit")
    }

    /// CRC-32 of what the lines become, whole and as rows of the context's length.
    fn crc32(&self, lines: impl Iterator<Item = String>) -> String {
        let mut crc = Crc::new();
        for line in lines {
            let ids = self.ids(&line);
            // Only a text that does not fit is another to the second tokenizer.
            let row = if ids.len() <= self.cut.context_length() {
                ids.clone()
            } else {
                self.cut.encode(&line, Overflow::Truncate).expect("it is cut")
            };
            let count = u32::try_from(ids.len()).expect("a line has few tokens");
            let numbers = [count].into_iter().chain(ids).chain(self.cut.pad_to_context(&[row]).ids);
            crc.update(&numbers.flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
        }
        format!("{:08x}", crc.sum())
    }

    #[track_caller]
    fn check(&self, name: &str) {
        let corpus = Corpus::read();
        let expected: Vec<&str> = corpus.crc32[name].split(' ').collect();
        assert!(expected.len() * BLOCK == corpus.lines && corpus.lines >= 100_000);
        let differs =
            |(block, expected): &(usize, &str)| self.crc32(corpus.block(*block)) != *expected;
        let differing: Vec<usize> =
            expected.into_iter().enumerate().filter(differs).map(|(block, _)| block).collect();
        let Some(&first) = differing.first() else { return };
        let rows = corpus.block(first).map(|line| format!("{line:?} {:?}\n", self.ids(&line)));
        panic!(
            "{name}: blocks {differing:?} differ from the reference.\n\
             `token_corpus.py PACKAGES --show {name} {first}` prints the lines of block {first} with \
             the reference's ids, to compare with these, or with those of the last good commit:\n{}",
            rows.collect::<String>()
        );
    }
}

#[test]
fn openai_ids_equal_those_of_openai() {
    Pair::clip(TokenizerMode::Openai, 0).check("openai");
}

#[test]
fn open_clip_ids_equal_those_of_open_clip() {
    Pair::clip(TokenizerMode::OpenClip, 0).check("open-clip");
}

#[test]
fn hf_ids_equal_those_of_transformers() {
    Pair::clip(TokenizerMode::Hf, 49_407).check("hf");
}

#[test]
fn siglip_ids_equal_those_of_transformers() {
    Pair::subwords(TokenizerMode::HfSiglip, "t5", 1).check("hf-siglip");
}

#[test]
fn siglip_2_ids_equal_those_of_transformers() {
    Pair::subwords(TokenizerMode::HfSiglip2, "gemma", 0).check("hf-siglip2");
}

#[test]
fn siglip_ids_equal_those_of_open_clip() {
    Pair::subwords(TokenizerMode::OpenClipCanonical, "t5", 1).check("open-clip-t5");
}

#[test]
fn siglip_2_ids_equal_those_of_open_clip() {
    Pair::subwords(TokenizerMode::OpenClipCanonical, "gemma", 0).check("open-clip-gemma");
}
