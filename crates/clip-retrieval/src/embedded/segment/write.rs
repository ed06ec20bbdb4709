//! Writing a segment.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use half::slice::HalfFloatSliceExt as _;

use super::{Header, Parts, Precision, header, stride};
use crate::Result;
use crate::embedded::atomic::write_whole;
use crate::embedded::scan::encode;

/// Where the vectors of a new segment come from.
pub(crate) trait Source {
    /// Each row once, in the order of its key.
    fn for_each(&self, visit: &mut dyn FnMut(u64, &[f32]) -> io::Result<()>) -> io::Result<()>;
}

/// Writes a segment into the place of `path`, whole or not at all. Memory does not grow with the
/// number of rows.
///
/// # Errors
///
/// [`crate::Error::Io`]; nothing is left behind then.
pub(crate) fn write(
    path: &Path,
    (rows, dimension): (usize, usize),
    precision: Precision,
    model: u32,
    source: &impl Source,
) -> Result<()> {
    let header =
        Header { rows: rows as u64, dimension: dimension as u32, precision, model, checksum: 0 };
    write_whole(path, |file| {
        let checksum = write_parts(file.path(), &header, source)?;
        let mut first = file.as_file();
        first.seek(SeekFrom::Start(0))?;
        first.write_all(&Header { checksum, ..header }.write())
    })
}

/// One part of the file, written by itself.
struct Part {
    out: BufWriter<File>,
    checksum: crc32fast::Hasher,
}

impl Part {
    fn at(path: &Path, start: usize) -> io::Result<Self> {
        // Opened anew: clones of a file share one place in it.
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(start as u64))?;
        let out = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { out, checksum: crc32fast::Hasher::new() })
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Writes all but the header; gives the checksum of what was written.
fn write_parts(path: &Path, header: &Header, source: &impl Source) -> io::Result<u32> {
    let (dimension, places) = (header.dimension as usize, Parts::new(header));
    let [mut center, mut keys, mut scales, mut codes, mut vectors] = [
        Part::at(path, places.center.start)?,
        Part::at(path, places.keys.start)?,
        Part::at(path, places.scales.start)?,
        Part::at(path, places.codes.start)?,
        Part::at(path, places.vectors.start)?,
    ];
    let mean = mean(header.rows, dimension, source)?;
    center.put(bytemuck::cast_slice(&mean))?;
    let mut code = vec![0; stride(dimension)];
    let mut halves = vec![half::f16::ZERO; dimension];
    let mut kept = vec![0.0; dimension];
    source.for_each(&mut |key, vector| {
        keys.put(&key.to_le_bytes())?;
        match header.precision {
            Precision::F32 => {
                kept.copy_from_slice(vector);
                vectors.put(bytemuck::cast_slice(vector))?;
            }
            Precision::F16 => {
                halves.convert_from_f32_slice(vector);
                halves.convert_to_f32_slice(&mut kept);
                vectors.put(bytemuck::cast_slice::<u16, u8>(halves.reinterpret_cast()))?;
            }
        }
        // Of the vector as it is kept: bounds are of its products.
        let scale = encode(&kept, &mean, &mut code);
        scales.put(bytemuck::bytes_of(&scale))?;
        codes.put(&code)
    })?;
    let mut whole = crc32fast::Hasher::new();
    for mut part in [center, keys, scales, codes, vectors] {
        part.out.flush()?;
        whole.combine(&part.checksum);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    // Parts without a byte, and room between them, are part of the file too.
    file.set_len(places.end().max(header::SIZE) as u64)?;
    Ok(whole.finalize())
}

fn mean(rows: u64, dimension: usize, source: &impl Source) -> io::Result<Vec<f32>> {
    let mut sum = vec![0f64; dimension];
    source.for_each(&mut |_, vector| {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += f64::from(*value));
        Ok(())
    })?;
    Ok(sum.into_iter().map(|sum| (sum / rows.max(1) as f64) as f32).collect())
}
