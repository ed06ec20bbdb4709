//! What a fresh text tower begins with.

use burn::tensor::{Tensor, TensorData};
use clip_checkpoint::{ModelCard, TextConfig};
use clip_model::Clip;
use serde::{Deserialize, Serialize};

use crate::parameters::{self, About, canonical, host};

/// The weights that a fresh text tower starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextStart {
    /// All drawn.
    #[default]
    Random,
    /// Those with which the tower is a weighted sum of its tokens' embeddings, as in the attention of Lin
    /// et al. 2017 (arXiv:1703.03130) without its hidden layer. Texts that share words are near each other
    /// before the first step, which a tower of random weights has to learn; the weights begin equal.
    WeightedSum,
}

impl TextStart {
    /// Gives the text tower of a drawn model its start.
    pub(crate) fn apply(self, clip: Clip, card: &ModelCard) -> Clip {
        let (text, tokens) = (&card.config.text, &card.tokenizer);
        match self {
            Self::Random => clip,
            Self::WeightedSum => {
                let ends = tokens.start_token.into_iter().chain([tokens.end_token]);
                let silent: Vec<usize> = ends.map(|token| token as usize).collect();
                parameters::update(
                    clip,
                    |path| canonical(path).starts_with("text"),
                    |about, value| weighted_sum(text, &silent, about, value),
                )
            }
        }
    }
}

/// A parameter of the sum. The first block reads the embeddings through its layer norm, adds their mean to
/// the last token, which is zero itself, and all else adds nothing. Its queries are constant and hear the
/// first value of each head's keys, whose weights are zero: they will be those of the sum.
fn weighted_sum(
    text: &TextConfig,
    silent: &[usize],
    about: About<'_>,
    value: Tensor<1>,
) -> Tensor<1> {
    let name = canonical(about.name);
    let (width, side) = (text.width, text.width / text.heads);
    let zeros = || vec![0.0; about.shape.iter().product()];
    let identity = |columns: usize, first: usize| {
        let mut values = zeros();
        (0..width).for_each(|i| values[i * columns + first + i] = 1.0);
        values
    };
    let values = match name.strip_prefix("text.transformer.resblocks.") {
        Some(rest) => match rest.split_once('.').unwrap_or((rest, "")) {
            ("0", "attn.in_proj.weight") => {
                let drawn = host(value.clone());
                let mut values = identity(3 * width, 2 * width);
                for row in 0..width {
                    let keys = row * 3 * width + width..row * 3 * width + 2 * width;
                    values[keys.clone()].copy_from_slice(&drawn[keys.clone()]);
                    values[keys].iter_mut().step_by(side).for_each(|value| *value = 0.0);
                }
                values
            }
            ("0", "attn.in_proj.bias") => {
                let mut values = zeros();
                // Half of what makes up for the division by the root of the head's width.
                let query = (side as f32).powf(0.25);
                values[..width].iter_mut().step_by(side).for_each(|value| *value = query);
                values
            }
            ("0", "attn.out_proj.weight") => identity(width, 0),
            (_, "attn.out_proj.weight" | "attn.out_proj.bias") => zeros(),
            (_, "mlp.c_proj.weight" | "mlp.c_proj.bias") => zeros(),
            _ => return value,
        },
        None => match name {
            "text.token_embedding.weight" => {
                let mut values = host(value.clone());
                let square = values.iter().map(|value| value * value).sum::<f32>();
                let scale = (values.len() as f32 / (square * width as f32)).sqrt();
                values.iter_mut().for_each(|value| *value *= scale);
                for token in silent {
                    values[token * width..][..width].fill(0.0);
                }
                values
            }
            "text.positional_embedding" => zeros(),
            "text_projection.weight" if about.shape == [width, width] => identity(width, 0),
            _ => return value,
        },
    };
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), &value.device())
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use clip_model::{Device, int_tensor};

    use super::*;
    use crate::{FreshModel, TowerSize};

    /// To mean 0 and variance 1.
    fn normalized(values: &[f32]) -> Vec<f32> {
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        values.iter().map(|value| (value - mean) / (variance + 1e-5).sqrt()).collect()
    }

    #[test]
    fn a_text_starts_as_the_sum_of_its_tokens() {
        let model = FreshModel {
            embed_dim: 16,
            text: TowerSize { width: 16, layers: 2, heads: 2 },
            vocab_size: 600,
            text_start: TextStart::WeightedSum,
            ..FreshModel::default()
        };
        let (card, device) = (model.card(), Device::flex());
        let clip = model.text_start.apply(Clip::init(&card.config, &device), &card);
        let table = host(clip.text.text.token_embedding.weight.val().flatten(0, 1));
        let ids = [598, 10, 20, 599];
        let mut sum = vec![0.0; 16];
        for id in ids {
            let row = normalized(&table[id as usize * 16..][..16]);
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / ids.len() as f32);
        }
        let vectors = clip.text.forward(int_tensor(&ids, [1, 4], &device));
        let sum = normalized(&sum);
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        let expected: Vec<f32> = sum.into_iter().map(|value| value / length).collect();
        clip_testkit::assert_close("sum", &host(vectors.flatten(0, 1)), &expected, 1e-5);
    }
}
