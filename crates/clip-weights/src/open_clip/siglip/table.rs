//! The tables of this source: our modules, and what timm's tower and OpenCLIP's text tower call them.
//! `VisionTransformer` and `AttentionPoolLatent` in
//! <https://github.com/huggingface/pytorch-image-models/tree/main/timm>; where the text projection has
//! a bias, OpenCLIP makes it a layer and no parameter.

use crate::openai;
use crate::recipe::Kind::{Linear, Norm, QueryAndKeyValue, Tensor};
use crate::recipe::{Row, row};

pub(super) const TABLES: &[&[Row]] = &[VISION, openai::TEXT, ENDS];

#[rustfmt::skip]
const VISION: &[Row] = &[
    row("visual.patch_embedding.weight", &["visual.trunk.patch_embed.proj.weight"], Tensor),
    row("visual.patch_embedding.bias", &["visual.trunk.patch_embed.proj.bias"], Tensor),
    row("visual.positional_embedding", &["visual.trunk.pos_embed"], Tensor),
    row("visual.transformer.resblocks.*.ln_1", &["visual.trunk.blocks.*.norm1"], Norm),
    row("visual.transformer.resblocks.*.attn.in_proj", &["visual.trunk.blocks.*.attn.qkv"], Linear),
    row("visual.transformer.resblocks.*.attn.out_proj", &["visual.trunk.blocks.*.attn.proj"], Linear),
    row("visual.transformer.resblocks.*.ln_2", &["visual.trunk.blocks.*.norm2"], Norm),
    row("visual.transformer.resblocks.*.mlp.c_fc", &["visual.trunk.blocks.*.mlp.fc1"], Linear),
    row("visual.transformer.resblocks.*.mlp.c_proj", &["visual.trunk.blocks.*.mlp.fc2"], Linear),
    row("visual.ln_post", &["visual.trunk.norm"], Norm),
    row("visual.attn_pool.probe", &["visual.trunk.attn_pool.latent"], Tensor),
    row("visual.attn_pool.attn.in_proj", &["visual.trunk.attn_pool.q", "visual.trunk.attn_pool.kv"], QueryAndKeyValue),
    row("visual.attn_pool.attn.out_proj", &["visual.trunk.attn_pool.proj"], Linear),
    row("visual.attn_pool.ln", &["visual.trunk.attn_pool.norm"], Norm),
    row("visual.attn_pool.mlp.c_fc", &["visual.trunk.attn_pool.mlp.fc1"], Linear),
    row("visual.attn_pool.mlp.c_proj", &["visual.trunk.attn_pool.mlp.fc2"], Linear),
];

#[rustfmt::skip]
const ENDS: &[Row] = &[
    row("text_projection", &["text_projection"], Linear),
    row("logit_scale", &["logit_scale"], Tensor),
    row("logit_bias", &["logit_bias"], Tensor),
];
