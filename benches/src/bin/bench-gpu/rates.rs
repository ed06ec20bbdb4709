//! How fast are the towers, the training and the start?

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow};
use clip_benches::{Training, TrainingWork, median};
use clip_model::Device;

use crate::check::{TOWERS, attempt, dtypes, read};
use crate::cosine;
use crate::emit;
use crate::model::{Encoder, Sizes};
use crate::record::{Dtype, Record, Tower, Who};

/// Passes that count, at the least.
const PASSES: usize = 3;

/// Each tower in each number format and batch, the largest batch first.
///
/// # Errors
///
/// Where the reference cannot be read.
pub(crate) fn towers(sizes: &Sizes, device: &Device, folder: &Path, who: Who) -> Result<()> {
    let dtypes = dtypes(device);
    for &batch in sizes.batches {
        for &dtype in &dtypes {
            for tower in TOWERS {
                let reference = read(sizes, folder, tower)?;
                let reference = &reference[..batch * sizes.config.embed_dim];
                attempt(&format!("{who}, {dtype}, {batch} {tower}"), || {
                    rate(sizes, device, reference, (who, tower, dtype, batch))
                })?;
            }
        }
    }
    Ok(())
}

fn rate(
    sizes: &Sizes,
    device: &Device,
    reference: &[f32],
    (who, tower, dtype, batch): (Who, Tower, Dtype, usize),
) -> Result<Record> {
    let encoder = Encoder::draw(sizes, tower, dtype, device);
    let input = sizes.input(tower, 0, batch, dtype, device);
    device.sync().map_err(|error| anyhow!("{error:?}"))?;
    let mut vectors = Vec::new();
    let (first_seconds, seconds) = repeat(sizes.seconds, || {
        let began = Instant::now();
        vectors = encoder.forward(&input)?;
        Ok(began.elapsed().as_secs_f64())
    })?;
    let cosine = Some(cosine::compare(&vectors, reference, sizes.config.embed_dim).lowest);
    let [rate, low, high] = spread(&seconds).map(|seconds| batch as f64 / seconds);
    Ok(Record::Rate { who, tower, dtype, batch, first_seconds, rate, low, high, cosine })
}

/// The seconds of the first pass, and of those that count: one after the first does not.
fn repeat(at_least: f64, mut pass: impl FnMut() -> Result<f64>) -> Result<(f64, Vec<f64>)> {
    let first = pass()?;
    pass()?;
    let mut seconds = Vec::new();
    while seconds.len() < PASSES || seconds.iter().sum::<f64>() < at_least {
        seconds.push(pass()?);
    }
    Ok((first, seconds))
}

/// The median, the longest and the shortest.
fn spread(seconds: &[f64]) -> [f64; 3] {
    let longest = seconds.iter().copied().fold(0.0, f64::max);
    let shortest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    [median(seconds), longest, shortest]
}

/// Steps of training in f32.
///
/// # Errors
///
/// Where nothing can be said.
pub(crate) fn training(sizes: &Sizes, device: &Device) -> Result<()> {
    let batch = sizes.training;
    attempt("training", || {
        let mut work = TrainingWork { batch, ..TrainingWork::default() };
        if let Some(model) = &sizes.trained {
            work.model = model.clone();
        }
        let mut training = Training::new(work, &device.clone().autodiff());
        let (first_seconds, seconds) = repeat(sizes.seconds, || Ok(training.step()?.seconds))?;
        let rate = batch as f64 / median(&seconds);
        Ok(Record::Train { who: Who::Ours, batch, first_seconds, rate })
    })
}

/// A vector of one image.
///
/// # Errors
///
/// Where the device cannot be read.
pub(crate) fn start(sizes: &Sizes, device: &Device) -> Result<()> {
    let began = Instant::now();
    let encoder = Encoder::draw(sizes, Tower::Image, Dtype::F32, device);
    let drawing_seconds = began.elapsed().as_secs_f64();
    encoder.forward(&sizes.input(Tower::Image, 0, 1, Dtype::F32, device))?;
    emit(&Record::Vector { drawing_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pass_is_told_and_the_second_is_not() {
        let mut times = [9.0, 5.0, 1.0, 2.0, 1.0, 7.0].into_iter();
        let (first, seconds) = repeat(3.5, || Ok(times.next().unwrap())).unwrap();
        assert_eq!((first, seconds), (9.0, vec![1.0, 2.0, 1.0]));
        assert_eq!(spread(&[1.0, 2.0, 1.0]), [1.0, 2.0, 1.0]);
    }

    #[test]
    fn short_passes_are_repeated() {
        let (_, seconds) = repeat(1.0, || Ok(0.125)).unwrap();
        assert_eq!(seconds.len(), 8);
    }
}
