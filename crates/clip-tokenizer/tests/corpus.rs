//! 100,000 generated lines have the ids that each reference gives them, in blocks of 100
//! (`tests/scripts/token_corpus.py`, whose head describes the file and the rule).

use std::collections::HashMap;

use clip_checkpoint::{TokenizerConfig, TokenizerMode};
use clip_testkit::Random;
use clip_tokenizer::{Overflow, Tokenizer};
use flate2::Crc;
use serde::Deserialize;

const BLOCK: usize = 100;
const CONTEXT: usize = 77;

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

/// CRC-32 of what the tokenizer makes of the lines, whole and as rows of the context's length.
fn crc32(
    whole: &Tokenizer,
    cut: &Tokenizer,
    lines: impl Iterator<Item = String>,
) -> clip_tokenizer::Result<u32> {
    let mut crc = Crc::new();
    for line in lines {
        let ids = whole.encode(&line, Overflow::Error)?;
        // Only a text that does not fit is another to the second tokenizer.
        let row = match ids.len() {
            ..=CONTEXT => ids.clone(),
            _ => cut.encode(&line, Overflow::Truncate)?,
        };
        let count = u32::try_from(ids.len()).expect("a line has few tokens");
        let numbers = [count].into_iter().chain(ids).chain(cut.pad_to_context(&[row]).ids);
        crc.update(&numbers.flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    }
    Ok(crc.sum())
}

fn check(mode: TokenizerMode, name: &str, pad_token: u32) {
    let config = TokenizerConfig::clip(mode, 49_406, 49_407, pad_token);
    let (whole, cut) = (Tokenizer::new(&config, usize::MAX), Tokenizer::new(&config, CONTEXT));
    let corpus = Corpus::read();
    let expected: Vec<&str> = corpus.crc32[name].split(' ').collect();
    assert!(expected.len() * BLOCK == corpus.lines && corpus.lines >= 100_000);
    let differs = |(block, expected): &(usize, &str)| {
        let crc = crc32(&whole, &cut, corpus.block(*block)).expect("no limit");
        format!("{crc:08x}") != *expected
    };
    let differing: Vec<usize> =
        expected.into_iter().enumerate().filter(differs).map(|(block, _)| block).collect();
    let Some(&first) = differing.first() else { return };
    let ids = |line: &str| whole.encode(line, Overflow::Error).expect("no limit");
    let rows = corpus.block(first).map(|line| format!("{line:?} {:?}\n", ids(&line)));
    panic!(
        "{mode:?}: blocks {differing:?} differ from the reference.\n\
         `token_corpus.py PACKAGES --show {name} {first}` prints the lines of block {first} with \
         the reference's ids, to compare with these, or with those of the last good commit:\n{}",
        rows.collect::<String>()
    );
}

#[test]
fn openai_ids_equal_those_of_openai() {
    check(TokenizerMode::Openai, "openai", 0);
}

#[test]
fn open_clip_ids_equal_those_of_open_clip() {
    check(TokenizerMode::OpenClip, "open-clip", 0);
}

#[test]
fn hf_ids_equal_those_of_transformers() {
    check(TokenizerMode::Hf, "hf", 49_407);
}
