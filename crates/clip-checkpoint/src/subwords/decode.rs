//! Bytes to a vocabulary.

use super::{
    BPE, BYTE_LEVEL, Charsmap, Merge, SubwordModel, Subwords, UNIGRAM, UnigramModel, VERSION, bad,
    byte_level,
};
use crate::Result;

impl<'a> Subwords<'a> {
    /// Reads the bytes that a checkpoint carries. Texts are not copied.
    ///
    /// # Errors
    ///
    /// [`Error::BadVocabulary`] where they are not whole, or speak of a token that is not there.
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut bytes = Reader(bytes);
        match bytes.byte()? {
            VERSION => {}
            _ => return Err(bad("it is of another version than this program reads")),
        }
        let kind = bytes.byte()?;
        let tokens = bytes.list(1, Reader::text)?;
        let spelled = bytes.list(2, |bytes| Ok((bytes.id()?, bytes.text()?)))?;
        let model = match kind {
            UNIGRAM => SubwordModel::Unigram(bytes.unigram(tokens.len())?),
            BPE => SubwordModel::Bpe(bytes.list(3, Reader::merge)?),
            BYTE_LEVEL => {
                SubwordModel::ByteLevel(bytes.list(2, |bytes| Ok([bytes.id()?, bytes.id()?]))?)
            }
            _ => return Err(bad("its model is of a kind that this program does not know")),
        };
        if !bytes.0.is_empty() {
            return Err(bad("there are bytes after its end"));
        }
        let subwords = Self { tokens, spelled, model };
        subwords.check_ids()?;
        if let SubwordModel::ByteLevel(merges) = &subwords.model {
            if !subwords.tokens.is_empty() || !subwords.spelled.is_empty() {
                return Err(bad("it has tokens beside those of its merges"));
            }
            byte_level::check(merges)?;
        }
        Ok(subwords)
    }

    fn check_ids(&self) -> Result<()> {
        let is_token = |id: u32| (id as usize) < self.tokens.len();
        let known = match &self.model {
            SubwordModel::Unigram(UnigramModel { unknown, reserved, .. }) => {
                is_token(*unknown) && reserved.iter().all(|id| is_token(*id))
            }
            SubwordModel::Bpe(merges) => merges
                .iter()
                .all(|merge| [merge.left, merge.right, merge.merged].into_iter().all(is_token)),
            SubwordModel::ByteLevel(_) => true,
        };
        if known { Ok(()) } else { Err(bad("it names a token that it does not have")) }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(bad("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(bad("a number is too long"))
    }

    fn id(&mut self) -> Result<u32> {
        u32::try_from(self.number()?).map_err(|_| bad("an id is too large"))
    }

    fn text(&mut self) -> Result<&'a str> {
        let length = self.length(1)?;
        str::from_utf8(self.take(length)?).map_err(|_| bad("a token is not UTF-8"))
    }

    /// How many items follow, of at least `least` bytes each: a damaged number asks for no more
    /// memory than there are bytes.
    fn length(&mut self, least: usize) -> Result<usize> {
        let length = usize::try_from(self.number()?).ok();
        length.filter(|length| *length <= self.0.len() / least).ok_or(bad("it is cut off"))
    }

    fn list<T>(&mut self, least: usize, read: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        (0..self.length(least)?).map(|_| read(self)).collect()
    }

    fn unigram(&mut self, tokens: usize) -> Result<UnigramModel<'a>> {
        let unknown = self.id()?;
        let reserved = self.list(1, Self::id)?;
        // As many as there are tokens, which have a byte each.
        let (scores, _) = self.take(size_of::<f64>() * tokens)?.as_chunks();
        let scores: Vec<f64> = scores.iter().map(|score| f64::from_le_bytes(*score)).collect();
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(bad("a score is not finite"));
        }
        let units = self.length(size_of::<u32>())?;
        let (units, _) = self.take(size_of::<u32>() * units)?.as_chunks();
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        let charsmap = Charsmap { units, replacements: self.text()? };
        Ok(UnigramModel { scores, unknown, reserved, charsmap })
    }

    fn merge(&mut self) -> Result<Merge> {
        Ok(Merge { left: self.id()?, right: self.id()?, merged: self.id()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn unigram() -> Subwords<'static> {
        Subwords {
            tokens: vec!["</s>", "<unk>", "▁dog", "s"],
            spelled: vec![(0, "</s>"), (300, "<extra>")],
            model: SubwordModel::Unigram(UnigramModel {
                scores: vec![0.0, 0.0, -1.5, -2.25],
                unknown: 1,
                reserved: vec![0, 1],
                charsmap: Charsmap { units: vec![1, 0xffff_fffe], replacements: "a\0b\0" },
            }),
        }
    }

    fn bpe() -> Subwords<'static> {
        let merges = vec![Merge { left: 0, right: 1, merged: 2 }];
        let tokens = vec!["d", "o", "do"];
        Subwords { tokens, spelled: Vec::new(), model: SubwordModel::Bpe(merges) }
    }

    /// `do` in a word and at its end, and `dog`.
    fn byte_level() -> Subwords<'static> {
        let merges = vec![[67, 78], [67, 256 + 78], [512, 256 + 70]];
        let (tokens, spelled) = (Vec::new(), Vec::new());
        Subwords { tokens, spelled, model: SubwordModel::ByteLevel(merges) }
    }

    #[track_caller]
    fn refused(bytes: &[u8], expected: &str) {
        let error = Subwords::decode(bytes).unwrap_err();
        assert!(matches!(error, Error::BadVocabulary { reason } if reason == expected), "{error}");
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for subwords in [unigram(), bpe(), byte_level()] {
            assert_eq!(Subwords::decode(&subwords.encode()).unwrap(), subwords);
        }
    }

    #[test]
    fn the_bytes_are_as_described() {
        let expected = b"\x01\x01\x03\x01d\x01o\x02do\x00\x01\x00\x01\x02";
        assert_eq!(bpe().encode(), expected);
        let expected = b"\x01\x02\0\0\x03\x43\x4e\x43\xce\x02\x80\x04\xc6\x02";
        assert_eq!(byte_level().encode(), expected);
        assert_eq!(byte_level().count(), 517);
    }

    #[test]
    fn cut_off_bytes_are_refused() {
        for subwords in [unigram(), bpe(), byte_level()] {
            let bytes = subwords.encode();
            for length in 0..bytes.len() {
                refused(&bytes[..length], "it is cut off");
            }
            refused(&[&bytes[..], b"x"].concat(), "there are bytes after its end");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        refused(b"\x02", "it is of another version than this program reads");
        refused(b"\x01\x03\x00\x00", "its model is of a kind that this program does not know");
        refused(b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "it is cut off");
        refused(b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "a number is too long");
        refused(b"\x01\x01\x01\x01\xff", "a token is not UTF-8");
        refused(b"\x01\x01\x00\x01\xff\xff\xff\xff\x1f\x00", "an id is too large");
        refused(b"\x01\x01\x00\x00\x01\x00\x00\x00", "it names a token that it does not have");
        let mut damaged = unigram();
        if let SubwordModel::Unigram(model) = &mut damaged.model {
            model.scores[2] = f64::NAN;
        }
        refused(&damaged.encode(), "a score is not finite");
    }
}
