//! The one table of this source: our modules and what OpenAI's code calls them
//! (<https://github.com/openai/CLIP/blob/main/clip/model.py>). The projections are parameters that
//! the features are multiplied with, `x @ proj`, so they lie as ours do.

use crate::recipe::Kind::{self, InProj, Linear, Norm, Tensor};
use crate::recipe::Row;

/// Our module, the foreign one, what it is.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
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

    row("text.token_embedding.weight", &["token_embedding.weight"], Tensor),
    row("text.positional_embedding", &["positional_embedding"], Tensor),
    row("text.transformer.resblocks.*.ln_1", &["transformer.resblocks.*.ln_1"], Norm),
    row("text.transformer.resblocks.*.attn.in_proj", &["transformer.resblocks.*.attn.in_proj"], InProj),
    row("text.transformer.resblocks.*.attn.out_proj", &["transformer.resblocks.*.attn.out_proj"], Linear),
    row("text.transformer.resblocks.*.ln_2", &["transformer.resblocks.*.ln_2"], Norm),
    row("text.transformer.resblocks.*.mlp.c_fc", &["transformer.resblocks.*.mlp.c_fc"], Linear),
    row("text.transformer.resblocks.*.mlp.c_proj", &["transformer.resblocks.*.mlp.c_proj"], Linear),
    row("text.ln_final", &["ln_final"], Norm),
    row("text_projection.weight", &["text_projection"], Tensor),

    row("logit_scale", &["logit_scale"], Tensor),
];

const fn row(ours: &'static str, foreign: &'static [&'static str], kind: Kind) -> Row {
    Row { ours, foreign, kind }
}
