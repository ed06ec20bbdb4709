//! Points on the plane for the items of a collection: what is alike is close.
//!
//! t-SNE of the vectors' nearest neighbors, from the two directions in which the vectors differ most
//! (PCA): nothing is drawn at random, the same collection gives the same map. Then images that would
//! lie on each other are pushed apart.

mod page;
mod tsne;

use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use bhtsne::Neighbor;
use clip_retrieval::{Content, Filter, Flat, Item, Modality, Snapshot};

use crate::{Error, Observer, Result, count, thumbnail};

/// A point; the side of an image is 1.
pub type Point = [f64; 2];

/// Fewer pictures have no neighborhoods: there the two directions are the map.
const FEW: usize = 10;
/// Steps to find a power's direction; it need not be exact.
const POWER_STEPS: usize = 60;
/// Distance between the centers of pictures, in sides.
const APART: f64 = 1.06;
/// Rounds of pushing apart; a few overlaps may stay.
const ROUNDS: usize = 300;

/// Longer side of a thumbnail in pixels; smaller on a large map, so that a browser bears it.
const SIDE: u32 = 224;
const SIDE_OF_MANY: u32 = 112;
const MANY: usize = 1000;

/// A page that shows images as a map of thumbnails.
#[derive(Debug)]
pub struct Page {
    /// The page, which needs nothing else.
    pub html: String,
    /// Images of the collection.
    pub total: usize,
    /// Images on the page.
    pub shown: usize,
    /// Images that have a placeholder, and why they have no thumbnail.
    pub placeholders: Vec<(PathBuf, Error)>,
}

impl Page {
    /// What a person should know of what is not shown.
    pub fn note(&self) -> Option<String> {
        let are = if self.shown == 1 { "is" } else { "are" };
        let Self { shown, total, .. } = self;
        (shown < total).then(|| format!("{shown} of {total} pictures {are} shown, evenly taken"))
    }

    /// What a person should know of images that have no thumbnail: a drive that is not plugged in may
    /// hold all of them.
    pub fn warning(&self) -> Option<String> {
        let (path, error) = self.placeholders.first()?;
        let has = if self.placeholders.len() == 1 { "has" } else { "have" };
        let images = count(self.placeholders.len(), "picture");
        let (path, error) = (path.display().to_string(), error.to_string());
        let named = if error.contains(&path) { error } else { format!("{path}: {error}") };
        Some(format!("{images} {has} only a placeholder; the first: {named}"))
    }
}

/// A page with at most `limit` images of a collection, evenly taken; none where there are no images.
///
/// # Errors
///
/// [`Error::Retrieval`] where the collection cannot be read.
pub fn page(
    snapshot: &dyn Snapshot,
    limit: usize,
    observer: &mut dyn Observer,
) -> Result<Option<Page>> {
    let mut images = snapshot.items(&Filter::of(Modality::Image))?;
    images.retain(|item| item.path().is_some());
    let total = images.len();
    let (mut vectors, mut paths) = (Flat::new(snapshot.dimension()), Vec::new());
    for (i, item) in images.into_iter().enumerate() {
        if is_taken(i, total, limit)
            && let Some((Item { content: Content::Path(path), id, .. }, vector)) =
                snapshot.get(&item.id)?
        {
            vectors.push(&id, &vector)?;
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let points = layout(&vectors)?;
    let files: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let side = if files.len() < MANY { SIDE } else { SIDE_OF_MANY };
    let thumbnails = thumbnail::jpegs(&files, side, observer);
    let pictures = page::pictures(&files, &points, &thumbnails);
    let html = page::html(&page::Map { model: snapshot.model_name(), total, pictures });
    let shown = paths.len();
    let made = paths.into_iter().zip(thumbnails);
    let placeholders = made.filter_map(|(path, made)| Some((path, made.err()?))).collect();
    Ok(Some(Page { html, total, shown, placeholders }))
}

/// Whether the image at place `i` of `total` is among `limit` even ones.
fn is_taken(i: usize, total: usize, limit: usize) -> bool {
    let before = |i: usize| (i as u128 * limit as u128).div_ceil(total as u128);
    total <= limit || before(i) < before(i + 1)
}

/// A point for each vector, around the origin.
///
/// # Errors
///
/// [`Error::Retrieval`](crate::Error::Retrieval) for vectors that cannot be compared.
pub fn layout(library: &Flat) -> Result<Vec<Point>> {
    let start = principal(library.vectors(), library.dimension());
    let places = match library.len() {
        0..FEW => start,
        _ => tsne(library, &start)?,
    };
    Ok(remove_overlaps(&align_principal_axis(&places)))
}

fn tsne(library: &Flat, start: &[Point]) -> Result<Vec<Point>> {
    let neighbors = neighbors(library, tsne::neighbors(library.len()))?;
    // Small, as of van der Maaten's code; a wide scatter would keep apart what belongs together.
    let largest = start.iter().flatten().fold(0.0, |a: f64, b| a.max(b.abs()));
    let scale = if largest > 0.0 { 1e-3 / largest } else { 0.0 };
    let first: Vec<Point> = (0..start.len())
        .map(|i| {
            let jitter = spiral(i, 1e-6);
            [0, 1].map(|axis| start[i][axis] * scale + jitter[axis])
        })
        .collect();
    Ok(tsne::embed(&neighbors, &first))
}

/// The `count` nearest neighbors of each item.
fn neighbors(library: &Flat, count: usize) -> Result<Vec<Vec<Neighbor<f64>>>> {
    let of = |(row, vector): (usize, &[f32])| {
        let hits = library.nearest(vector, count + 1)?;
        let others = hits.iter().filter(|(index, _)| *index != row).take(count);
        let neighbor = |(index, score): &(usize, f32)| {
            let distance = (2.0 - 2.0 * f64::from(*score)).max(0.0).sqrt();
            Neighbor { index: *index, distance }
        };
        Ok(others.map(neighbor).collect())
    };
    let rows: Vec<_> = library.vectors().chunks_exact(library.dimension()).enumerate().collect();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let parts = rows.chunks(rows.len().div_ceil(cores).max(1));
        let search = |part: &[(usize, &[f32])]| part.iter().copied().map(of).collect();
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || search(part))).collect();
        let found: Vec<Result<Vec<_>>> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        Ok(found.into_iter().collect::<Result<Vec<_>>>()?.concat())
    })
}

/// The parts of each vector along the two directions in which the vectors differ most, by the power
/// method.
fn principal(vectors: &[f32], dimension: usize) -> Vec<Point> {
    let count = (vectors.len() / dimension).max(1) as f64;
    let mut mean = vec![0.0; dimension];
    for vector in vectors.chunks_exact(dimension) {
        add(&mut mean, 1.0 / count, vector.iter().map(|value| f64::from(*value)));
    }
    let centered = |vector: &[f32]| -> Vec<f64> {
        vector.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean).collect()
    };
    let mut directions: Vec<Vec<f64>> = Vec::new();
    for _ in 0..2 {
        // Any start does that is not at a right angle to the answer.
        let mut direction: Vec<f64> = (0..dimension).map(|i| (1.0 + i as f64).sin()).collect();
        for _ in 0..POWER_STEPS {
            for other in &directions {
                let part = dot(&direction, other);
                add(&mut direction, -part, other.iter().copied());
            }
            unit(&mut direction);
            let mut next = vec![0.0; dimension];
            for vector in vectors.chunks_exact(dimension) {
                let vector = centered(vector);
                add(&mut next, dot(&vector, &direction), vector.into_iter());
            }
            direction = next;
        }
        for other in &directions {
            let part = dot(&direction, other);
            add(&mut direction, -part, other.iter().copied());
        }
        unit(&mut direction);
        directions.push(direction);
    }
    let place = |vector: &[f32]| {
        let vector = centered(vector);
        [0, 1].map(|i| dot(&vector, &directions[i]))
    };
    vectors.chunks_exact(dimension).map(place).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f64], times: f64, values: impl Iterator<Item = f64>) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += times * value;
    }
}

/// Length 1; what is nothing but rounding stays nothing.
fn unit(vector: &mut [f64]) {
    let length = dot(vector, vector).sqrt();
    for value in vector {
        *value = if length > 1e-12 { *value / length } else { 0.0 };
    }
}

/// Points around the origin of which no two are one, `step` apart.
fn spiral(i: usize, step: f64) -> Point {
    const GOLDEN_ANGLE: f64 = 2.399_963_229_728_653;
    let (radius, angle) = (step * (i as f64).sqrt(), i as f64 * GOLDEN_ANGLE);
    [radius * angle.cos(), radius * angle.sin()]
}

/// Turns the places so that they reach farthest sideways, as screens do.
fn align_principal_axis(places: &[Point]) -> Vec<Point> {
    let count = places.len().max(1) as f64;
    let mean = [0, 1].map(|axis| places.iter().map(|place| place[axis]).sum::<f64>() / count);
    let [mut xx, mut xy, mut yy] = [0.0; 3];
    for [x, y] in places.iter().map(|place| [place[0] - mean[0], place[1] - mean[1]]) {
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    let (sin, cos) = angle.sin_cos();
    places.iter().map(|[x, y]| [cos * x + sin * y, cos * y - sin * x]).collect()
}

/// Scales the places so that the pictures have some room, and pushes apart those that overlap.
fn remove_overlaps(places: &[Point]) -> Vec<Point> {
    let count = places.len();
    let range = |axis: usize| {
        let values = || places.iter().map(|place| place[axis]);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let ranges = [range(0), range(1)];
    let extent = ranges.iter().map(|(low, high)| high - low).fold(0.0, f64::max);
    let room = 1.5 * (count as f64).sqrt();
    let scale = if extent > 1e-9 { room / extent } else { 0.0 };
    let mut places: Vec<Point> = (0..count)
        .map(|i| {
            // Copies of one picture lie on one point: the spiral tells them apart.
            let jitter = spiral(i, 1e-3);
            [0, 1].map(|axis| {
                let middle = f64::midpoint(ranges[axis].0, ranges[axis].1);
                (places[i][axis] - middle) * scale + jitter[axis]
            })
        })
        .collect();
    for _ in 0..ROUNDS {
        if !push_apart(&mut places) {
            break;
        }
    }
    places
}

/// Moves each pair that overlaps apart, along the axis on which that is less far. Says whether
/// there was one.
fn push_apart(places: &mut [Point]) -> bool {
    let cell = |place: &Point| place.map(|value| (value / APART).floor() as i64);
    let mut cells = std::collections::HashMap::<[i64; 2], Vec<usize>>::new();
    for (i, place) in places.iter().enumerate() {
        cells.entry(cell(place)).or_default().push(i);
    }
    let mut moved = false;
    for i in 0..places.len() {
        let [x, y] = cell(&places[i]);
        for near in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| [x + dx, y + dy])) {
            for &j in cells.get(&near).into_iter().flatten().filter(|j| **j > i) {
                let between = [0, 1].map(|axis| places[j][axis] - places[i][axis]);
                let overlap = between.map(|distance| APART - distance.abs());
                if overlap.iter().any(|overlap| *overlap <= 1e-3) {
                    continue;
                }
                let axis = usize::from(overlap[1] < overlap[0]);
                let push = 0.5 * overlap[axis].copysign(between[axis]);
                places[i][axis] -= push;
                places[j][axis] += push;
                moved = true;
            }
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use clip_testkit::Random;

    use super::*;

    #[test]
    fn a_limit_takes_even_ones() {
        let check = |total: usize, limit: usize, expected: &[usize]| {
            let taken: Vec<usize> = (0..total).filter(|i| is_taken(*i, total, limit)).collect();
            assert_eq!(taken, expected, "{limit} of {total}");
        };
        check(3, 5, &[0, 1, 2]);
        check(6, 3, &[0, 2, 4]);
        check(7, 3, &[0, 2, 4]);
        check(5, 4, &[0, 1, 2, 3]);
        check(9, 1, &[0]);
        for limit in 1..40 {
            let count = (0..37).filter(|i| is_taken(*i, 37, limit)).count();
            assert_eq!(count, limit.min(37));
        }
    }

    /// `groups` directions, and `each` vectors close to each of them.
    fn library(groups: usize, each: usize) -> Flat {
        const DIMENSION: usize = 12;
        let mut random = Random::new(1);
        let mut library = Flat::new(DIMENSION);
        for group in 0..groups {
            let center = random.values(DIMENSION);
            for i in 0..each {
                let noise = random.values(DIMENSION);
                let vector: Vec<f32> = center.iter().zip(noise).map(|(a, b)| a + 0.1 * b).collect();
                let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                let vector: Vec<f32> = vector.iter().map(|x| x / norm).collect();
                library.push(&format!("{group}/{i}"), &vector).unwrap();
            }
        }
        library
    }

    fn distance(a: Point, b: Point) -> f64 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    fn check(library: &Flat) -> Vec<Point> {
        let places = layout(library).unwrap();
        assert_eq!(places.len(), library.len());
        assert!(places.iter().flatten().all(|value| value.is_finite()), "{places:?}");
        for (i, a) in places.iter().enumerate() {
            for b in &places[..i] {
                let apart = (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
                assert!(apart > 0.9, "{a:?} {b:?} of {}", places.len());
            }
        }
        places
    }

    #[test]
    fn any_number_of_pictures_has_places() {
        for count in [1, 2, 3, 4, 5, 9, 10, 11, 13, 31] {
            check(&library(1, count));
            check(&library(count, 1));
        }
    }

    #[test]
    fn the_map_is_wider_than_high() {
        let upright: Vec<Point> = (0..9).map(|i| [f64::from(i % 2), 3.0 * f64::from(i)]).collect();
        let places = align_principal_axis(&upright);
        let extent = |axis: usize| {
            let values = || places.iter().map(|place| place[axis]);
            values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min)
        };
        assert!(extent(0) > 23.9 && extent(1) < 1.5, "{places:?}");
    }

    #[test]
    fn copies_lie_side_by_side() {
        for count in [2, 9, 40] {
            let mut copies = Flat::new(2);
            for i in 0..count {
                copies.push(&i.to_string(), &[0.6, 0.8]).unwrap();
            }
            check(&copies);
        }
    }

    #[test]
    fn what_is_alike_is_close() {
        let (groups, each) = (4, 30);
        let places = check(&library(groups, each));
        let nearest_is_kin = |i: usize| {
            let others = (0..places.len()).filter(|j| *j != i);
            let by_distance = |a: &usize, b: &usize| {
                distance(places[*a], places[i]).total_cmp(&distance(places[*b], places[i]))
            };
            others.min_by(by_distance).unwrap() / each == i / each
        };
        let kin = (0..places.len()).filter(|i| nearest_is_kin(*i)).count();
        assert!(kin > 110, "{kin} of 120");
    }

    #[test]
    fn the_same_library_has_the_same_places() {
        let library = library(3, 20);
        assert_eq!(layout(&library).unwrap(), layout(&library).unwrap());
    }
}
