//! Burn crates forward the same backend features; libraries switch none on.

use super::layers::{self, Burn, Layer};
use crate::workspace::{Crate, Dependency};

/// What every crate above Burn offers.
const BACKENDS: [&str; 6] = ["flex", "ndarray", "wgpu", "vulkan", "metal", "cuda"];

/// One line for each backend feature that is missing or not passed down, and each library with
/// default features.
pub(crate) fn check(crates: &[Crate]) -> Vec<String> {
    let mut broken = Vec::new();
    for member in crates {
        let Some(rule) = layers::find(&member.name) else { continue };
        let library = rule.layer < Layer::Server;
        if library && member.features.get("default").is_some_and(|list| !list.is_empty()) {
            broken.push(format!(
                "defaults: the library {} has default features: write `default = []`, binaries choose",
                member.name
            ));
        }
        if rule.burn == Burn::Used {
            broken.extend(BACKENDS.iter().flat_map(|backend| check_backend(member, backend)));
        }
    }
    broken
}

fn check_backend(member: &Crate, backend: &str) -> Vec<String> {
    let name = &member.name;
    let Some(list) = member.features.get(backend) else {
        return vec![format!(
            "backends: {name} has no feature {backend}: add it and pass it down to the crates below"
        )];
    };
    let passed = |to: &str| {
        list.iter()
            .any(|item| *item == format!("{to}/{backend}") || *item == format!("{to}?/{backend}"))
    };
    let below: Vec<&str> = member
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_dev())
        .filter(|dependency| {
            layers::find(&dependency.name).is_some_and(|rule| rule.burn == Burn::Used)
        })
        .map(Dependency::key)
        .collect();
    // The lowest crate passes the feature to Burn itself.
    let below = if below.is_empty() { vec!["burn"] } else { below };
    let silent = below.into_iter().filter(|to| !passed(to));
    silent
        .map(|to| {
            format!(
                "backends: feature {backend} of {name} does not reach {to}: add \"{to}/{backend}\" to its list"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate whose six features forward to all of `to`.
    fn forwarding(name: &str, deps: &[&str], to: &[&str]) -> Crate {
        BACKENDS.iter().fold(Crate::made_up(name, deps), |member, backend| {
            let list: Vec<_> = to.iter().map(|to| format!("{to}/{backend}")).collect();
            member.with_feature(backend, &list.iter().map(|item| &**item).collect::<Vec<_>>())
        })
    }

    #[test]
    fn backends_are_passed_down_by_the_same_name() {
        let passes = |member: Crate| assert_eq!(check(&[member]), [""; 0]);
        passes(forwarding("clip-nn", &["burn"], &["burn"]));
        passes(forwarding("clip-vision", &["burn", "clip-nn"], &["clip-nn"]));
        passes(forwarding("clip-vision", &["clip-nn", "dev:clip-text"], &["clip-nn?"]));
        passes(Crate::made_up("clip-weights", &["clip-checkpoint"]));

        let broken =
            check(&[forwarding("clip-model", &["clip-vision", "clip-text"], &["clip-text"])]);
        assert_eq!(broken.len(), BACKENDS.len());
        assert_eq!(
            broken[0],
            "backends: feature flex of clip-model does not reach clip-vision: add \"clip-vision/flex\" to its list"
        );
        let swapped =
            forwarding("clip-nn", &["burn"], &["burn"]).with_feature("wgpu", &["burn/cuda"]);
        assert_eq!(check(&[swapped]).len(), 1);
        let mut lacking = forwarding("clip-nn", &["burn"], &["burn"]);
        lacking.features.remove("metal");
        assert_eq!(
            check(&[lacking]),
            ["backends: clip-nn has no feature metal: add it and pass it down to the crates below"]
        );
    }

    #[test]
    fn libraries_have_no_default_features() {
        let with_default = |name: &str, list: &[&str]| {
            let member = Crate::made_up(name, &[]).with_feature("default", list);
            check(&[member]).into_iter().filter(|line| line.starts_with("defaults:")).count()
        };
        assert_eq!(with_default("clip-weights", &[]), 0);
        assert_eq!(with_default("clip-weights", &["hub"]), 1);
        assert_eq!(with_default("burn-clip", &["flex"]), 1);
        assert_eq!(with_default("clip-cli", &["flex", "ndarray"]), 0);
    }
}
