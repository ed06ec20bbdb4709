//! Where in a checkpoint the tensors of the model are.
//!
//! Whoever trains a model saves it below a key (`state_dict`, `model_state_dict`, `model`) or as a
//! part of a module of their own (`model.`, `clip.`, `net.`), and PyTorch's wrappers add names of
//! theirs. No list of such prefixes is complete, and none is needed: the prefix is what stands before
//! the names that a family has for its token embedding and its patch embedding.

use std::collections::BTreeMap;

/// The names by which the two towers of a family are known.
#[derive(Debug)]
pub(crate) struct Landmarks {
    pub(crate) image: &'static [&'static str],
    pub(crate) text: &'static [&'static str],
}

/// What PyTorch puts between a module and its parts: `DataParallel`, `DistributedDataParallel` and
/// `AveragedModel` (`module`), `torch.compile`, `FullyShardedDataParallel` and `checkpoint_wrapper`.
const WRAPPERS: [&str; 4] =
    ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// A model, or what seems to be one half of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What its tensors' names begin with; empty, or with a point at its end.
    pub(crate) prefix: String,
    /// The patch embedding and the token embedding, as the file calls them.
    pub(crate) image: Option<String>,
    pub(crate) text: Option<String>,
}

impl Candidate {
    pub(crate) fn is_whole(&self) -> bool {
        self.image.is_some() && self.text.is_some()
    }
}

/// Everything that may be a model, in the order of the prefixes.
pub(crate) fn candidates<'a>(
    names: impl Iterator<Item = &'a str>,
    families: &[&Landmarks],
) -> Vec<Candidate> {
    let mut found = BTreeMap::<_, Candidate>::new();
    for name in names {
        for (family, landmarks) in families.iter().enumerate() {
            let image = landmarks.image.iter().map(|landmark| (true, landmark));
            let text = landmarks.text.iter().map(|landmark| (false, landmark));
            for (is_image, landmark) in image.chain(text) {
                let Some(prefix) = before(name, landmark) else { continue };
                let candidate = found.entry((prefix.clone(), family)).or_default();
                candidate.prefix = prefix;
                let half = if is_image { &mut candidate.image } else { &mut candidate.text };
                *half = Some(name.to_owned());
            }
        }
    }
    found.into_values().collect()
}

/// What stands before a landmark at the end of a name.
fn before(name: &str, landmark: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let mut left = parts.len();
    for (index, part) in landmark.rsplit('.').enumerate() {
        while index > 0 && left > 0 && WRAPPERS.contains(&parts[left - 1]) {
            left -= 1;
        }
        left = left.checked_sub(1).filter(|last| parts[*last] == part)?;
    }
    Some(parts[..left].iter().map(|part| format!("{part}.")).collect())
}

/// The name behind the prefix, as it is without PyTorch's wrappers; none of a tensor elsewhere.
pub(crate) fn strip(name: &str, prefix: &str) -> Option<String> {
    let name = name.strip_prefix(prefix)?;
    let parts: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Landmarks =
        Landmarks { image: &["visual.conv1.weight"], text: &["token.weight", "text.token.weight"] };
    const B: Landmarks = Landmarks { image: &["vision.patch"], text: &["text_model.token"] };

    #[track_caller]
    fn check(names: &[&str], prefixes: &[&str]) {
        let whole = candidates(names.iter().copied(), &[&A, &B]);
        let whole = whole.into_iter().filter(Candidate::is_whole);
        assert_eq!(whole.map(|candidate| candidate.prefix).collect::<Vec<_>>(), prefixes);
    }

    #[test]
    fn a_prefix_is_what_both_towers_have() {
        check(&["visual.conv1.weight", "token.weight"], &[""]);
        check(&["visual.conv1.weight", "text.token.weight"], &[""]);
        check(&["a.b.visual.conv1.weight", "a.b.token.weight", "token.weight"], &["a.b."]);
        check(&["a.vision.patch", "a.text_model.token", "text_model.token"], &["a."]);
        // Halves of unlike families, or of unlike models.
        check(&["visual.conv1.weight", "text_model.token"], &[]);
        check(&["a.visual.conv1.weight", "b.token.weight"], &[]);
        // Only whole names count.
        check(&["avisual.conv1.weight", "token.weight"], &[]);
        check(&["conv1.weight", "token.weight"], &[]);
        let twice =
            ["a.visual.conv1.weight", "a.token.weight", "b.vision.patch", "b.text_model.token"];
        check(&twice, &["a.", "b."]);
    }

    #[test]
    fn wrappers_are_skipped_wherever_they_are() {
        check(
            &["module._orig_mod.visual.conv1.weight", "module._orig_mod.token.weight"],
            &["module._orig_mod."],
        );
        check(&["m.visual._orig_mod.conv1.weight", "m.token.weight"], &["m."]);
        let strip = |name| strip(name, "m.").unwrap();
        assert_eq!(strip("m.visual._orig_mod.conv1.weight"), "visual.conv1.weight");
        assert_eq!(strip("m.module.blocks.0._fsdp_wrapped_module.ln"), "blocks.0.ln");
    }
}
