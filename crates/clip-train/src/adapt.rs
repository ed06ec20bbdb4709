//! How a model is trained further: frozen towers (LiT, arXiv:2111.07991), low-rank adapters (LoRA,
//! arXiv:2106.09685), layer-wise learning rates, and weights between the old and the new model
//! (WiSE-FT, arXiv:2109.01903).

use std::collections::BTreeMap;

use burn::module::{Lora, Module, ParamGroup};
use serde::{Deserialize, Serialize};

use crate::Learner;
use crate::parameters::{self, Named, canonical};

/// A half of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// The picture tower and its head.
    Image,
    /// The text tower and its head.
    Text,
}

/// How a model is trained further.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptConfig {
    /// Halves that stay as they are.
    pub freeze: Vec<Half>,
    /// Rank of the adapters on the products of attention and MLP; 0 for none. With adapters, only
    /// they, the heads and the scale learn.
    pub lora_rank: usize,
    /// Strength of the adapters, over their rank; 0 takes twice the rank.
    pub lora_alpha: f64,
    /// Share of the weights it started from in those that are validated and saved: between 0, the
    /// trained model, and 1 lie models that keep what the old one knew beside what was learned.
    pub start_share: f64,
}

/// The products that adapters sit on.
const ADAPTED: [&str; 4] =
    ["attn.in_proj.weight", "attn.out_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight"];

impl AdaptConfig {
    /// Freezes and adapts a model. Draws from the device's random numbers where there are adapters.
    pub fn apply(&self, learner: Learner) -> Learner {
        let learner = match self.lora_rank {
            0 => learner,
            rank => {
                let alpha = if self.lora_alpha > 0.0 { self.lora_alpha } else { 2.0 * rank as f64 };
                let group = ParamGroup::from_any_predicates(ADAPTED.to_vec());
                let heads = ["visual_projection", "text_projection", "logits"];
                learner
                    .apply_lora(Lora::new(rank, alpha).set_param_group(group))
                    .set_require_grad_group(ParamGroup::from_any_predicates(heads.to_vec()), true)
            }
        };
        self.freeze.iter().fold(learner, |learner, half| {
            let path = match half {
                Half::Image => "clip.image.",
                Half::Text => "clip.text.",
            };
            learner.set_require_grad_group(ParamGroup::from_predicate(path), false)
        })
    }
}

/// The part that a model's start has in what it serves.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    values: Named,
    share: f64,
}

impl Anchor {
    /// Keeps the weights of a model that has no adapters yet; nothing where they have no share.
    pub(crate) fn new(start: &Learner, share: f64) -> Option<Self> {
        (share > 0.0).then(|| Self { values: parameters::values(start), share })
    }

    /// The weights between the start and a model that [serves](Learner::serving).
    pub(crate) fn pull(&self, serving: Learner) -> Learner {
        parameters::update(
            serving,
            |_| true,
            |about, value| {
                self.values[about.name].clone() * self.share + value * (1.0 - self.share)
            },
        )
    }
}

/// Factors on the learning rate by name: 1 for the last block of a tower and what follows it,
/// `decay` less for each block below, the embeddings least (Clark et al. 2020, arXiv:2003.10555).
pub fn layer_factors(learner: &Learner, decay: f64) -> BTreeMap<String, f64> {
    if decay >= 1.0 {
        return BTreeMap::new();
    }
    let depths = [
        ("visual.", learner.clip.image.visual.transformer.resblocks.len()),
        ("text.", learner.clip.text.text.transformer.resblocks.len()),
    ];
    let depth_below_top = |name: &str| -> usize {
        let Some((tower, layers)) = depths.iter().find(|(tower, _)| name.starts_with(tower)) else {
            return 0;
        };
        let rest = &name[tower.len()..];
        match rest.strip_prefix("transformer.resblocks.") {
            Some(rest) => {
                let block = rest.split('.').next().and_then(|block| block.parse().ok());
                layers - 1 - block.unwrap_or(layers - 1)
            }
            None if rest.starts_with("ln_post") || rest.starts_with("ln_final") => 0,
            None => *layers,
        }
    };
    let factor = |path: String| {
        let below = depth_below_top(canonical(&path));
        (path, decay.powi(i32::try_from(below).unwrap_or(i32::MAX)))
    };
    parameters::values(learner).into_keys().map(factor).collect()
}
