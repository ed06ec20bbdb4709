//! Are the device's vectors those of the CPU?

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use clip_benches::{PIXELS, median};
use clip_model::{
    Backend, Device, DeviceName, InferenceImageEncoder, InferenceTextEncoder, WeightDtype,
};

use crate::cosine::{self, Cosines};
use crate::emit;
use crate::model::{Encoder, Input, Sizes, float_dtype, values};
use crate::record::{Dtype, Phase, Record, Tower, Who};

pub(crate) const TOWERS: [Tower; 2] = [Tower::Image, Tower::Text];

const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::Bf16, Dtype::F16];

/// The numbers that the device computes in. GPUs without bf16 are measured in f16, which is as long.
pub(crate) fn dtypes(device: &Device) -> Vec<Dtype> {
    let all = DTYPES.into_iter().filter(|&dtype| device.supports_dtype(float_dtype(dtype)));
    let all: Vec<_> = all.collect();
    let keep = |dtype: &Dtype| *dtype != Dtype::F16 || !all.contains(&Dtype::Bf16);
    all.iter().copied().filter(keep).collect()
}

/// Vectors by the CPU, into files for the steps that follow.
///
/// # Errors
///
/// Where the program was built without the CPU's backend, or a file cannot be written.
pub(crate) fn reference(sizes: &Sizes, folder: &Path) -> Result<()> {
    let device = DeviceName::On(Backend::Flex, 0).open()?;
    let (batch, width) = (sizes.batches[0], sizes.config.embed_dim);
    for tower in TOWERS {
        let forward = packed(sizes, tower, &device);
        let (mut vectors, mut seconds) = (Vec::new(), 0.0);
        for number in 0..sizes.checked {
            let input = sizes.input(tower, number * batch, batch, Dtype::F32, &device);
            let began = Instant::now();
            vectors.extend(forward(&input)?);
            seconds += began.elapsed().as_secs_f64();
        }
        let bytes: Vec<u8> = vectors.iter().flat_map(|value| value.to_le_bytes()).collect();
        let path = file(folder, tower);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let neighbors = cosine::neighbors(&vectors, width);
        emit(&Record::Reference { tower, items: sizes.items(), seconds, neighbors })?;
    }
    Ok(())
}

/// Our path for the CPU: packed weights and kernels of ours.
fn packed(sizes: &Sizes, tower: Tower, device: &Device) -> impl Fn(&Input) -> Result<Vec<f32>> {
    enum Packed {
        Image(InferenceImageEncoder),
        Text(InferenceTextEncoder),
    }
    let packed = match Encoder::draw(sizes, tower, Dtype::F32, device) {
        Encoder::Image(encoder) => {
            Packed::Image(InferenceImageEncoder::new(*encoder, WeightDtype::F32, &PIXELS))
        }
        Encoder::Text(encoder) => {
            Packed::Text(InferenceTextEncoder::new(*encoder, WeightDtype::F32))
        }
    };
    move |input| match (&packed, input) {
        (Packed::Image(encoder), Input::Pixels(pixels)) => values(encoder.forward(pixels.clone())),
        (Packed::Text(encoder), Input::Ids(ids)) => values(encoder.forward(ids.clone())),
        _ => Err(anyhow!("the input of the other tower")),
    }
}

/// Vectors that [`reference`] wrote.
///
/// # Errors
///
/// Where the file is not there, or of another run.
pub(crate) fn read(sizes: &Sizes, folder: &Path, tower: Tower) -> Result<Vec<f32>> {
    let path = file(folder, tower);
    let bytes = std::fs::read(&path);
    let bytes = bytes.with_context(|| {
        format!("cannot read {}: take the step `reference` first", path.display())
    })?;
    let vectors: Vec<f32> =
        bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    ensure!(
        vectors.len() == sizes.items() * sizes.config.embed_dim,
        "{} is of a run of other sizes: remove it",
        path.display()
    );
    Ok(vectors)
}

fn file(folder: &Path, tower: Tower) -> PathBuf {
    folder.join(format!("reference-{tower}.f32"))
}

/// Compares all items, in each number format of the device.
///
/// # Errors
///
/// Where the reference cannot be read.
pub(crate) fn compare(sizes: &Sizes, device: &Device, folder: &Path, who: Who) -> Result<()> {
    for dtype in dtypes(device) {
        for tower in TOWERS {
            let reference = read(sizes, folder, tower)?;
            attempt(&format!("{who}, {dtype}, {tower}"), || {
                check(sizes, device, &reference, (who, tower, dtype))
            })?;
        }
    }
    Ok(())
}

/// The first batch, at once said, and then all.
fn check(
    sizes: &Sizes,
    device: &Device,
    reference: &[f32],
    (who, tower, dtype): (Who, Tower, Dtype),
) -> Result<Record> {
    let (batch, width) = (sizes.batches[0], sizes.config.embed_dim);
    let encoder = Encoder::draw(sizes, tower, dtype, device);
    let compared = |phase, batches: usize| -> Result<Record> {
        let (mut vectors, mut times) = (Vec::new(), Vec::new());
        for number in 0..batches {
            let input = sizes.input(tower, number * batch, batch, dtype, device);
            // Uploads are not part of a pass.
            device.sync().map_err(|error| anyhow!("{error:?}"))?;
            let began = Instant::now();
            vectors.extend(encoder.forward(&input)?);
            times.push(began.elapsed().as_secs_f64());
        }
        let items = batches * batch;
        let Cosines { lowest, mean } =
            cosine::compare(&vectors, &reference[..items * width], width);
        let seconds = median(&times);
        Ok(Record::Check { who, tower, dtype, phase, items, lowest, mean, seconds })
    };
    emit(&compared(Phase::Cold, 1)?)?;
    compared(Phase::Warm, sizes.checked)
}

/// Says the record, or that there is none and why: an error or a panic of a backend costs no other record.
///
/// # Errors
///
/// Where nothing can be said.
pub(crate) fn attempt(what: &str, measure: impl FnOnce() -> Result<Record>) -> Result<()> {
    let measured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(measure));
    let measured = measured.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(anyhow!("it panicked: {}", text.unwrap_or("without a word")))
    });
    emit(&measured.unwrap_or_else(|error| {
        let reason = format!("{error:#}");
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        Record::LeftOut { what: what.to_owned(), reason }
    }))
}
