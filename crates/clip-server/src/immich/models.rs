//! immich's names of models, and those of the same weights here.

use axum::http::StatusCode;

use crate::errors::{ApiError, ApiResult};
use crate::state::Server;

/// Names in `machine-learning/immich_ml/models/constants.py`, and what the same weights are called here, the
/// published ones first. `ViT-g-14__laion2b-s12b-b42k` and `ViT-SO400M-14-SigLIP2-378__webli` are other weights
/// than any here.
const NAMES: [(&str, &[&str]); 26] = [
    ("ViT-B-32__openai", &["clip-vit-base-patch32", "openai-vit-b-32"]),
    ("ViT-B-16__openai", &["clip-vit-base-patch16", "openai-vit-b-16"]),
    ("ViT-L-14__openai", &["clip-vit-large-patch14", "openai-vit-l-14"]),
    ("ViT-L-14-336__openai", &["clip-vit-large-patch14-336", "openai-vit-l-14-336"]),
    ("ViT-B-32__laion2b-s34b-b79k", &["laion2b-vit-b-32"]),
    ("ViT-L-14__laion2b-s32b-b82k", &["laion2b-vit-l-14"]),
    ("ViT-H-14__laion2b-s32b-b79k", &["laion2b-vit-h-14"]),
    ("ViT-B-16-SigLIP__webli", &["siglip-base-patch16-224"]),
    ("ViT-B-16-SigLIP-256__webli", &["siglip-base-patch16-256"]),
    ("ViT-B-16-SigLIP-384__webli", &["siglip-base-patch16-384"]),
    ("ViT-B-16-SigLIP-512__webli", &["siglip-base-patch16-512"]),
    ("ViT-B-16-SigLIP-i18n-256__webli", &["siglip-base-patch16-256-multilingual"]),
    ("ViT-L-16-SigLIP-256__webli", &["siglip-large-patch16-256"]),
    ("ViT-L-16-SigLIP-384__webli", &["siglip-large-patch16-384"]),
    ("ViT-SO400M-14-SigLIP-384__webli", &["siglip-so400m-patch14-384"]),
    ("ViT-B-16-SigLIP2__webli", &["siglip2-base-patch16-224"]),
    ("ViT-B-32-SigLIP2-256__webli", &["siglip2-base-patch32-256"]),
    ("ViT-L-16-SigLIP2-256__webli", &["siglip2-large-patch16-256"]),
    ("ViT-L-16-SigLIP2-384__webli", &["siglip2-large-patch16-384"]),
    ("ViT-L-16-SigLIP2-512__webli", &["siglip2-large-patch16-512"]),
    ("ViT-SO400M-14-SigLIP2__webli", &["siglip2-so400m-patch14-224"]),
    ("ViT-SO400M-16-SigLIP2-256__webli", &["siglip2-so400m-patch16-256"]),
    ("ViT-SO400M-16-SigLIP2-384__webli", &["siglip2-so400m-patch16-384"]),
    ("ViT-SO400M-16-SigLIP2-512__webli", &["siglip2-so400m-patch16-512"]),
    ("ViT-gopt-16-SigLIP2-256__webli", &["siglip2-giant-opt-patch16-256"]),
    ("ViT-gopt-16-SigLIP2-384__webli", &["siglip2-giant-opt-patch16-384"]),
];

/// What the models with the weights of one of immich's are called here; nothing where there are none.
pub fn names(immich: &str) -> &'static [&'static str] {
    NAMES.iter().find(|(name, _)| *name == immich).map_or(&[], |(_, own)| own)
}

/// What immich calls the model of a name here, in whatever number format it was written.
fn immich_name(own: &str) -> Option<&'static str> {
    let is_it = |name: &str| {
        let format = own.strip_prefix(name);
        format.is_some_and(|format| matches!(format, "" | "-f32" | "-f16" | "-bf16" | "-int8"))
    };
    NAMES.iter().find(|(_, names)| names.iter().any(|name| is_it(name))).map(|(immich, _)| *immich)
}

impl Server {
    /// Whether immich means the model of this server: vectors of another would spoil its database.
    pub(super) fn check_immich_model(&self, wanted: &str) -> ApiResult<()> {
        let aliases = self.settings().aliases.iter().map(String::as_str);
        let mut own = std::iter::once(self.model()).chain(aliases);
        if own.clone().any(|own| own == wanted || immich_name(own) == Some(wanted)) {
            return Ok(());
        }
        let model = self.model();
        let start = match names(wanted) {
            [name, ..] => format!("start it with the model {name}"),
            [] => "it has no model with the weights of that one".to_owned(),
        };
        let choose = match own.find_map(immich_name) {
            Some(name) => format!("choose {name} in immich's settings"),
            None => "choose a model in immich's settings that docs/immich.md lists".to_owned(),
        };
        let message =
            format!("immich asks for {wanted}, and this server has {model}: {start}, or {choose}");
        Err(ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message).with_param("entries"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_both_directions() {
        for (immich, own) in NAMES {
            assert_eq!(names(immich), own);
            for own in own {
                assert_eq!(immich_name(own), Some(immich), "{own}");
                assert_eq!(immich_name(&format!("{own}-int8")), Some(immich), "{own}");
            }
        }
        assert_eq!(names("ViT-B-32"), [""; 0]);
        assert_eq!(immich_name("clip-vit-large-patch14-3"), None);
        assert_eq!(immich_name("clip-photo"), None);
    }
}
