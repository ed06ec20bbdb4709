//! Adding, replacing and removing.

use clip_retrieval::{Error, FileStamp, Item, Library};

fn library() -> Library {
    let mut library = Library::new("1", "tiny", 2);
    library.upsert(Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    library.upsert(Item::text("dog.jpg"), &[0.0, 1.0]).unwrap();
    library.upsert(Item::picture("cat.jpg", None).with_id("42"), &[0.6, 0.8]).unwrap();
    library
}

fn ids(library: &Library) -> Vec<&str> {
    library.items().map(|item| item.id.as_str()).collect()
}

#[test]
fn a_path_and_a_text_of_the_same_letters_are_two_items() {
    assert_eq!(ids(&library()), ["path:dog.jpg", "text:dog.jpg", "42"]);
}

#[test]
fn the_same_id_is_replaced_in_its_place() {
    let mut library = library();
    let stamp = Some(FileStamp { size: 9, modified: -1 });
    library.upsert(Item::picture("dog.jpg", stamp), &[0.0, -1.0]).unwrap();
    library.upsert(Item::picture("lion.jpg", None).with_id("42"), &[0.8, 0.6]).unwrap();
    assert_eq!(ids(&library), ["path:dog.jpg", "text:dog.jpg", "42"]);
    assert_eq!(library.items().next().unwrap().stamp, stamp);
    assert_eq!(library.vectors(), [0.0, -1.0, 0.0, 1.0, 0.8, 0.6]);
    let (item, vector) = library.get("42").unwrap();
    assert_eq!((item.path(), vector), (Some("lion.jpg".as_ref()), [0.8, 0.6].as_slice()));
}

#[test]
fn removing_closes_the_gap() {
    let mut library = library();
    assert!(library.remove(&Item::path_id("dog.jpg".as_ref())));
    assert!(!library.remove("path:dog.jpg"));
    assert_eq!(ids(&library), ["text:dog.jpg", "42"]);
    assert_eq!(library.vectors(), [0.0, 1.0, 0.6, 0.8]);
    assert_eq!(library.get("42").unwrap().1, [0.6, 0.8]);
    assert_eq!(library.get("path:dog.jpg"), None);
    library.upsert(Item::picture("dog.jpg", None), &[1.0, 0.0]).unwrap();
    assert_eq!(ids(&library), ["text:dog.jpg", "42", "path:dog.jpg"]);
}

#[test]
fn what_is_kept_keeps_its_order() {
    let mut library = library();
    library.retain(|item| item.id != "text:dog.jpg");
    assert_eq!(ids(&library), ["path:dog.jpg", "42"]);
    assert_eq!(library.vectors(), [1.0, 0.0, 0.6, 0.8]);
    library.retain(|_| false);
    assert!(library.is_empty() && library.vectors().is_empty());
}

#[test]
fn vectors_that_are_none_are_refused_by_name() {
    let mut library = library();
    let mut check = |vector: &[f32], message: &str| {
        let error = library.upsert(Item::picture("a b.jpg", None), vector).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    check(
        &[1.0],
        "the vector of a b.jpg has 1 values, the library's have 2: encode it with the library's model",
    );
    check(&[0.0, f32::INFINITY], "the vector of a b.jpg holds inf at position 1: encode it again");
    check(&[3.0, 4.0], "the vector of a b.jpg has length 5, not 1: normalize it first");
    check(&[0.0, 0.0], "the vector of a b.jpg has length 0, not 1: normalize it first");
    let error = library.upsert(Item::text("a"), &[f32::MAX, 0.0]).unwrap_err();
    assert!(matches!(error, Error::NotUnit { .. }));
    assert_eq!(library.len(), 3);
}

#[test]
fn vectors_of_half_precision_are_unit_vectors() {
    library().upsert(Item::text("a"), &[1.0009, 0.0]).unwrap();
    library().upsert(Item::text("a"), &[0.0, 0.9991]).unwrap();
}
