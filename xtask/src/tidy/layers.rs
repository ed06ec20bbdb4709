//! Edges go downward only, and the Burn-free crates stay so.

use crate::workspace::Crate;

/// Height of a crate; development dependencies may go to any lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Leaf,
    Parts,
    Data,
    Tower,
    Model,
    Facade,
    Training,
    Application,
    Server,
    Binary,
    /// Chores and benches: nothing depends on them.
    Outside,
}

/// One crate of the design.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) layer: Layer,
    /// Whether Burn is below it.
    pub(crate) burn: Burn,
    /// Crates of ours that it may depend on.
    uses: Uses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Burn {
    Free,
    /// Free unless someone names a feature.
    Optional,
    Used,
}

#[derive(Debug)]
enum Uses {
    Any,
    Only(&'static [&'static str]),
}

const TESTKIT: &str = "clip-testkit";

/// What belongs to a program: its command line, its errors without a type, its bars and signals.
const OF_PROGRAMS: [&str; 4] = ["anyhow", "clap", "ctrlc", "indicatif"];

/// The layers, top down. docs/architecture.md shows the same table.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    outside("clip-benches", Burn::Used, Uses::Any),
    outside("xtask", Burn::Optional, Uses::Only(&["clip-kernels", "clip-weights"])),
    rule("clip-cli", Layer::Binary, Burn::Used, &["burn-clip", "clip-checkpoint", "clip-data", "clip-eval", "clip-kernels", "clip-retrieval", "clip-search", "clip-train", "clip-server", "clip-weights"]),
    rule("clip-server", Layer::Server, Burn::Used, &["burn-clip", "clip-retrieval", "clip-search"]),
    rule("clip-search", Layer::Application, Burn::Used, &["burn-clip", "clip-checkpoint", "clip-data", "clip-eval", "clip-retrieval", "clip-weights"]),
    rule("clip-train", Layer::Training, Burn::Used, &["clip-checkpoint", "clip-data", "clip-eval", "clip-kernels", "clip-model", "clip-nn", "clip-preprocess", "clip-projection", "clip-tokenizer"]),
    rule("burn-clip", Layer::Facade, Burn::Used, &["clip-builtin-model", "clip-model", "clip-weights", "clip-checkpoint", "clip-preprocess", "clip-tokenizer"]),
    rule("clip-model", Layer::Model, Burn::Used, &["clip-vision", "clip-text", "clip-projection", "clip-checkpoint"]),
    rule("clip-vision", Layer::Tower, Burn::Used, &["clip-nn"]),
    rule("clip-text", Layer::Tower, Burn::Used, &["clip-nn"]),
    rule("clip-projection", Layer::Tower, Burn::Used, &["clip-nn"]),
    rule("clip-data", Layer::Data, Burn::Free, &["clip-checkpoint", "clip-preprocess"]),
    rule("clip-nn", Layer::Parts, Burn::Used, &["clip-kernels"]),
    rule("clip-weights", Layer::Parts, Burn::Free, &["clip-checkpoint"]),
    rule("clip-preprocess", Layer::Parts, Burn::Free, &["clip-checkpoint"]),
    rule("clip-tokenizer", Layer::Parts, Burn::Free, &["clip-checkpoint"]),
    rule("clip-builtin-model", Layer::Leaf, Burn::Free, &[]),
    rule("clip-checkpoint", Layer::Leaf, Burn::Free, &[]),
    rule("clip-eval", Layer::Leaf, Burn::Free, &[]),
    rule("clip-retrieval", Layer::Parts, Burn::Free, &["clip-kernels"]),
    rule("clip-kernels", Layer::Leaf, Burn::Free, &[]),
    rule(TESTKIT, Layer::Leaf, Burn::Free, &[]),
];

const fn rule(name: &'static str, layer: Layer, burn: Burn, uses: &'static [&'static str]) -> Rule {
    Rule { name, layer, burn, uses: Uses::Only(uses) }
}

const fn outside(name: &'static str, burn: Burn, uses: Uses) -> Rule {
    Rule { name, layer: Layer::Outside, burn, uses }
}

/// The rule for a crate of the workspace.
pub(crate) fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// One line for each crate that is not in the table and each edge that it does not allow.
pub(crate) fn check(crates: &[Crate]) -> Vec<String> {
    let mut broken = Vec::new();
    for Crate { name, dependencies, features, .. } in crates {
        let Some(rule) = find(name) else {
            broken.push(format!(
                "layers: {name} has no layer: add it to the table in xtask/src/tidy/layers.rs and in docs/architecture.md"
            ));
            continue;
        };
        for dependency in dependencies {
            let (target, dev) = (&*dependency.name, dependency.is_dev());
            let below = find(target);
            let is_burn = below.is_none() && (target == "burn" || target.starts_with("burn-"));
            let chosen = dependency.optional && !features.contains_key("default");
            let mend = match rule.burn {
                Burn::Free => Some("move the code that needs it to clip-nn or above"),
                Burn::Optional if !chosen => Some("make it optional, and no feature a default"),
                Burn::Optional | Burn::Used => None,
            };
            if let Some(mend) = mend.filter(|_| is_burn) {
                broken.push(format!("burn-free: {name} depends on {target}: {mend}"));
            }
            if rule.layer < Layer::Server && !dev && OF_PROGRAMS.contains(&target) && !chosen {
                broken.push(format!(
                    "programs: {name} depends on {target}, which is for programs: move the code that needs it to clip-cli, or make it optional"
                ));
            }
            // Crates that are not in the table and not in the workspace are not ours.
            let Some(below) = below else { continue };
            if !rule.allows(below, dev) {
                let kind = if dev { "development-depends" } else { "depends" };
                broken.push(format!("layers: {name} {kind} on {target}: {}", rule.mend(below)));
            }
        }
    }
    broken
}

impl Rule {
    fn allows(&self, below: &Self, dev: bool) -> bool {
        if dev {
            return below.name == TESTKIT || below.layer < self.layer;
        }
        match self.uses {
            Uses::Any => true,
            Uses::Only(list) => list.contains(&below.name),
        }
    }

    fn mend(&self, below: &Self) -> String {
        if below.name == TESTKIT {
            return "make it a dev-dependency".to_owned();
        }
        match self.uses {
            Uses::Only(list) if !list.is_empty() => format!("it may use {}", list.join(", ")),
            _ => "it may use no crate of this workspace".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `deps` as in [`Crate::made_up`]; `expected` is the start of the line, empty for none.
    fn check_one(name: &str, deps: &[&str], expected: &str) {
        let broken = check(&[Crate::made_up(name, deps)]);
        match expected {
            "" => assert_eq!(broken, [""; 0], "{name} {deps:?}"),
            start => {
                assert_eq!(broken.len(), 1, "{name} {deps:?}: {broken:?}");
                assert!(broken[0].starts_with(start), "{broken:?}");
            }
        }
    }

    #[test]
    fn edges_go_downward_only() {
        check_one("clip-model", &["clip-vision", "clip-checkpoint", "burn", "thiserror"], "");
        check_one("clip-vision", &["clip-nn"], "");
        check_one(
            "clip-vision",
            &["clip-text"],
            "layers: clip-vision depends on clip-text: it may",
        );
        check_one("clip-vision", &["clip-checkpoint"], "layers: clip-vision depends on");
        check_one(
            "clip-nn",
            &["clip-model"],
            "layers: clip-nn depends on clip-model: it may use clip-kernels",
        );
        check_one("clip-data", &["clip-preprocess", "clip-checkpoint", "image"], "");
        check_one("clip-preprocess", &["clip-data"], "layers: clip-preprocess depends on");
        check_one("clip-train", &["clip-data", "clip-eval", "clip-model", "clip-nn"], "");
        check_one(
            "clip-train",
            &["burn-clip"],
            "layers: clip-train depends on burn-clip: it may use",
        );
        check_one("clip-model", &["clip-train"], "layers: clip-model depends on clip-train");
        check_one(
            "clip-eval",
            &["clip-checkpoint"],
            "layers: clip-eval depends on clip-checkpoint: it may use no",
        );
        check_one("clip-retrieval", &["clip-checkpoint"], "layers: clip-retrieval depends on");
        check_one("clip-cli", &["clip-model"], "layers: clip-cli depends on clip-model");
        check_one("burn-clip", &["xtask"], "layers: burn-clip depends on xtask");
        check_one("clip-benches", &["clip-nn", "burn-clip", "clip-retrieval"], "");
        check_one("clip-sound", &["clip-nn"], "layers: clip-sound has no layer");
    }

    #[test]
    fn tests_may_reach_further_down() {
        check_one("clip-vision", &["dev:clip-testkit", "dev:clip-checkpoint"], "");
        check_one("clip-checkpoint", &["dev:clip-testkit"], "");
        check_one("clip-vision", &["dev:clip-text"], "layers: clip-vision development-depends on");
        check_one("clip-nn", &["dev:clip-model"], "layers: clip-nn development-depends on");
        check_one(
            "clip-vision",
            &["clip-testkit"],
            "layers: clip-vision depends on clip-testkit: make",
        );
    }

    #[test]
    fn burn_stays_out_of_the_burn_free_crates() {
        check_one("clip-weights", &["burn"], "burn-free: clip-weights depends on burn:");
        check_one("clip-data", &["burn"], "burn-free: clip-data depends on burn:");
        check_one("clip-eval", &["burn-flex"], "burn-free: clip-eval depends on");
        check_one("clip-retrieval", &["dev:burn-flex"], "burn-free: clip-retrieval depends on");
        check_one("clip-weights", &["optional:burn"], "burn-free: clip-weights depends on burn:");
        check_one("clip-weights", &["burnish"], "");
    }

    #[test]
    fn what_belongs_to_programs_stays_there() {
        check_one("clip-search", &["clap"], "programs: clip-search depends on clap, which is");
        check_one("clip-retrieval", &["anyhow"], "programs: clip-retrieval depends on anyhow,");
        check_one("clip-weights", &["optional:indicatif"], "");
        check_one("clip-search", &["dev:anyhow"], "");
        check_one("clip-cli", &["anyhow", "clap", "ctrlc", "indicatif"], "");
        check_one("xtask", &["anyhow"], "");
        check_one("clip-search", &["clip-train"], "layers: clip-search depends on clip-train: it");
        check_one("clip-search", &["burn-clip", "clip-data", "clip-retrieval"], "");
    }

    #[test]
    fn chores_may_use_burn_behind_a_feature() {
        check_one("xtask", &["burn-onnx"], "burn-free: xtask depends on burn-onnx: make it");
        check_one("xtask", &["dev:burn"], "burn-free: xtask depends on burn: make it optional");
        check_one("xtask", &["optional:burn-onnx"], "");
        let usual = Crate::made_up("xtask", &["optional:burn-onnx"]);
        assert_eq!(check(&[usual.with_feature("default", &["onnx"])]).len(), 1);
    }

    #[test]
    fn every_rule_names_crates_of_lower_layers() {
        for rule in RULES {
            let Uses::Only(list) = rule.uses else { continue };
            for name in list {
                let below = find(name).unwrap_or_else(|| panic!("{name}"));
                assert!(below.layer < rule.layer, "{} -> {name}", rule.name);
                assert!(rule.burn == Burn::Used || below.burn == Burn::Free);
            }
        }
    }
}
