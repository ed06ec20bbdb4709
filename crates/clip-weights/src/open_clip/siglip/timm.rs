//! What a name of timm's says about a picture tower and its tensors do not. In OpenCLIP's
//! configuration the name is all there is: timm's registry holds the rest, in
//! <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py>.

use clip_checkpoint::Activation;

use crate::json::Fields;

/// Of every layer norm.
pub(super) const EPSILON: f64 = 1e-6;

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tower {
    pub(super) heads: usize,
    pub(super) activation: Activation,
}

/// The towers that pool by attention, as of timm 1.0: name, heads, activation. Those of which SigLIP 2
/// took over the weights' names have the activation of SigLIP 1.
#[rustfmt::skip]
const TOWERS: &[(&str, usize, Activation)] = &[
    ("vit_base_patch16_siglip_224", 12, Activation::Gelu),
    ("vit_base_patch16_siglip_256", 12, Activation::Gelu),
    ("vit_base_patch16_siglip_384", 12, Activation::Gelu),
    ("vit_base_patch16_siglip_512", 12, Activation::Gelu),
    ("vit_base_patch32_siglip_256", 12, Activation::GeluTanh),
    ("vit_large_patch16_siglip_256", 16, Activation::Gelu),
    ("vit_large_patch16_siglip_384", 16, Activation::Gelu),
    ("vit_large_patch16_siglip_512", 16, Activation::GeluTanh),
    ("vit_so400m_patch14_siglip_224", 16, Activation::Gelu),
    ("vit_so400m_patch14_siglip_378", 16, Activation::Gelu),
    ("vit_so400m_patch14_siglip_384", 16, Activation::Gelu),
    ("vit_so400m_patch16_siglip_256", 16, Activation::GeluTanh),
    ("vit_so400m_patch16_siglip_384", 16, Activation::GeluTanh),
    ("vit_so400m_patch16_siglip_512", 16, Activation::GeluTanh),
    ("vit_giantopt_patch16_siglip_256", 16, Activation::GeluTanh),
    ("vit_giantopt_patch16_siglip_384", 16, Activation::GeluTanh),
];

/// The tower that `vision_cfg` names, where it is one of SigLIP's.
pub(crate) fn tower(vision: &Fields) -> Option<Tower> {
    let name = vision.get("timm_model_name")?.as_str()?;
    let (_, heads, activation) = TOWERS.iter().find(|(tower, ..)| *tower == name)?;
    Some(Tower { heads: *heads, activation: *activation })
}
