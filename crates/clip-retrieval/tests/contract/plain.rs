//! What filters and searches mean, said in the plainest way.

use clip_retrieval::{Filter, Hit, Item, Orientation};

/// An item with its vector.
pub(crate) type Entry = (Item, Vec<f32>);

/// Whether an item passes.
pub(crate) fn passes(filter: &Filter, item: &Item) -> bool {
    let Filter { modality, under, only, globs, .. } = filter;
    let Filter { taken_from, taken_before, min_side, orientation, tags, .. } = filter;
    let (path, facts) = (item.path(), &item.facts);
    modality.is_none_or(|modality| modality == item.modality)
        && (under.is_empty() || under.iter().any(|folder| item.is_under(folder)))
        && only.as_ref().is_none_or(|only| path.is_some_and(|path| only.contains(path)))
        && (globs.is_empty()
            || path.is_some_and(|path| globs.iter().any(|glob| glob.matches(path))))
        && taken_from.is_none_or(|from| facts.taken.is_some_and(|taken| taken >= from))
        && taken_before.is_none_or(|before| facts.taken.is_some_and(|taken| taken < before))
        && min_side.is_none_or(|min| facts.size.is_some_and(|[w, h]| w.max(h) >= min))
        && orientation.is_none_or(|shape| facts.size.is_some_and(|size| shape_of(size) == shape))
        && tags.iter().all(|tag| item.tags().contains(&tag.as_str()))
}

fn shape_of([width, height]: [u32; 2]) -> Orientation {
    match width.cmp(&height) {
        std::cmp::Ordering::Greater => Orientation::Landscape,
        std::cmp::Ordering::Less => Orientation::Portrait,
        std::cmp::Ordering::Equal => Orientation::Square,
    }
}

/// The nearest of those that pass, best first.
pub(crate) fn scan(entries: &[Entry], query: &[f32], top: usize, filter: &Filter) -> Vec<Hit> {
    let dot = |vector: &[f32]| vector.iter().zip(query).map(|(a, b)| a * b).sum();
    let passing = entries.iter().filter(|(item, _)| passes(filter, item));
    let mut hits: Vec<Hit> =
        passing.map(|(item, vector)| Hit { item: item.clone(), score: dot(vector) }).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(top);
    hits
}

/// Fails unless two lists of hits are the same but for the order of equal scores and the last digit.
pub(crate) fn assert_same_hits(found: &[Hit], expected: &[Hit], about: &str) {
    assert_eq!(found.len(), expected.len(), "{about}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.score - expected.score).abs() < 1e-5, "{about}: {found:?} {expected:?}");
    }
    // Whichever is last may be one of several with that score.
    let last = expected.last().map_or(f32::MAX, |hit| hit.score + 1e-5);
    let better = |hits: &[Hit]| {
        let mut better: Vec<String> =
            hits.iter().filter(|hit| hit.score > last).map(|hit| hit.item.id.clone()).collect();
        better.sort();
        better
    };
    assert_eq!(better(found), better(expected), "{about}");
}
