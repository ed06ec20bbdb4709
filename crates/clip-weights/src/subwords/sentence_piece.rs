//! `spiece.model`, `tokenizer.model`: SentencePiece's own file, a message of protocol buffers
//! (<https://github.com/google/sentencepiece/blob/v0.2.3/src/sentencepiece_model.proto>).

use std::collections::HashMap;
use std::path::Path;

use clip_checkpoint::Merge;
use prost::Message;

use super::added::Added;
use super::{Ends, Model, Source, unsupported};
use crate::{Error, Result};

#[derive(Message)]
struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, required, tag = "2")]
    trainer: TrainerSpec,
    #[prost(message, required, tag = "3")]
    normalizer: NormalizerSpec,
}

#[derive(Message)]
struct Piece {
    #[prost(string, required, tag = "1")]
    text: String,
    #[prost(float, required, tag = "2")]
    score: f32,
    #[prost(int32, optional, tag = "3", default = "1")]
    kind: Option<i32>,
}

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

#[derive(Message)]
struct TrainerSpec {
    #[prost(int32, optional, tag = "3", default = "1")]
    model: Option<i32>,
    #[prost(bool, required, tag = "24")]
    space_after: bool,
    #[prost(bool, required, tag = "35")]
    byte_fallback: bool,
    #[prost(int32, required, tag = "40")]
    unknown: i32,
}

const UNIGRAM: i32 = 1;
const BPE: i32 = 2;

#[derive(Message)]
struct NormalizerSpec {
    #[prost(bytes = "vec", required, tag = "2")]
    charsmap: Vec<u8>,
    #[prost(bool, optional, tag = "3", default = "true")]
    add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4", default = "true")]
    remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5", default = "true")]
    escape_whitespaces: Option<bool>,
}

pub(super) fn read(folder: &Path, file: &'static str) -> Result<Source> {
    let path = folder.join(file);
    let bytes = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    let damaged = |reason: String| Error::Damaged {
        path: path.clone(),
        format: "SentencePiece model",
        reason,
    };
    let proto = ModelProto::decode(&bytes[..]).map_err(|error| damaged(error.to_string()))?;
    if proto.pieces.is_empty() {
        return Err(damaged("it has no pieces".to_owned()));
    }
    match proto.trainer.model() {
        UNIGRAM => pieces(proto, file),
        BPE => Ok(merges(proto, file)),
        model => Err(unsupported(file, "trainer_spec.model_type", model, "1 (UNIGRAM) or 2 (BPE)")),
    }
}

fn pieces(proto: ModelProto, file: &'static str) -> Result<Source> {
    check(&proto, file)?;
    let ids = || proto.pieces.iter().zip(0..);
    let of_kind = |kinds: &'static [i32]| {
        ids().filter(move |(piece, _)| kinds.contains(&piece.kind())).map(|(_, id)| id)
    };
    let unknown = u32::try_from(proto.trainer.unknown).unwrap_or(u32::MAX);
    if !of_kind(&[UNKNOWN]).any(|id| id == unknown) {
        let value = proto.trainer.unknown;
        return Err(unsupported(file, "trainer_spec.unk_id", value, "the id of the unknown piece"));
    }
    Ok(Source {
        file,
        model: Model::Pieces {
            scores: proto.pieces.iter().map(|piece| piece.score.into()).collect(),
            unknown,
            reserved: of_kind(&[UNKNOWN, CONTROL]).collect(),
            charsmap: proto.normalizer.charsmap,
        },
        tokens: proto.pieces.into_iter().map(|piece| piece.text).collect(),
        added: Vec::new(),
        ends: Ends::Class,
    })
}

/// What SigLIP's vocabulary is like.
fn check(proto: &ModelProto, file: &str) -> Result<()> {
    let ModelProto { pieces, trainer, normalizer } = proto;
    let flags = [
        ("trainer_spec.byte_fallback", trainer.byte_fallback, false),
        ("trainer_spec.treat_whitespace_as_suffix", trainer.space_after, false),
        ("normalizer_spec.add_dummy_prefix", normalizer.add_dummy_prefix(), true),
        ("normalizer_spec.remove_extra_whitespaces", normalizer.remove_extra_whitespaces(), true),
        ("normalizer_spec.escape_whitespaces", normalizer.escape_whitespaces(), true),
    ];
    if let Some((field, found, wanted)) =
        flags.into_iter().find(|(_, found, wanted)| found != wanted)
    {
        return Err(unsupported(file, field, found, &wanted.to_string()));
    }
    let is_known = |piece: &Piece| [NORMAL, UNKNOWN, CONTROL].contains(&piece.kind());
    match pieces.iter().zip(0..).find(|(piece, _)| !is_known(piece) || !piece.score.is_finite()) {
        None => Ok(()),
        Some((piece, id)) => {
            let value = format!("type {} with score {}", piece.kind(), piece.score);
            let supported = "types 1 (NORMAL), 2 (UNKNOWN) and 3 (CONTROL) with a finite score";
            Err(unsupported(file, &format!("pieces[{id}]"), value, supported))
        }
    }
}

/// transformers takes control pieces and the user's for tokens that a text can spell out, and every
/// way to put a piece together for a merge: the pieces in their order, and of each the shortest left
/// part first (`generate_merges` in
/// <https://github.com/huggingface/transformers/blob/v5.0.0/src/transformers/tokenization_utils_base.py>).
fn merges(proto: ModelProto, file: &'static str) -> Source {
    let ids: HashMap<&str, u32> = proto.pieces.iter().map(|piece| &*piece.text).zip(0..).collect();
    let parts = |(piece, merged): (&Piece, u32)| {
        let ids = &ids;
        let text = piece.text.clone();
        let places: Vec<usize> = text.char_indices().skip(1).map(|(at, _)| at).collect();
        places.into_iter().filter_map(move |at| {
            let (left, right) = text.split_at(at);
            Some(Merge { left: *ids.get(left)?, right: *ids.get(right)?, merged })
        })
    };
    let merges = proto.pieces.iter().zip(0..).flat_map(parts).collect();
    let added = proto.pieces.iter().zip(0..);
    let added = added.filter(|(piece, _)| [CONTROL, USER_DEFINED].contains(&piece.kind()));
    let added = added.map(|(piece, id)| Added::plain(id, &piece.text)).collect();
    Source {
        file,
        model: Model::Merges(merges),
        tokens: proto.pieces.into_iter().map(|piece| piece.text).collect(),
        added,
        ends: Ends::Settings,
    }
}
