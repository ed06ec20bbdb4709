//! What the reference answers with the trained model that ships with the repository.

use serde::Deserialize;

use crate::paths::goldens_dir;
use crate::tensors::{GoldenTensor, TensorFile};

/// Rankings of the sample pictures by transformers, with the weights of the embedded model (f16,
/// computed in f32) and `CLIPImageProcessorPil`.
///
/// Some samples are lossy files, whose pixels depend on the decoder: expect those scores to
/// agree to two or three digits only. The drawings are lossless.
#[derive(Debug, Deserialize)]
pub struct Answers {
    /// The queries with their rankings.
    pub queries: Vec<Answer>,
    /// Four drawings against four sentences.
    pub drawings: Drawings,
}

/// One query.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The query.
    pub text: String,
    /// Its token ids, without padding.
    pub ids: Vec<u32>,
    /// The first values of its unit embedding, to six digits.
    pub embedding_head: Vec<f32>,
    /// File name in [`samples_dir`](crate::samples_dir) and cosine similarity, best first.
    pub ranking: Vec<(String, f32)>,
}

/// Cosine similarities of sentences (rows) and pictures (columns).
#[derive(Debug, Deserialize)]
pub struct Drawings {
    /// The sentences.
    pub sentences: Vec<String>,
    /// File names in [`samples_dir`](crate::samples_dir).
    pub pictures: Vec<String>,
    /// Pictures as the reference takes them.
    pub reference: Vec<Vec<f32>>,
    /// Pictures composed on white first. The same, because the drawings are opaque.
    pub on_white: Vec<Vec<f32>>,
}

impl Answers {
    /// Reads the committed file.
    ///
    /// # Panics
    ///
    /// Where it is missing or damaged.
    pub fn open() -> Self {
        let path = goldens_dir().join("clip-tiny-answers.json");
        let json = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: cannot be read: {error}", path.display()));
        serde_json::from_str(&json)
            .unwrap_or_else(|error| panic!("{}: cannot be understood: {error}", path.display()))
    }

    /// The answer to a query.
    ///
    /// # Panics
    ///
    /// Where the query is not in the file.
    pub fn query(&self, text: &str) -> &Answer {
        let found = self.queries.iter().find(|answer| answer.text == text);
        found.unwrap_or_else(|| panic!("no answer to `{text}`"))
    }

    /// The embeddings behind the scores, to the last bit:
    ///
    /// - `text_embeds` `[queries, 256]`, in the order of [`Answers::queries`]
    /// - `image_embeds` `[samples, 256]`, in the order of the sorted file names
    /// - `alpha_embeds_on_white`, `alpha_embeds_dropped` `[3, 256]`: `dog-alpha.png`,
    ///   `cat-alpha.png` and `horse-alpha.png` of [`formats_dir`](crate::formats_dir), composed on
    ///   white, as `CLIPImageProcessorPil` of transformers 5.23 does, and with the alpha channel
    ///   ignored
    ///
    /// # Panics
    ///
    /// Where there is none of that name.
    pub fn embeddings(name: &str) -> GoldenTensor {
        TensorFile::open(&goldens_dir().join("clip-tiny-answers.safetensors")).f32(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_close, max_difference, samples_dir};

    #[test]
    fn scores_follow_from_the_embeddings() {
        let answers = Answers::open();
        let texts = Answers::embeddings("text_embeds");
        let images = Answers::embeddings("image_embeds");
        let width = texts.shape[1];
        for (answer, text) in answers.queries.iter().zip(texts.values.chunks(width)) {
            assert_close(&answer.text, &text[..8], &answer.embedding_head, 1e-6);
            let mut names: Vec<_> = answer.ranking.iter().collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            let dot = |image: &[f32]| image.iter().zip(text).map(|(a, b)| a * b).sum::<f32>();
            let scores: Vec<f32> = images.values.chunks(width).map(dot).collect();
            let expected: Vec<f32> = names.iter().map(|(_, score)| *score).collect();
            assert_close(&answer.text, &scores, &expected, 2e-6);
        }
    }

    #[test]
    fn rankings_are_sorted_and_name_every_sample() {
        for answer in Answers::open().queries {
            assert!(answer.ranking.is_sorted_by(|a, b| a.1 >= b.1), "{}", answer.text);
            assert_eq!(answer.ranking.len(), 36, "{}", answer.text);
            for (name, _) in answer.ranking {
                assert!(samples_dir().join(&name).is_file(), "no sample {name}");
            }
        }
    }

    /// The answers that the model's own card publishes.
    #[test]
    fn they_are_the_published_ones() {
        let answers = Answers::open();
        let (best, score) = &answers.query("a picture of a dog").ranking[0];
        assert_eq!((best.as_str(), (score * 1e3).round()), ("fx-dog.png", 528.0));
        assert_close("dog", &answers.drawings.reference[0], &[0.522, 0.478, 0.355, 0.284], 6e-4);
        assert_close("car", &answers.drawings.reference[2], &[-0.503, -0.418, 0.291, -0.267], 6e-4);
        for (reference, white) in answers.drawings.reference.iter().zip(&answers.drawings.on_white)
        {
            assert_close("opaque drawings", white, reference, 2e-6);
        }
    }

    #[test]
    fn dropped_and_composed_alpha_differ() {
        let [dropped, composed] =
            ["alpha_embeds_dropped", "alpha_embeds_on_white"].map(Answers::embeddings);
        assert!(max_difference(&dropped.values, &composed.values).0 > 0.01);
    }
}
