//! t-SNE (van der Maaten and Hinton 2008): affinities from `bhtsne`, the descent from here.
//!
//! The descent of that crate adds up in the order in which its threads happen to finish. A step later
//! another bit, a hundred steps later another map; but a library should look the same each time. So
//! each place is moved here by one thread, which takes the others in their order. Repulsion is exact,
//! hence quadratic: a few thousand pictures take seconds.

use std::num::NonZero;
use std::thread;

use bhtsne::{Neighbor, tSNE};

use super::Point;

/// Neighbors that count for a picture, where there are so many (the usual middle of 5 to 50).
const PERPLEXITY: usize = 30;
/// The usual schedule, as of openTSNE: at first attraction counts twelvefold.
const STEPS: usize = 750;
const EARLY_STEPS: usize = 250;
const EXAGGERATION: f32 = 12.0;
/// Levels of an affinity. What is lost is far below what a map shows, and with it goes the last bit,
/// which `bhtsne` leaves to its threads.
const LEVELS: f64 = (1 << 20) as f64;
/// Pictures worth a thread of their own.
const ROWS_PER_THREAD: usize = 256;

/// Neighbors that [`embed`] wants of each of `count` pictures.
pub(super) fn neighbors(count: usize) -> usize {
    3 * perplexity(count)
}

fn perplexity(count: usize) -> usize {
    PERPLEXITY.min(count.saturating_sub(1) / 3).max(1)
}

/// Moves the places of `start` so that neighbors come close.
pub(super) fn embed(neighbors: &[Vec<Neighbor<f64>>], start: &[Point]) -> Vec<Point> {
    let attraction = Attraction::new(neighbors);
    let count = start.len();
    let mut places: [Vec<f32>; 2] =
        [0, 1].map(|axis| start.iter().map(|place| place[axis] as f32).collect());
    let mut velocity = places.each_ref().map(|axis| vec![0.0; axis.len()]);
    let mut gains = places.each_ref().map(|axis| vec![1.0; axis.len()]);
    let rate = (count as f32 / EXAGGERATION).max(50.0);
    for step in 0..STEPS {
        let (exaggeration, momentum) =
            if step < EARLY_STEPS { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let gradient = gradient(&attraction, &places, exaggeration);
        for axis in [0, 1] {
            let (places, gradient) = (&mut places[axis], &gradient[axis]);
            let (velocity, gains) = (&mut velocity[axis], &mut gains[axis]);
            for i in 0..count {
                // Delta-bar-delta, with van der Maaten's constants.
                let turns = (gradient[i] > 0.0) == (velocity[i] > 0.0);
                gains[i] = if turns { (gains[i] * 0.8_f32).max(0.01) } else { gains[i] + 0.2 };
                velocity[i] = momentum * velocity[i] - rate * gains[i] * gradient[i];
                places[i] += velocity[i];
            }
            let mean = places.iter().sum::<f32>() / count as f32;
            places.iter_mut().for_each(|place| *place -= mean);
        }
    }
    let [x, y] = places;
    x.into_iter().zip(y).map(|(x, y)| [x.into(), y.into()]).collect()
}

/// How much each picture is drawn to others: rows of a sparse matrix that adds up to 1.
struct Attraction {
    rows: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Attraction {
    fn new(neighbors: &[Vec<Neighbor<f64>>]) -> Self {
        let items = vec![(); neighbors.len()];
        let affinities = tSNE::<f64, (), 2>::new(&items)
            .perplexity(perplexity(neighbors.len()) as f64)
            .initial_embedding(vec![0.0; 2 * neighbors.len()])
            .epochs(0)
            .barnes_hut_with_neighbors(0.5, neighbors)
            .affinities()
            .expect("affinities after a fit");
        let largest = affinities.values().iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let level = |value: &f64| (value / largest * LEVELS).round();
        let levels: Vec<f64> = affinities.values().iter().map(level).collect();
        let sum: f64 = levels.iter().sum();
        Self {
            rows: affinities.rows().to_vec(),
            columns: affinities.columns().to_vec(),
            values: levels.iter().map(|level| (level / sum) as f32).collect(),
        }
    }
}

/// Which way each place would go, a quarter of the gradient (equation 5 of the paper), by axis.
fn gradient(attraction: &Attraction, places: &[Vec<f32>; 2], exaggeration: f32) -> [Vec<f32>; 2] {
    let count = places[0].len();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(count / ROWS_PER_THREAD).max(1);
    let rows: Vec<usize> = (0..count).collect();
    let mut forces = Vec::with_capacity(count);
    thread::scope(|scope| {
        let part = |rows: &[usize]| -> Vec<Force> {
            rows.iter().map(|i| Force::on(*i, attraction, places)).collect()
        };
        let mut parts = rows.chunks(count.div_ceil(threads).max(1));
        let first = parts.next().unwrap_or_default();
        let others: Vec<_> = parts.map(|rows| scope.spawn(move || part(rows))).collect();
        forces.extend(part(first));
        for other in others {
            forces.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    let all: f32 = forces.iter().map(|force| force.weight).sum();
    [0, 1].map(|axis| {
        let slope = |force: &Force| exaggeration * force.pull[axis] - force.push[axis] / all;
        forces.iter().map(slope).collect()
    })
}

/// What acts on one place.
struct Force {
    pull: Point32,
    push: Point32,
    /// The sum of its heavy-tailed similarities with the others.
    weight: f32,
}

type Point32 = [f32; 2];

impl Force {
    fn on(i: usize, attraction: &Attraction, [xs, ys]: &[Vec<f32>; 2]) -> Self {
        let (x, y) = (xs[i], ys[i]);
        let mut pull = [0.0; 2];
        for at in attraction.rows[i]..attraction.rows[i + 1] {
            let j = attraction.columns[at] as usize;
            let (dx, dy) = (x - xs[j], y - ys[j]);
            let force = attraction.values[at] / (1.0 + dx * dx + dy * dy);
            pull = [pull[0] + force * dx, pull[1] + force * dy];
        }
        // Eight sums side by side, which a processor adds at once.
        const LANES: usize = 8;
        let mut sums = [[0.0_f32; LANES]; 3];
        let mut take = |lane: usize, other_x: f32, other_y: f32| {
            let (dx, dy) = (x - other_x, y - other_y);
            let similarity = 1.0 / (1.0 + dx * dx + dy * dy);
            let force = similarity * similarity;
            sums[0][lane] += force * dx;
            sums[1][lane] += force * dy;
            sums[2][lane] += similarity;
        };
        let ((xs, last_xs), (ys, last_ys)) = (xs.as_chunks::<LANES>(), ys.as_chunks::<LANES>());
        for (xs, ys) in xs.iter().zip(ys) {
            for lane in 0..LANES {
                take(lane, xs[lane], ys[lane]);
            }
        }
        for (lane, (x, y)) in last_xs.iter().zip(last_ys).enumerate() {
            take(lane, *x, *y);
        }
        let [push_x, push_y, weight] = sums.map(|lanes| lanes.iter().sum::<f32>());
        // Without itself, at a distance of 0.
        Self { pull, push: [push_x, push_y], weight: weight - 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every slope against the difference of the cost, KL(P‖Q), where the place is moved.
    #[test]
    fn gradient_are_those_of_the_cost() {
        let count = 11;
        let angle = |i: usize| i as f64 * 0.7;
        let distance = |i: usize, j: usize| (angle(i) - angle(j)).abs();
        let wanted = neighbors(count);
        let table: Vec<Vec<_>> = (0..count)
            .map(|i| {
                let others = (0..count).filter(|j| *j != i);
                let mut row: Vec<_> =
                    others.map(|j| Neighbor { index: j, distance: distance(i, j) }).collect();
                row.sort_by(|a, b| a.distance.total_cmp(&b.distance));
                row.truncate(wanted);
                row
            })
            .collect();
        let attraction = Attraction::new(&table);
        let sum: f32 = attraction.values.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let places: [Vec<f32>; 2] = [
            (0..count).map(|i| (i as f32 * 1.3).sin() * 2.0).collect(),
            (0..count).map(|i| (i as f32 * 0.9).cos() * 2.0).collect(),
        ];
        let cost = |places: &[Vec<f32>; 2]| {
            let similarity = |i: usize, j: usize| {
                let square = [0, 1]
                    .map(|axis| f64::from(places[axis][i]) - f64::from(places[axis][j]))
                    .map(|d| d * d);
                1.0 / (1.0 + square[0] + square[1])
            };
            let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
            let all: f64 = pairs.filter(|(i, j)| i != j).map(|(i, j)| similarity(i, j)).sum();
            let mut cost = 0.0;
            for i in 0..count {
                for at in attraction.rows[i]..attraction.rows[i + 1] {
                    let p = f64::from(attraction.values[at]);
                    let q = similarity(i, attraction.columns[at] as usize) / all;
                    cost += if p > 0.0 { p * (p / q).ln() } else { 0.0 };
                }
            }
            cost
        };
        let gradient = gradient(&attraction, &places, 1.0);
        for axis in [0, 1] {
            for i in 0..count {
                let moved = |by: f32| {
                    let mut places = places.clone();
                    places[axis][i] += by;
                    cost(&places)
                };
                let measured = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                let found = 4.0 * f64::from(gradient[axis][i]);
                assert!((measured - found).abs() < 1e-4, "{axis} {i}: {measured} {found}");
            }
        }
    }
}
