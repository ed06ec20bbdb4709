//! Recall and zero-shot accuracy: cases by hand, and a search that sorts everything.

use clip_eval::{Bootstrap, ClassVectors, Labeled, Matrix, Ranks, Retrieval, zeroshot};
use clip_testkit::Random;

/// Unit vectors on a circle, by their angles in degrees.
fn circle(angles: &[f32]) -> Vec<f32> {
    angles.iter().flat_map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]).collect()
}

fn labeled<'a>(subject: &'a str, values: &'a [f32], labels: &'a [usize]) -> Labeled<'a> {
    let vectors = Matrix::new(subject, values, labels.len(), values.len() / labels.len());
    Labeled::new(vectors.unwrap(), labels).unwrap()
}

/// The ranks of texts at some angles asking for pictures at others.
#[track_caller]
fn check(texts: &[(f32, usize)], pictures: &[(f32, usize)], expected: &[usize]) {
    let (angles, groups): (Vec<f32>, Vec<usize>) = texts.iter().copied().unzip();
    let values = circle(&angles);
    let texts = labeled("texts", &values, &groups);
    let (angles, groups): (Vec<f32>, Vec<usize>) = pictures.iter().copied().unzip();
    let values = circle(&angles);
    let pictures = labeled("pictures", &values, &groups);
    assert_eq!(Ranks::new(&texts, &pictures).unwrap().as_slice(), expected);
}

fn error(texts: (&[f32], &[usize]), pictures: (&[f32], &[usize])) -> String {
    let texts = labeled("texts", texts.0, texts.1);
    let pictures = labeled("pictures", pictures.0, pictures.1);
    Ranks::new(&texts, &pictures).unwrap_err().to_string()
}

#[test]
fn the_best_right_answer_counts() {
    // One picture a name.
    check(&[(0.0, 0), (90.0, 1)], &[(10.0, 0), (80.0, 1)], &[0, 0]);
    check(&[(0.0, 0), (90.0, 1)], &[(80.0, 0), (10.0, 1)], &[1, 1]);
    // The name's first picture is far away, its second is the nearest.
    check(&[(0.0, 7)], &[(90.0, 7), (20.0, 3), (5.0, 7)], &[0]);
    // Two wrong ones are nearer.
    check(&[(0.0, 7)], &[(30.0, 7), (20.0, 3), (5.0, 3), (90.0, 7)], &[2]);
}

#[test]
fn of_equal_pictures_the_first_comes_first() {
    check(&[(0.0, 1)], &[(20.0, 0), (20.0, 1), (20.0, 0)], &[1]);
    check(&[(0.0, 1)], &[(20.0, 1), (20.0, 0)], &[0]);
    check(&[(0.0, 1)], &[(20.0, 0), (20.0, 0), (20.0, 1), (20.0, 1)], &[2]);
    // A model that gives everything one vector finds only what stands first.
    let everything: Vec<(f32, usize)> = (0..300).map(|group| (45.0, group)).collect();
    let expected: Vec<usize> = (0..300).collect();
    check(&everything, &everything, &expected);
}

#[test]
fn recall_is_a_share_of_the_queries() {
    let (texts, pictures) = (circle(&[0.0, 90.0, 45.0]), circle(&[1.0, 50.0, 60.0, 89.0]));
    let texts = labeled("texts", &texts, &[0, 1, 2]);
    let pictures = labeled("pictures", &pictures, &[0, 1, 2, 1]);
    let both = Retrieval::new(&texts, &pictures).unwrap();
    assert_eq!(both.text_to_image.as_slice(), [0, 0, 1]);
    assert_eq!(both.image_to_text.as_slice(), [0, 1, 0, 0]);
    assert_eq!(both.text_to_image.recall(1), 2.0 / 3.0);
    assert_eq!(both.image_to_text.recall(1), 0.75);
    assert_eq!(both.text_to_image.hits(1), [1.0, 1.0, 0.0]);
    assert_eq!(both.text_to_image.recall(0), 0.0);
    // More than there are.
    for k in [2, 10, usize::MAX] {
        assert_eq!((both.text_to_image.recall(k), both.image_to_text.recall(k)), (1.0, 1.0));
    }
    let interval = both.text_to_image.recall_interval(1, &Bootstrap::default()).unwrap();
    assert_eq!((interval.value, interval.low, interval.high), (2.0 / 3.0, 0.0, 1.0));
}

/// Random vectors of length 1 whose products are exact on every machine, and often equal.
fn random(random: &mut Random, rows: usize) -> Vec<f32> {
    random.values(rows * 16).iter().map(|value| 0.25f32.copysign(*value)).collect()
}

/// The position of the first right answer among all, sorted.
fn oracle(queries: (&[f32], &[usize]), gallery: (&[f32], &[usize])) -> Vec<usize> {
    let rank = |(query, label): (&[f32], &usize)| {
        let score = |row: usize| -> f32 {
            query.iter().zip(&gallery.0[16 * row..]).map(|(a, b)| a * b).sum()
        };
        let mut sorted: Vec<usize> = (0..gallery.1.len()).collect();
        sorted.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        sorted.iter().position(|&row| gallery.1[row] == *label).unwrap()
    };
    queries.0.chunks(16).zip(queries.1).map(rank).collect()
}

/// More than one block of queries, and as many as not to fill the last.
#[test]
fn ranks_are_those_of_a_search_that_sorts_everything() {
    let (names, rows) = (40, 603);
    let mut generator = Random::new(3);
    let (texts, pictures) = (random(&mut generator, names), random(&mut generator, rows));
    let all: Vec<usize> = (0..names).collect();
    let mut groups = all.clone();
    groups.resize_with(rows, || generator.bits() as usize % names);
    let both =
        Retrieval::new(&labeled("texts", &texts, &all), &labeled("pictures", &pictures, &groups));
    let both = both.unwrap();
    let (texts, pictures) = ((&texts[..], &all[..]), (&pictures[..], &groups[..]));
    assert_eq!(both.text_to_image.as_slice(), oracle(texts, pictures));
    assert_eq!(both.image_to_text.as_slice(), oracle(pictures, texts));
}

#[test]
fn refusals_name_the_side_and_the_row() {
    let units = [1.0, 0.0, 0.0, 1.0];
    let text = error((&units, &[0, 5]), (&units, &[0, 1]));
    assert_eq!(text, "texts: row 1 has no right answer among the pictures: leave it out");
    let text = error((&units, &[0, 1]), (&[1.0, 0.0, 0.0], &[0]));
    assert_eq!(text, "pictures have 3 values a vector, not 2: encode both with one model");
    let text = error((&units, &[0, 1]), (&[2.0, 0.0], &[0]));
    assert_eq!(text, "pictures: row 0 has length 2, not 1: normalize the vectors first");
    let nothing = Matrix::new("texts", &[], 0, 2).unwrap();
    let nothing = Labeled::new(nothing, &[]).unwrap();
    let text = Ranks::new(&nothing, &nothing).unwrap_err().to_string();
    assert_eq!(text, "there are no texts: give at least one");
}

#[test]
fn a_picture_gets_the_nearest_class() {
    let (classes, pictures) = (circle(&[0.0, 40.0, 90.0]), circle(&[5.0, 15.0, 80.0, 85.0]));
    let classes = Matrix::new("classes", &classes, 3, 2).unwrap();
    let pictures = labeled("pictures", &pictures, &[0, 1, 2, 0]);
    let outcome = zeroshot(&pictures, &classes).unwrap();
    assert!(outcome.predicted().eq([0, 0, 2, 2]));
    assert_eq!(outcome.hits(1), [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(outcome.hits(2), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!((outcome.accuracy(3), outcome.classes()), (1.0, 3));

    let labels = [0, 1, 3, 0];
    let pictures = Labeled::new(pictures.vectors(), &labels).unwrap();
    let text = zeroshot(&pictures, &classes).unwrap_err().to_string();
    assert_eq!(text, "pictures: row 2 has label 3, the classes are 0 to 2");
}

#[test]
fn equal_classes_give_the_first() {
    let (classes, pictures) = (circle(&[30.0, 30.0, 90.0]), circle(&[0.0, 0.0]));
    let classes = Matrix::new("classes", &classes, 3, 2).unwrap();
    let outcome = zeroshot(&labeled("pictures", &pictures, &[0, 1]), &classes).unwrap();
    assert_eq!(outcome.predicted().collect::<Vec<_>>(), [0, 0]);
    assert_eq!(outcome.hits(1), [1.0, 0.0]);
}

fn class_vectors(angles: &[f32], templates: usize, part: usize) -> Result<Vec<f32>, String> {
    let mut classes = ClassVectors::new(templates, 2).map_err(|e| e.to_string())?;
    for part in circle(angles).chunks(2 * part) {
        let prompts = Matrix::new("prompts", part, part.len() / 2, 2).unwrap();
        classes.push(&prompts).map_err(|e| e.to_string())?;
    }
    classes.finish().map_err(|e| e.to_string())
}

#[test]
fn prompts_are_averaged_class_by_class() {
    let angles = [0.0, 20.0, 40.0, 90.0, 100.0, 110.0];
    for part in [1, 2, 4, 100] {
        let classes = class_vectors(&angles, 3, part).unwrap();
        clip_testkit::assert_close("classes", &classes, &circle(&[20.0, 100.0]), 1e-6);
    }
    // Of unequal lengths: the mean weighs every sentence the same, then has length 1 again.
    let classes = class_vectors(&[0.0, 0.0, 90.0], 3, 3).unwrap();
    clip_testkit::assert_close("classes", &classes, &[2.0 / 5f32.sqrt(), 1.0 / 5f32.sqrt()], 1e-6);

    let text = class_vectors(&angles[..4], 3, 2).unwrap_err();
    assert_eq!(text, "4 prompts are no multiple of 3 templates: encode all prompts");
    assert_eq!(class_vectors(&[], 3, 1).unwrap_err(), "there are no prompts: give at least one");
    let text = class_vectors(&[5.0, 5.0, 0.0, 180.0], 2, 3).unwrap_err();
    assert_eq!(text, "the prompts of class 1 cancel each other out: choose other templates");
    assert!(class_vectors(&[], 0, 1).unwrap_err().starts_with("the number of templates is 0"));
}
