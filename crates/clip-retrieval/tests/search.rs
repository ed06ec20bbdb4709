//! The search finds what a sort of all scores finds.

use clip_retrieval::{Error, Item, Library, Modality};
use clip_testkit::Random;

fn unit(random: &mut Random, dimension: usize) -> Vec<f32> {
    let vector = random.values(dimension);
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    vector.into_iter().map(|v| v / norm).collect()
}

fn empty(dimension: usize) -> Library {
    Library::new("1", "tiny", dimension)
}

/// Pictures `0`, `1`, … with these vectors.
fn library(vectors: &[Vec<f32>]) -> Library {
    let mut library = empty(vectors[0].len());
    for (index, vector) in vectors.iter().enumerate() {
        library.upsert(Item::picture(index.to_string(), None), vector).unwrap();
    }
    library
}

/// Indexes of the hits.
fn found(library: &Library, query: &[f32], top: usize) -> Vec<usize> {
    let hits = library.search(query, top, |_| true).unwrap();
    hits.iter().map(|hit| hit.index).collect()
}

#[test]
fn the_best_are_those_of_a_sort() {
    // 40,000 rows are shared among threads.
    for (dimension, rows) in [(1, 500), (3, 40_000), (16, 500), (40, 500), (512, 500)] {
        let mut random = Random::new(7);
        let vectors: Vec<_> = (0..rows).map(|_| unit(&mut random, dimension)).collect();
        let library = library(&vectors);
        for top in [0, 1, 10, 499, 500, 1000] {
            let query = unit(&mut random, dimension);
            let exact = |row: usize| {
                let products = vectors[row].iter().zip(&query);
                products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            };
            let mut expected: Vec<usize> = (0..vectors.len()).collect();
            expected.sort_by(|&a, &b| exact(b).total_cmp(&exact(a)));
            expected.truncate(top);

            let hits = library.search(&query, top, |_| true).unwrap();
            assert_eq!(hits.len(), expected.len());
            for (hit, &row) in hits.iter().zip(&expected) {
                // Two rows may change places only where f32 cannot tell them apart.
                assert!((exact(hit.index) - exact(row)).abs() < 1e-6, "{dimension}, {top}");
                assert!((f64::from(hit.score) - exact(hit.index)).abs() < 1e-6);
                assert_eq!(hit.item.id, library.items().nth(hit.index).unwrap().id);
            }
        }
    }
}

#[test]
fn equal_scores_keep_the_order_of_insertion() {
    let (up, right) = (vec![0.0, 1.0], vec![1.0, 0.0]);
    let library = library(&[right.clone(), up.clone(), right.clone(), up.clone(), up.clone()]);
    assert_eq!(found(&library, &up, 5), [1, 3, 4, 0, 2]);
    assert_eq!(found(&library, &up, 2), [1, 3]);
    assert_eq!(found(&library, &up, 4), [1, 3, 4, 0]);
}

#[test]
fn zero_and_minus_zero_are_one_score() {
    let library = library(&[vec![-1.0, 0.0], vec![1.0, 0.0], vec![0.0, -1.0]]);
    assert_eq!(found(&library, &[0.0, 1.0], 3), [0, 1, 2]);
}

#[test]
fn an_empty_library_has_no_hits() {
    assert!(found(&empty(2), &[0.0, 1.0], 10).is_empty());
    assert!(found(&empty(0), &[], 10).is_empty());
}

#[test]
fn a_huge_top_is_everything() {
    let library = library(&[vec![1.0], vec![-1.0]]);
    assert_eq!(found(&library, &[1.0], usize::MAX), [0, 1]);
}

#[test]
fn filters_see_paths_and_modalities() {
    let mut library = empty(1);
    for path in ["a/dog.jpg", "a/b/cat.jpg", "ab/car.jpg", "dog.jpg"] {
        library.upsert(Item::picture(path, None), &[1.0]).unwrap();
    }
    library.upsert(Item::text("a dog"), &[1.0]).unwrap();
    let check = |filter: &(dyn Fn(&Item) -> bool + Sync), expected: &[usize]| {
        let hits = library.search(&[1.0], 10, filter).unwrap();
        assert_eq!(hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), expected);
    };
    check(&|item| item.is_under("a"), &[0, 1]);
    check(&|item| item.is_under("a/") || item.is_under("dog.jpg"), &[0, 1, 3]);
    check(&|item| item.is_under("a/b/cat.jpg"), &[1]);
    check(&|item| item.is_under(""), &[0, 1, 2, 3]);
    check(&|item| item.modality == Modality::Text, &[4]);
    check(&|_| false, &[]);
}

#[test]
fn queries_that_cannot_be_compared_are_refused() {
    let library = library(&[vec![1.0, 0.0]]);
    let error = |query: &[f32]| library.search(query, 1, |_| true).unwrap_err();
    assert!(matches!(error(&[1.0]), Error::Dimension { found: 1, expected: 2, .. }));
    assert!(matches!(error(&[0.0, f32::NAN]), Error::NotFinite { position: 1, .. }));
    assert_eq!(
        error(&[1.0; 3]).to_string(),
        "the vector of the query has 3 values, the library's have 2: encode it with the library's model"
    );
}
