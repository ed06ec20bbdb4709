//! What the reference answers with the trained model that ships with the repository.

use serde::Deserialize;

use crate::paths::goldens_dir;
use crate::tensors::{GoldenTensor, TensorFile};

/// Rankings of the sample pictures by PyTorch (`tests/scripts/canonical.py`), with the weights of the
/// built-in model (of 8 bits, multiplied out and computed in f32) and OpenAI's preprocessing.
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

impl Answer {
    /// The similarity of a sample.
    ///
    /// # Panics
    ///
    /// Where there is no such sample.
    pub fn score(&self, sample: &str) -> f32 {
        let found = self.ranking.iter().find(|(name, _)| name == sample);
        found.unwrap_or_else(|| panic!("no sample {sample}")).1
    }

    /// The samples among these, best first.
    pub fn best_first<'a>(&self, samples: &[&'a str]) -> Vec<&'a str> {
        let mut samples = samples.to_vec();
        samples.sort_by(|a, b| self.score(b).total_cmp(&self.score(a)));
        samples
    }
}

impl Drawings {
    /// For each row of such a table the column of the highest similarity, and for each column the
    /// row: each sentence's best picture, and each picture's best sentence.
    pub fn best(table: &[Vec<f32>]) -> [Vec<usize>; 2] {
        let best = |scores: &[f32]| {
            let better = |best: usize, i: usize| if scores[i] > scores[best] { i } else { best };
            (0..scores.len()).fold(0, better)
        };
        let column = |i: usize| table.iter().map(|row| row[i]).collect::<Vec<_>>();
        let columns = 0..table.first().map_or(0, Vec::len);
        [table.iter().map(|row| best(row)).collect(), columns.map(|i| best(&column(i))).collect()]
    }

    /// How many of some answers of [`Drawings::best`] are right.
    pub fn right(answers: &[usize]) -> usize {
        answers.iter().enumerate().filter(|(i, answer)| i == *answer).count()
    }
}

impl Answers {
    /// Reads the committed file.
    ///
    /// # Panics
    ///
    /// Where it is missing or damaged.
    pub fn open() -> Self {
        let path = goldens_dir().join("built-in-answers.json");
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
    ///   white, and as OpenAI's preprocessing takes them, which drops the alpha channel after the resize
    ///
    /// # Panics
    ///
    /// Where there is none of that name.
    pub fn embeddings(name: &str) -> GoldenTensor {
        TensorFile::open(&goldens_dir().join("built-in-answers.safetensors")).f32(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_close, max_difference, repository_root, samples_dir};

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

    /// The answers that the model's own card publishes are the reference's.
    #[test]
    fn the_model_card_tells_them() {
        let card = std::fs::read_to_string(repository_root().join("weights/README.md")).unwrap();
        let rows: Vec<Vec<&str>> = card
            .lines()
            .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
            .map(|row| row.split('|').map(str::trim).collect())
            .collect();
        let number = |text: &str| text.replace('\u{2212}', "-").parse::<f32>().unwrap();
        let answers = Answers::open();

        // | `a picture of a dog` | fx-dog 0.528, fx-cat 0.494 |
        let mut queries = 0;
        for row in &rows {
            let Some(query) = row[0].strip_prefix('`').and_then(|text| text.strip_suffix('`'))
            else {
                continue;
            };
            queries += 1;
            let ranking = &answers.query(query).ranking;
            for (told, (name, score)) in row[1].split(", ").zip(ranking) {
                let (told_name, told_score) = told.rsplit_once(' ').unwrap();
                assert_eq!(Some(told_name), name.split('.').next(), "{query}");
                assert_close(query, &[number(told_score)], &[*score], 6e-4);
            }
        }
        assert!(queries > 2, "weights/README.md tells no answers");

        // | | fx-dog | fx-cat | .., then a row for each sentence
        let pictures = &answers.drawings.pictures;
        let names: Vec<_> = pictures.iter().filter_map(|name| name.split('.').next()).collect();
        let head = rows.iter().position(|row| row[1..] == names).expect("a table of drawings");
        let table = &rows[head + 2..][..names.len()];
        for (row, scores) in table.iter().zip(&answers.drawings.reference) {
            let told: Vec<f32> = row[1..].iter().map(|score| number(score)).collect();
            assert_close(row[0], &told, scores, 6e-4);
        }
    }

    #[test]
    fn drawings_are_opaque() {
        let Drawings { reference, on_white, .. } = Answers::open().drawings;
        for (reference, white) in reference.iter().zip(&on_white) {
            assert_close("on white", white, reference, 2e-6);
        }
    }

    #[test]
    fn best_answers_are_the_highest_of_rows_and_columns() {
        let [rows, columns] = Drawings::best(&[vec![0.5, 0.4], vec![0.6, -0.1]]);
        assert_eq!((&rows[..], &columns[..]), (&[0, 0][..], &[1, 0][..]));
        assert_eq!((Drawings::right(&rows), Drawings::right(&columns)), (1, 0));
    }

    #[test]
    fn dropped_and_composed_alpha_differ() {
        let [dropped, composed] =
            ["alpha_embeds_dropped", "alpha_embeds_on_white"].map(Answers::embeddings);
        assert!(max_difference(&dropped.values, &composed.values).0 > 0.01);
    }
}
