//! A vocabulary to bytes.

use super::{BPE, BYTE_LEVEL, SubwordModel, Subwords, UNIGRAM, VERSION};

impl Subwords<'_> {
    /// The bytes that [`Subwords::decode`] reads.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(vec![VERSION]);
        out.0.push(match &self.model {
            SubwordModel::Unigram(_) => UNIGRAM,
            SubwordModel::Bpe(_) => BPE,
            SubwordModel::ByteLevel(_) => BYTE_LEVEL,
        });
        out.list(&self.tokens, |out, token| out.text(token));
        out.list(&self.spelled, |out, (id, text)| {
            out.number(u64::from(*id));
            out.text(text);
        });
        match &self.model {
            SubwordModel::Unigram(model) => {
                out.number(u64::from(model.unknown));
                out.list(&model.reserved, |out, id| out.number(u64::from(*id)));
                out.0.extend(model.scores.iter().flat_map(|score| score.to_le_bytes()));
                out.list(&model.charsmap.units, |out, unit| out.0.extend(unit.to_le_bytes()));
                out.text(model.charsmap.replacements);
            }
            SubwordModel::Bpe(merges) => out.list(merges, |out, merge| {
                for id in [merge.left, merge.right, merge.merged] {
                    out.number(u64::from(id));
                }
            }),
            SubwordModel::ByteLevel(merges) => out.list(merges, |out, halves| {
                halves.iter().for_each(|id| out.number(u64::from(*id)));
            }),
        }
        out.0
    }
}

struct Writer(Vec<u8>);

impl Writer {
    /// LEB128: seven bits a byte, the lowest first, the eighth set in all but the last.
    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }
}
