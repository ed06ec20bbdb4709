//! Which fields a configuration may have, and what becomes of each. A field that is not known may
//! change what the model computes, so it is an error.
//!
//! They are those of `CLIP`, `CLIPVisionCfg` and `CLIPTextCfg` in
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py>, as of OpenCLIP 3.3.

use serde_json::Value;

use crate::Result;
use crate::json::Fields;

/// A field's name and use.
pub(super) type Row = (&'static str, Use);

/// What becomes of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// It says something about the architecture.
    Read,
    /// Embeddings do not depend on it.
    Ignored,
    /// It has this value.
    Only(&'static str),
    /// It is switched off; what can be converted is what the model has then.
    Off(&'static str),
    /// It is switched on; what can be converted is what the model has then.
    On(&'static str),
}

use Use::{Ignored, Off, On, Only, Read};

/// `model_cfg`. The names of the tensors say whether the text tower is `custom_text`; the rest of
/// what is ignored is where a training starts from.
pub(super) const MODEL: &[Row] = &[
    ("embed_dim", Read),
    ("vision_cfg", Read),
    ("text_cfg", Read),
    ("quick_gelu", Read),
    ("init_logit_bias", Read),
    ("custom_text", Ignored),
    ("init_logit_scale", Ignored),
    ("nonscalar_logit_scale", Ignored),
    ("output_dict", Ignored),
];

/// `model_cfg.vision_cfg`. The last layer norm treats each token alone, so it may as well come after
/// the class token is taken; the positions are a tensor whichever way they were made; patches are
/// dropped in training only.
pub(super) const VISION: &[Row] = &[
    ("layers", Read),
    ("width", Read),
    ("head_width", Read),
    ("mlp_ratio", Read),
    ("patch_size", Read),
    ("image_size", Read),
    ("norm_kwargs", Read),
    ("pool_type", Only("tok")),
    ("attentional_pool", Off("pooling at the class token")),
    ("no_ln_pre", Off("a layer norm before the blocks")),
    ("final_ln_after_pool", Ignored),
    ("pos_embed_type", Ignored),
    ("patch_dropout", Ignored),
    ("attn_pooler_queries", Ignored),
    ("attn_pooler_heads", Ignored),
    ("output_tokens", Ignored),
    ("timm_model_pretrained", Ignored),
    ("timm_pool", Ignored),
    ("timm_proj", Ignored),
    ("timm_proj_bias", Ignored),
    ("timm_drop", Ignored),
    ("timm_drop_path", Ignored),
];

/// `model_cfg.text_cfg`. The padding and the mode are for other towers and tokenizers, and OpenCLIP
/// reads `final_ln_after_pool` for no text tower.
pub(super) const TEXT: &[Row] = &[
    ("context_length", Read),
    ("vocab_size", Read),
    ("width", Read),
    ("heads", Read),
    ("layers", Read),
    ("mlp_ratio", Read),
    ("norm_kwargs", Read),
    ("pool_type", Read),
    ("eos_id", Read),
    ("proj_type", Only("linear")),
    ("proj_bias", Off("a projection without bias")),
    ("embed_cls", Off("pooling at the end token")),
    ("no_causal_mask", Off("causal attention")),
    ("hf_tokenizer_name", Off(TOKENIZER)),
    ("tokenizer_kwargs", Off(TOKENIZER)),
    ("tokenizer_mode", Ignored),
    ("pad_id", Ignored),
    ("final_ln_after_pool", Ignored),
    ("output_tokens", Ignored),
    ("hf_model_pretrained", Ignored),
    ("hf_proj_type", Ignored),
    ("hf_pooler_type", Ignored),
];

/// What the blocks of CLIP's towers may be, besides [`BLOCK`].
pub(super) const CLIP_BLOCK: &[Row] = &[("act_kwargs", Off("GELU and QuickGELU"))];

/// What both towers' blocks may be.
pub(super) const BLOCK: &[Row] = &[
    ("block_type", Only("default")),
    ("ls_init_value", Off("blocks without layer scale")),
    ("qk_norm", Off(PLAIN)),
    ("scaled_cosine_attn", Off(PLAIN)),
    ("scale_heads", Off(PLAIN)),
    ("scale_attn_inner", Off(PLAIN)),
    ("scale_attn", Off(PLAIN)),
    ("scale_fc", Off(PLAIN)),
];

/// `norm_kwargs` of either tower.
pub(super) const NORM: &[Row] = &[("eps", Read)];

/// `vision_cfg` of a SigLIP: timm builds the tower, and has given it a name.
pub(super) const SIGLIP_VISION: &[Row] = &[
    ("timm_model_name", Read),
    ("image_size", Read),
    ("timm_pool", Only("map")),
    ("timm_proj", Only("none")),
    ("timm_model_pretrained", Ignored),
    ("timm_proj_bias", Ignored),
    ("timm_drop", Ignored),
    ("timm_drop_path", Ignored),
    ("patch_dropout", Ignored),
];

/// `text_cfg` of a SigLIP. The tokenizer lies beside the weights.
pub(super) const SIGLIP_TEXT: &[Row] = &[
    ("context_length", Read),
    ("vocab_size", Read),
    ("width", Read),
    ("heads", Read),
    ("layers", Read),
    ("mlp_ratio", Read),
    ("norm_kwargs", Read),
    ("act_kwargs", Read),
    ("proj_type", Read),
    ("proj_bias", Read),
    ("tokenizer_kwargs", Read),
    ("pool_type", Only("last")),
    ("no_causal_mask", On("attention to all tokens")),
    ("embed_cls", Off("pooling at the last token")),
    ("hf_tokenizer_name", Ignored),
    ("tokenizer_mode", Ignored),
    ("pad_id", Ignored),
    ("eos_id", Ignored),
    ("final_ln_after_pool", Ignored),
    ("output_tokens", Ignored),
];

const TOKENIZER: &str = "OpenAI's tokenizer";
const PLAIN: &str = "OpenAI's blocks";

/// Fails for the first field that is in none of the tables, or has a value that it may not have.
pub(super) fn check(fields: &Fields, tables: &[&[Row]]) -> Result<()> {
    for key in fields.keys() {
        let Some(value) = fields.get(key) else { continue };
        let row = tables.iter().copied().flatten().find(|(name, _)| *name == key);
        match row.map(|(_, used)| *used) {
            Some(Read | Ignored) => {}
            Some(Only(supported)) if value.as_str() == Some(supported) => {}
            Some(Off(_)) if is_off(value) => {}
            Some(On(_)) if value.as_bool() == Some(true) => {}
            Some(Only(supported) | Off(supported) | On(supported)) => {
                return Err(fields.unsupported(key, supported));
            }
            None => return Err(fields.unsupported(key, "fields of OpenCLIP 3.3")),
        }
    }
    Ok(())
}

fn is_off(value: &Value) -> bool {
    match value {
        Value::Bool(on) => !on,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
