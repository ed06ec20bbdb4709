//! With the feature.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use npyz::{Deserialize, NpyFile, NpyWriter, Order, WriterBuilder};

use crate::exchange::{Error, Result};

/// What a file is read as.
const FORMAT: &str = "an array of NumPy";

/// An array that is written, of f32 `[items, dimension]`.
pub(in crate::exchange) struct Array {
    path: PathBuf,
    rows: NpyWriter<f32, BufWriter<File>>,
}

impl Array {
    pub(in crate::exchange) fn create(path: &Path, size: (usize, usize)) -> Result<Self> {
        let file = BufWriter::new(File::create(path).map_err(Error::write(path))?);
        let shape = [size.0 as u64, size.1 as u64];
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let rows = options.writer(file).begin_nd().map_err(Error::write(path))?;
        Ok(Self { path: path.to_owned(), rows })
    }

    pub(in crate::exchange) fn put(&mut self, vector: &[f32]) -> Result<()> {
        self.rows.extend(vector.iter().copied()).map_err(Error::write(&self.path))
    }

    pub(in crate::exchange) fn finish(self) -> Result<()> {
        self.rows.finish().map_err(Error::write(&self.path))
    }
}

/// Writes rows of `width` values as an array of f32.
///
/// # Errors
///
/// Where they cannot be written.
pub fn write_array(out: impl io::Write, rows: &[&[f32]], width: usize) -> io::Result<()> {
    let shape = [rows.len() as u64, width as u64];
    let mut array =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(out).begin_nd()?;
    rows.iter().try_for_each(|row| array.extend(row.iter().copied()))?;
    array.finish()
}

/// All numbers of an array of two dimensions, row after row, and how many a row has.
pub(in crate::exchange) fn rows(path: &Path) -> Result<(Vec<f32>, usize)> {
    let file = File::open(path).map_err(Error::read(path, FORMAT))?;
    let array = NpyFile::new(BufReader::new(file)).map_err(Error::read(path, FORMAT))?;
    let [height, width] = *array.shape() else {
        return Err(Error::Shape { path: path.to_owned(), shape: array.shape().to_vec() });
    };
    let (dtype, order) = (array.dtype(), array.order());
    let values = match dtype.descr().trim_matches('\'').trim_start_matches(['<', '>', '=']) {
        "f4" => read_all::<f32>(array, |value| value),
        "f2" => read_all::<half::f16>(array, half::f16::to_f32),
        "f8" => read_all::<f64>(array, |value| value as f32),
        other => {
            return Err(Error::ElementType { path: path.to_owned(), found: other.to_owned() });
        }
    };
    let values = values.map_err(Error::read(path, FORMAT))?;
    let (height, width) = (height as usize, width as usize);
    Ok(match order {
        Order::C => (values, width),
        Order::Fortran => (transpose(&values, height), width),
    })
}

fn read_all<T: Deserialize>(
    array: NpyFile<BufReader<File>>,
    to_f32: impl Fn(T) -> f32,
) -> Result<Vec<f32>, Box<dyn std::error::Error + Send + Sync>> {
    let values = array.data::<T>()?;
    Ok(values.map(|value| value.map(&to_f32)).collect::<std::io::Result<_>>()?)
}

/// Row after row what lies column after column, as NumPy keeps the transpose of an array.
fn transpose(values: &[f32], height: usize) -> Vec<f32> {
    (0..height).flat_map(|row| values.iter().skip(row).step_by(height).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array as `numpy.save` writes it.
    fn npy(descr: &str, is_fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let order = if is_fortran { "True" } else { "False" };
        let header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), data].concat()
    }

    fn read(file: &[u8]) -> Result<(Vec<f32>, usize)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, file).unwrap();
        rows(&path)
    }

    #[test]
    fn every_type_and_order_gives_the_same_rows() {
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let columns = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let check = |descr: &str, bytes: &dyn Fn(f64) -> Vec<u8>| {
            for (is_fortran, values) in [(false, rows), (true, columns)] {
                let data: Vec<u8> = values.into_iter().flat_map(bytes).collect();
                let (found, width) = read(&npy(descr, is_fortran, "(2, 3)", &data)).unwrap();
                assert_eq!((found, width), (rows.map(|x| x as f32).to_vec(), 3), "{descr}");
            }
        };
        check("'<f4'", &|x| (x as f32).to_le_bytes().to_vec());
        check("'>f4'", &|x| (x as f32).to_be_bytes().to_vec());
        check("'<f8'", &|x| x.to_le_bytes().to_vec());
        check("'>f8'", &|x| x.to_be_bytes().to_vec());
        check("'<f2'", &|x| half::f16::from_f64(x).to_le_bytes().to_vec());
        check("'>f2'", &|x| half::f16::from_f64(x).to_be_bytes().to_vec());
        assert_eq!(read(&npy("'<f4'", true, "(0, 3)", &[])).unwrap(), (Vec::new(), 3));
    }

    #[test]
    fn other_arrays_say_what_they_are() {
        let refused = |descr: &str, shape: &str, says: &str| {
            let error = read(&npy(descr, false, shape, &[0; 64])).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        refused("'<f4'", "(3,)", "has the shape [3], not one of two dimensions");
        refused("'<f4'", "(1, 2, 3)", "[1, 2, 3]");
        refused("'|i1'", "(2, 3)", "is an array of |i1, not of f2, f4 or f8");
        refused("'<c8'", "(2, 3)", "is an array of c8");
        refused("[('a', '<f4'), ('b', '<f4')]", "(2, 3)", "is an array of [('a', '<f4')");
        refused("'|O'", "(2, 3)", "an array of");
        refused("'<f4'", "(200, 3)", "as an array of NumPy");
    }
}
