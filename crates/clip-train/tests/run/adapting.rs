use std::collections::BTreeMap;
use std::path::Path;

use clip_checkpoint::{Checkpoint, Tower};
use clip_train::{AdaptConfig, Half, Start, TrainConfig};

use crate::setup::{config, run};

/// Trains a model, then trains it further with `adapt`; returns for each tensor whether it changed.
fn changed(adapt: AdaptConfig) -> BTreeMap<(bool, String), bool> {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    run(config(&before), Start::New, Some(2)).0.unwrap();
    let from = before.join("last.safetensors");
    let after = folder.path().join("after");
    let further = TrainConfig { from: Some(from.clone()), adapt, ema: 0.0, ..config(&after) };
    run(further, Start::New, Some(3)).0.unwrap();
    compare(&from, &after.join("last.safetensors"))
}

fn compare(before: &Path, after: &Path) -> BTreeMap<(bool, String), bool> {
    let [before, after] = [before, after].map(|path| Checkpoint::open(path).unwrap());
    let both = [Tower::Vision, Tower::Text]
        .into_iter()
        .flat_map(|tower| before.tower(tower).map(move |spec| (tower == Tower::Vision, spec.name)));
    both.map(|(image, name)| {
        let moved = before.read(&name).unwrap() != after.read(&name).unwrap();
        ((image, name), moved)
    })
    .collect()
}

#[test]
fn a_frozen_tower_stays_as_it_was() {
    let locked = changed(AdaptConfig { freeze: vec![Half::Image], ..AdaptConfig::default() });
    assert!(locked.iter().all(|((image, name), moved)| !image || !moved || panic!("{name}")));
    assert!(locked.iter().any(|((image, _), moved)| !image && *moved));
}

#[test]
fn adapters_change_the_products_and_the_heads_alone() {
    let adapted = changed(AdaptConfig { lora_rank: 2, ..AdaptConfig::default() });
    for ((_, name), moved) in adapted {
        let product = ["in_proj.weight", "out_proj.weight", "c_fc.weight", "c_proj.weight"];
        let learns = product.iter().any(|end| name.ends_with(end)) || name.contains("_projection");
        assert_eq!(moved, learns, "{name}");
    }
}

/// WiSE-FT: a tensor of a checkpoint lies where the share puts it, between the start and what the
/// same run makes without a share.
#[test]
fn a_share_of_the_start_stays_in_what_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    run(config(&before), Start::New, Some(2)).0.unwrap();
    let from = before.join("last.safetensors");
    let further = |name: &str, start_share: f64| {
        let output = folder.path().join(name);
        let adapt = AdaptConfig { lora_rank: 2, start_share, ..AdaptConfig::default() };
        let config = TrainConfig { from: Some(from.clone()), adapt, ..config(&output) };
        run(config, Start::New, Some(3)).0.unwrap();
        Checkpoint::open(&output.join("last.safetensors")).unwrap()
    };
    let start = Checkpoint::open(&from).unwrap();
    let (trained, between) = (further("trained", 0.0), further("between", 0.75));
    for spec in [Tower::Vision, Tower::Text].into_iter().flat_map(|tower| start.tower(tower)) {
        let read = |checkpoint: &Checkpoint| checkpoint.read(&spec.name).unwrap();
        let (start, trained, between) = (read(&start), read(&trained), read(&between));
        for ((start, trained), between) in start.iter().zip(&trained).zip(&between) {
            let expected = 0.75 * start + 0.25 * trained;
            // Checkpoints are in f16.
            assert!((between - expected).abs() <= 1e-3 * start.abs().max(0.01), "{}", spec.name);
        }
    }
}

/// The card says where the weights came from.
#[test]
fn a_model_that_was_trained_further_names_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    run(config(&before), Start::New, Some(1)).0.unwrap();
    let from = before.join("best.safetensors");
    let from = if from.exists() { from } else { before.join("last.safetensors") };
    let after = folder.path().join("after");
    let further = TrainConfig { from: Some(from.clone()), ..config(&after) };
    run(further, Start::New, Some(1)).0.unwrap();
    let card = Checkpoint::open(&after.join("last.safetensors")).unwrap().card().clone();
    assert!(card.source.origin.contains("trained further"), "{}", card.source.origin);
    assert_eq!(card.source.files[0].sha256, Checkpoint::open(&from).unwrap().fingerprint());
}
