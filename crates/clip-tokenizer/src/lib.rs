//! Text to CLIP token ids, the way each CLIP reference does it.
//!
//! Every published CLIP shares one vocabulary: 49,408 byte-pair tokens that OpenAI learned from
//! captions. What differs between the references is what happens to a text *before* it is cut into
//! words, and one different id moves the embedding. So a checkpoint says whose rules it was made
//! with ([`TokenizerMode`](clip_checkpoint::TokenizerMode)), and this crate follows them:
//!
//! | | `openai`, `open-clip` (OpenAI, OpenCLIP) | `hf` (transformers) |
//! | --- | --- | --- |
//! | repair | broken encodings, curly quotes, ligatures, full-width letters, control characters | – |
//! | HTML | entities replaced, up to several layers deep | – |
//! | Unicode | NFC | NFC |
//! | white space | stripped, collapsed | collapsed |
//! | lower case | of the whole text (a final Σ becomes ς) | of each character |
//! | a special token in the text | the token, in any case | the token, as written only |
//!
//! `openai` and `open-clip` differ in how a text spells the special tokens: `<|endoftext|>` there,
//! `<end_of_text>` here.
//!
//! SigLIP and SigLIP 2 have vocabularies of their own, of SentencePiece's making, which their
//! checkpoints carry: 32,000 pieces with a likelihood each, or Gemma's 256,000 tokens with the pairs
//! to merge. Each library has its way with either:
//!
//! | | `hf-siglip` | `hf-siglip2` | `open-clip-canonical` |
//! | --- | --- | --- | --- |
//! | repair and HTML | – | – | as `openai` |
//! | lower case | of the whole text, before the punctuation goes | of each character | of the whole text, after |
//! | ASCII punctuation | left out | kept | left out, but an underscore is a space |
//! | white space | stripped, collapsed | kept | stripped, collapsed |
//! | a special token in the text | the token, as written | the token, as written | lost with its punctuation |
//! | pieces are found by | SentencePiece, in `f32` | – | the crate `tokenizers`, word by word, in `f64` |
//! | merges are done in | – | the whole text | the whole text |
//!
//! A CLIP may have other merges than the published ones, under the same rules: its checkpoint carries them
//! then, and [`choose_vocabulary`] finds those that fit the texts of a training.
//!
//! CLIP's vocabulary is compiled in, so its tokenizer needs no file. Its byte-pair merging is the
//! `tokenizers` crate's; cleaning and word splitting are ours, because they are where the references
//! disagree, and building the whole Hugging Face pipeline would only slow the start. The stored
//! vocabularies are ours throughout: a text query should not wait the 0.8 s that the crate takes to
//! read Gemma's (50 ms here), and of SentencePiece's arithmetic and replacements it has only its own.
//!
//! The repair is that of `ftfy`, which both references call: no crate had it exactly. A corpus of
//! 100,000 lines holds each mode to its reference (`tests/corpus.rs`), SigLIP's with small
//! vocabularies that were trained as the published ones.
//!
//! ```
//! use clip_checkpoint::{TokenizerConfig, TokenizerMode};
//! use clip_tokenizer::{Overflow, Tokenizer};
//!
//! let config = TokenizerConfig::clip(TokenizerMode::Openai, 49_406, 49_407, 0);
//! let tokenizer = Tokenizer::new(&config, 77, None)?;
//! let dog = tokenizer.encode("a picture of a dog", Overflow::Error)?;
//! let cat = tokenizer.encode("a cat", Overflow::Error)?;
//! assert_eq!(dog, [49_406, 320, 1674, 539, 320, 1929, 49_407]);
//!
//! let batch = tokenizer.pad(&[dog, cat]);
//! assert_eq!((batch.rows, batch.length), (2, 7));
//! # Ok::<(), clip_tokenizer::Error>(())
//! ```

mod batch;
mod bpe;
mod choose;
mod clean;
mod clip;
mod entities;
mod error;
mod mojibake;
mod nfc;
mod repair;
mod rules;
mod subword;
mod tokenizer;
mod words;

pub use batch::TokenBatch;
pub use choose::choose_vocabulary;
pub use error::{Error, Result};
pub use tokenizer::{Overflow, Tokenizer};
