//! The tables of this source: our modules and what transformers calls them
//! (`modeling_clip.py`, where `pre_layrnorm` is spelled so, and `modeling_siglip.py`).

use crate::recipe::Kind::{InProj, Linear, Norm, Tensor};
use crate::recipe::{Row, row};

/// What CLIP has: our modules, the foreign ones, what they are.
pub(super) const CLIP: &[&[Row]] = &[COMMON, CLIP_ENDS];

/// What SigLIP has.
pub(super) const SIGLIP: &[&[Row]] = &[COMMON, SIGLIP_ENDS];

#[rustfmt::skip]
const COMMON: &[Row] = &[
    row("visual.patch_embedding.weight", &["vision_model.embeddings.patch_embedding.weight"], Tensor),
    row("visual.positional_embedding", &["vision_model.embeddings.position_embedding.weight"], Tensor),
    row("visual.transformer.resblocks.*.ln_1", &["vision_model.encoder.layers.*.layer_norm1"], Norm),
    row("visual.transformer.resblocks.*.attn.in_proj", &[
        "vision_model.encoder.layers.*.self_attn.q_proj",
        "vision_model.encoder.layers.*.self_attn.k_proj",
        "vision_model.encoder.layers.*.self_attn.v_proj",
    ], Linear),
    row("visual.transformer.resblocks.*.attn.out_proj", &["vision_model.encoder.layers.*.self_attn.out_proj"], Linear),
    row("visual.transformer.resblocks.*.ln_2", &["vision_model.encoder.layers.*.layer_norm2"], Norm),
    row("visual.transformer.resblocks.*.mlp.c_fc", &["vision_model.encoder.layers.*.mlp.fc1"], Linear),
    row("visual.transformer.resblocks.*.mlp.c_proj", &["vision_model.encoder.layers.*.mlp.fc2"], Linear),
    row("visual.ln_post", &["vision_model.post_layernorm"], Norm),

    row("text.token_embedding.weight", &["text_model.embeddings.token_embedding.weight"], Tensor),
    row("text.positional_embedding", &["text_model.embeddings.position_embedding.weight"], Tensor),
    row("text.transformer.resblocks.*.ln_1", &["text_model.encoder.layers.*.layer_norm1"], Norm),
    row("text.transformer.resblocks.*.attn.in_proj", &[
        "text_model.encoder.layers.*.self_attn.q_proj",
        "text_model.encoder.layers.*.self_attn.k_proj",
        "text_model.encoder.layers.*.self_attn.v_proj",
    ], Linear),
    row("text.transformer.resblocks.*.attn.out_proj", &["text_model.encoder.layers.*.self_attn.out_proj"], Linear),
    row("text.transformer.resblocks.*.ln_2", &["text_model.encoder.layers.*.layer_norm2"], Norm),
    row("text.transformer.resblocks.*.mlp.c_fc", &["text_model.encoder.layers.*.mlp.fc1"], Linear),
    row("text.transformer.resblocks.*.mlp.c_proj", &["text_model.encoder.layers.*.mlp.fc2"], Linear),
    row("text.ln_final", &["text_model.final_layer_norm"], Norm),

    row("logit_scale", &["logit_scale"], Tensor),
];

#[rustfmt::skip]
const CLIP_ENDS: &[Row] = &[
    row("visual.class_embedding", &["vision_model.embeddings.class_embedding"], Tensor),
    row("visual.ln_pre", &["vision_model.pre_layrnorm"], Norm),
    row("visual_projection", &["visual_projection"], Linear),
    row("text_projection", &["text_projection"], Linear),
];

/// The pooling's attention is PyTorch's own class.
#[rustfmt::skip]
const SIGLIP_ENDS: &[Row] = &[
    row("visual.patch_embedding.bias", &["vision_model.embeddings.patch_embedding.bias"], Tensor),
    row("visual.attn_pool.probe", &["vision_model.head.probe"], Tensor),
    row("visual.attn_pool.attn.in_proj", &["vision_model.head.attention.in_proj"], InProj),
    row("visual.attn_pool.attn.out_proj", &["vision_model.head.attention.out_proj"], Linear),
    row("visual.attn_pool.ln", &["vision_model.head.layernorm"], Norm),
    row("visual.attn_pool.mlp.c_fc", &["vision_model.head.mlp.fc1"], Linear),
    row("visual.attn_pool.mlp.c_proj", &["vision_model.head.mlp.fc2"], Linear),
    row("text_projection", &["text_model.head"], Linear),
    row("logit_bias", &["logit_bias"], Tensor),
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
            let recipe = Recipe::find(CLIP, &spec.name).unwrap_or_else(|| panic!("{}", spec.name));
            for part in recipe.parts {
                assert!(used.insert(part.name.clone()), "{}", part.name);
            }
        }
        // 398 tensors in openai/clip-vit-base-patch32, less the two `position_ids`.
        assert_eq!(used.len(), 398);
    }
}
