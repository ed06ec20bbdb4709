//! The tables of this source: our modules and what OpenAI's code calls them
//! (<https://github.com/openai/CLIP/blob/main/clip/model.py>). The projections are parameters that
//! the features are multiplied with, `x @ proj`, so they lie as ours do.

use crate::recipe::Kind::{InProj, Linear, Norm, Tensor};
use crate::recipe::{Row, row};

/// The two towers of OpenAI's code, their projections and the scale; the bias is OpenCLIP's.
pub(crate) const TABLES: &[&[Row]] = &[VISION, TEXT, ENDS];

#[rustfmt::skip]
const VISION: &[Row] = &[
    row("visual.patch_embedding.weight", &["visual.conv1.weight"], Tensor),
    row("visual.class_embedding", &["visual.class_embedding"], Tensor),
    row("visual.positional_embedding", &["visual.positional_embedding"], Tensor),
    row("visual.ln_pre", &["visual.ln_pre"], Norm),
    row("visual.transformer.resblocks.*.ln_1", &["visual.transformer.resblocks.*.ln_1"], Norm),
    row("visual.transformer.resblocks.*.attn.in_proj", &["visual.transformer.resblocks.*.attn.in_proj"], InProj),
    row("visual.transformer.resblocks.*.attn.out_proj", &["visual.transformer.resblocks.*.attn.out_proj"], Linear),
    row("visual.transformer.resblocks.*.ln_2", &["visual.transformer.resblocks.*.ln_2"], Norm),
    row("visual.transformer.resblocks.*.mlp.c_fc", &["visual.transformer.resblocks.*.mlp.c_fc"], Linear),
    row("visual.transformer.resblocks.*.mlp.c_proj", &["visual.transformer.resblocks.*.mlp.c_proj"], Linear),
    row("visual.ln_post", &["visual.ln_post"], Norm),
    row("visual_projection.weight", &["visual.proj"], Tensor),
];

/// The text tower without its projection.
#[rustfmt::skip]
pub(crate) const TEXT: &[Row] = &[
    row("text.token_embedding.weight", &["token_embedding.weight"], Tensor),
    row("text.positional_embedding", &["positional_embedding"], Tensor),
    row("text.transformer.resblocks.*.ln_1", &["transformer.resblocks.*.ln_1"], Norm),
    row("text.transformer.resblocks.*.attn.in_proj", &["transformer.resblocks.*.attn.in_proj"], InProj),
    row("text.transformer.resblocks.*.attn.out_proj", &["transformer.resblocks.*.attn.out_proj"], Linear),
    row("text.transformer.resblocks.*.ln_2", &["transformer.resblocks.*.ln_2"], Norm),
    row("text.transformer.resblocks.*.mlp.c_fc", &["transformer.resblocks.*.mlp.c_fc"], Linear),
    row("text.transformer.resblocks.*.mlp.c_proj", &["transformer.resblocks.*.mlp.c_proj"], Linear),
    row("text.ln_final", &["ln_final"], Norm),
];

#[rustfmt::skip]
const ENDS: &[Row] = &[
    row("logit_bias", &["logit_bias"], Tensor),
    row("text_projection.weight", &["text_projection"], Tensor),
    row("logit_scale", &["logit_scale"], Tensor),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clip_checkpoint::{presets, tensors};

    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn every_canonical_tensor_has_a_row_and_no_foreign_tensor_is_used_twice() {
        let config = presets::find("ViT-B-32").unwrap();
        let mut used = BTreeSet::new();
        for spec in tensors(config) {
            let recipe =
                Recipe::find(TABLES, &spec.name).unwrap_or_else(|| panic!("{}", spec.name));
            for part in recipe.parts {
                assert!(used.insert(part.name.clone()), "{}", part.name);
            }
        }
        // What `CLIP.state_dict` of OpenAI's code has for ViT-B/32.
        assert_eq!(used.len(), 302);
    }
}
