//! What is found.

use std::path::PathBuf;

use clip_retrieval::{Facts, Filter, Item, Modality, Orientation, PathGlob, SearchOptions, Store};
use clip_testkit::Random;

use crate::place::{Place, unit};
use crate::plain::{Entry, assert_same_hits, passes, scan};

const DIMENSION: usize = 24;

/// A store of pictures and texts of all kinds, committed.
fn store(place: &dyn Place, count: usize) -> (Box<dyn Store>, Vec<Entry>) {
    let mut random = Random::new(1);
    let entries: Vec<Entry> =
        (0..count).map(|i| (item(i, &mut random), unit(&mut random, DIMENSION))).collect();
    let store = place.open(DIMENSION);
    let mut writer = store.writer().unwrap();
    for (item, vector) in &entries {
        writer.upsert(item, vector).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    (store, entries)
}

fn item(i: usize, random: &mut Random) -> Item {
    if i.is_multiple_of(5) {
        return Item::text(format!("text {i}"));
    }
    let mut one_of = |count: u64| random.bits() % count;
    let folder = ["a", "a b", "a/b", "a0", "/a", "2019/june"][one_of(6) as usize];
    let ending = ["jpg", "png", "JPG"][one_of(3) as usize];
    let size = [None, Some([64, 48]), Some([48, 64]), Some([50, 50]), Some([0, 1])];
    let tags = ["dog", "cat", "dog's \"best\" \\ friend"];
    let facts = Facts {
        size: size[one_of(5) as usize],
        taken: (one_of(3) > 0).then(|| one_of(1000) as i64 - 500),
        tags: tags.iter().filter(|_| one_of(2) == 0).map(|tag| (*tag).to_owned()).collect(),
        ..Facts::default()
    };
    let item = Item::picture(format!("{folder}/{i}.{ending}"), None);
    let item = Item { facts, ..item };
    if one_of(10) == 0 { item.with_id(format!("id {i}")) } else { item }
}

pub(crate) fn the_nearest_are_those_of_a_plain_scan(place: &dyn Place) {
    let (store, entries) = store(place, 3000);
    assert_eq!(store.count().unwrap(), 3000);
    let mut random = Random::new(2);
    let queries: Vec<Vec<f32>> = (0..30).map(|_| unit(&mut random, DIMENSION)).collect();
    let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
    for filter in [Filter::default(), Filter::of(Modality::Image), Filter::of(Modality::Text)] {
        for top in [1, 10, 500] {
            let found =
                store.search_all(&queries, top, &filter, &SearchOptions::default()).unwrap();
            assert_eq!(found.len(), queries.len());
            for (query, found) in queries.iter().zip(&found) {
                let expected = scan(&entries, query, top, &filter);
                assert_same_hits(found, &expected, &format!("{top} {filter:?}"));
            }
        }
    }
}

/// The filters that are tried, each alone and with others.
fn filters(entries: &[Entry]) -> Vec<Filter> {
    let filter = Filter::default;
    let glob = |pattern| PathGlob::new(pattern).unwrap();
    let paths = entries.iter().filter_map(|(item, _)| item.path());
    let some: Vec<PathBuf> = paths.step_by(7).map(PathBuf::from).collect();
    let only = some.iter().cloned().chain(["nowhere.jpg".into()]).collect();
    let mut filters = vec![
        filter(),
        Filter { only: Some([].into()), ..filter() },
        Filter { only: Some(only), ..filter() },
        Filter { globs: vec![glob("*.png"), glob("2019/*/*.jpg")], ..filter() },
        Filter { globs: vec![glob("1?.jpg")], ..filter() },
        Filter { globs: vec![glob("*.gif")], ..filter() },
        Filter { taken_from: Some(0), ..filter() },
        Filter { taken_before: Some(0), ..filter() },
        Filter { taken_from: Some(-100), taken_before: Some(i64::MAX), ..filter() },
        Filter { taken_from: Some(i64::MIN), ..filter() },
        Filter { taken_before: Some(i64::MIN), ..filter() },
        Filter { min_side: Some(0), ..filter() },
        Filter { min_side: Some(64), ..filter() },
        Filter { min_side: Some(u32::MAX), ..filter() },
        Filter { tags: vec!["dog".into()], ..filter() },
        Filter { tags: vec!["cat".into(), "dog's \"best\" \\ friend".into()], ..filter() },
        Filter { tags: vec!["do".into()], ..filter() },
    ];
    for folder in ["", "a", "a/", "a/b", "/", "/a", "a b", "2019", some[0].to_str().unwrap()] {
        filters.push(Filter { under: vec![folder.into()], ..filter() });
    }
    for shape in [Orientation::Landscape, Orientation::Portrait, Orientation::Square] {
        filters.push(Filter { orientation: Some(shape), ..filter() });
        filters.push(Filter {
            orientation: Some(shape),
            modality: Some(Modality::Image),
            under: vec!["a".into(), "/a".into()],
            globs: vec![glob("*.{jpg,JPG}")],
            only: Some(some.iter().cloned().collect()),
            taken_from: Some(-400),
            min_side: Some(2),
            ..filter()
        });
    }
    filters
}

pub(crate) fn filters_let_pass_what_they_say(place: &dyn Place) {
    let (store, entries) = store(place, 1500);
    let query = unit(&mut Random::new(3), DIMENSION);
    for filter in filters(&entries) {
        let mut found: Vec<Item> = store.items(&filter).unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        let passing = entries.iter().map(|(item, _)| item).filter(|item| passes(&filter, item));
        let mut expected: Vec<Item> = passing.cloned().collect();
        expected.sort_by(|a, b| a.id.cmp(&b.id));
        let ids = |items: &[Item]| items.iter().map(|item| item.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&found), ids(&expected), "{filter:?}");
        for top in [3, 400] {
            let hits = store.search(&query, top, &filter).unwrap();
            assert_same_hits(&hits, &scan(&entries, &query, top, &filter), &format!("{filter:?}"));
        }
    }
}

pub(crate) fn a_sample_is_the_same_each_time_and_of_one_kind(place: &dyn Place) {
    let (store, entries) = store(place, 1000);
    for count in [0, 1, 37, 200, 201, 5000] {
        let sample = store.sample(count, Modality::Text).unwrap();
        assert_eq!(sample.len(), count.min(200) * DIMENSION, "{count}");
        assert_eq!(store.sample(count, Modality::Text).unwrap(), sample);
        let mut vectors: Vec<&[f32]> = sample.chunks(DIMENSION).collect();
        vectors.sort_by(|a, b| a.partial_cmp(b).unwrap());
        vectors.dedup();
        assert_eq!(vectors.len(), count.min(200), "each of them once");
        let is_text = |vector: &[f32]| {
            entries.iter().any(|(item, own)| item.modality == Modality::Text && own == vector)
        };
        assert!(vectors.into_iter().all(is_text));
    }
}

pub(crate) fn as_many_as_there_are_is_no_error(place: &dyn Place) {
    let (store, entries) = store(place, 300);
    let query = unit(&mut Random::new(4), DIMENSION);
    for top in [0, 300, 301, 10_000] {
        let hits = store.search(&query, top, &Filter::default()).unwrap();
        assert_same_hits(&hits, &scan(&entries, &query, top, &Filter::default()), "all");
    }
}
