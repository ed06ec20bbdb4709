//! A model with merges of its own answers by them.
#![cfg(all(feature = "embedded-model", any(feature = "flex", feature = "ndarray")))]

use std::collections::{BTreeSet, HashMap};

use clip::{DeviceName, Embedder};
use clip_checkpoint::{
    Checkpoint, Error, Pooling, SubwordModel, Subwords, TensorSource, TensorSpec, TokenizerConfig,
    Vocabulary, write,
};
use clip_testkit::{Answers, assert_close};

const TOKENS: &str = "text.token_embedding.weight";
const BYTES: u32 = 512;

/// A checkpoint with some rows of its token embedding.
struct Rows<'a> {
    checkpoint: &'a Checkpoint,
    rows: Vec<usize>,
    vocabulary: Vec<u8>,
}

impl TensorSource for Rows<'_> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        match &*spec.name {
            TOKENS => self.checkpoint.read_rows(TOKENS, &self.rows),
            name => self.checkpoint.read(name),
        }
    }

    fn vocabulary(&self) -> &[u8] {
        &self.vocabulary
    }
}

/// The built-in model with the merges alone that the queries need, so that most ids are others: their
/// vectors stay.
#[test]
fn texts_are_read_by_the_models_own_merges() {
    let device = DeviceName::Auto.open().unwrap();
    let whole = Embedder::embedded(&device).unwrap();
    let answers = Answers::open();
    let mut card = whole.card().clone();
    let start = card.tokenizer.start_token.unwrap();
    let all = Subwords::decode(whole.checkpoint().vocabulary().unwrap()).unwrap();
    let SubwordModel::ByteLevel(all) = all.model else { panic!("{:?}", all.model) };

    let is_merge = |id: &u32| (BYTES..start).contains(id);
    let ids = answers.queries.iter().flat_map(|query| query.ids.iter().copied());
    let mut open: Vec<u32> = ids.filter(is_merge).collect();
    let mut kept = BTreeSet::new();
    while let Some(id) = open.pop() {
        if kept.insert(id) {
            open.extend(all[(id - BYTES) as usize].into_iter().filter(is_merge));
        }
    }
    let ids: Vec<u32> = (0..BYTES).chain(kept.iter().copied()).chain([start, start + 1]).collect();
    let places: HashMap<u32, u32> = ids.iter().copied().zip(0..).collect();
    let halves = |id: &u32| all[(id - BYTES) as usize].map(|half| places[&half]);
    let model = SubwordModel::ByteLevel(kept.iter().map(halves).collect());
    let vocabulary = Subwords { tokens: Vec::new(), spelled: Vec::new(), model }.encode();

    let end = ids.len() as u32 - 1;
    card.tokenizer = TokenizerConfig {
        vocabulary: Vocabulary::stored(&vocabulary),
        ..TokenizerConfig::clip(card.tokenizer.mode, end - 1, end, end)
    };
    (card.config.text.vocab_size, card.config.text.pooling) = (ids.len(), Pooling::EndToken(end));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let rows = ids.iter().map(|id| *id as usize).collect();
    let mut source = Rows { checkpoint: whole.checkpoint(), rows, vocabulary };
    write(&path, &card, whole.checkpoint().dtype(), &mut source).unwrap();

    let own = Embedder::open(&path, &device).unwrap();
    assert!(ids.len() < 1000 && own.checkpoint().fingerprint() != whole.checkpoint().fingerprint());
    for query in &answers.queries {
        let (own, whole) = (own.text(&query.text).unwrap(), whole.text(&query.text).unwrap());
        assert_close(&query.text, own.as_slice(), whole.as_slice(), 1e-6);
    }
    // A word that it has no merges for has a vector too.
    own.text("日本 zyx").unwrap();
}
