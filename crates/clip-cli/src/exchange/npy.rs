//! A NumPy array, and beside it what its rows are.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use npyz::{Deserialize, NpyFile, NpyWriter, Order, WriterBuilder};

use super::jsonl::{self, Lines};
use super::{Entry, Origin, Record, Sink, parquet};

/// An array that is written, of f32 `[items, dimension]`.
pub(super) struct Array {
    path: PathBuf,
    rows: NpyWriter<f32, BufWriter<File>>,
    lines: Lines,
}

impl Array {
    pub(super) fn create(
        path: &Path,
        origin: &Origin,
        (count, dimension): (usize, usize),
    ) -> Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let file = BufWriter::new(File::create(path).with_context(cannot)?);
        let shape = [count as u64, dimension as u64];
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let rows = options.writer(file).begin_nd().with_context(cannot)?;
        let lines = Lines::create(&path.with_extension("jsonl"), origin)?;
        Ok(Self { path: path.to_owned(), rows, lines })
    }
}

impl Sink for Array {
    fn put(&mut self, entry: &Entry) -> Result<()> {
        let cannot = || format!("cannot write {}", self.path.display());
        self.rows.extend(entry.vector.iter().copied()).with_context(cannot)?;
        self.lines.put_item(entry)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { path, rows, lines } = *self;
        rows.finish().with_context(|| format!("cannot write {}", path.display()))?;
        Box::new(lines).finish()
    }
}

/// Calls `take` with every record that lies beside an array, and its row.
pub(super) fn read(
    path: &Path,
    take: &mut dyn FnMut(Record, Vec<f32>) -> Result<()>,
) -> Result<()> {
    let (rows, width) = rows(path)?;
    let mut rows = rows.chunks_exact(width.max(1));
    let shown = path.display();
    let beside = Beside::of(path)?;
    let mut put = |record: Record| {
        let Some(row) = rows.next() else {
            bail!("{} has more records than {shown} has rows", beside.path.display())
        };
        take(beside.is(record), row.to_vec())
    };
    match beside.path.extension().is_some_and(|ending| ending == "parquet") {
        true => parquet::read(&beside.path, &mut put)?,
        false => jsonl::read(&beside.path, &mut put)?,
    }
    if rows.next().is_some() {
        bail!("{} has fewer records than {shown} has rows", beside.path.display());
    }
    Ok(())
}

/// The file that says what the rows of an array are.
struct Beside {
    path: PathBuf,
    /// What its rows are of, where the array's name says it.
    modality: Option<&'static str>,
}

impl Beside {
    /// One of the same name; or `../metadata/metadata_0.parquet` for `img_emb_0.npy` and
    /// `text_emb_0.npy`, where clip-retrieval puts it.
    fn of(path: &Path) -> Result<Self> {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let parts = [("img_emb_", "image"), ("text_emb_", "text")];
        let part =
            parts.iter().find_map(|(start, modality)| Some((stem.strip_prefix(start)?, *modality)));
        let mut candidates = vec![path.with_extension("jsonl"), path.with_extension("parquet")];
        if let Some((number, _)) = part {
            let file = format!("metadata_{number}.parquet");
            let folder = path.parent().unwrap_or(Path::new(""));
            candidates.push(folder.join("../metadata").join(&file));
            candidates.push(folder.join(&file));
        }
        let shown = candidates[..2].iter().map(|path| path.display().to_string());
        let shown = shown.collect::<Vec<_>>().join(" nor ");
        match candidates.into_iter().find(|path| path.is_file()) {
            Some(path) => Ok(Self { path, modality: part.map(|(_, modality)| modality) }),
            None => bail!(
                "nothing says what the rows of {} are: there is neither {shown}",
                path.display()
            ),
        }
    }

    fn is(&self, record: Record) -> Record {
        let modality = record.modality.or(self.modality.map(str::to_owned));
        Record { modality, ..record }
    }
}

/// All numbers of an array of two dimensions, row after row, and how many a row has.
fn rows(path: &Path) -> Result<(Vec<f32>, usize)> {
    let shown = path.display();
    let cannot = || format!("cannot read {shown} as an array of NumPy");
    let open = || -> Result<NpyFile<BufReader<File>>> {
        Ok(NpyFile::new(BufReader::new(File::open(path)?))?)
    };
    let array = open().with_context(cannot)?;
    let [height, width] = *array.shape() else {
        bail!(
            "{shown} has the shape {:?}, not one of two dimensions: a row is a vector",
            array.shape()
        );
    };
    let (dtype, order) = (array.dtype(), array.order());
    let values = match dtype.descr().trim_matches('\'').trim_start_matches(['<', '>', '=']) {
        "f4" => read_all::<f32>(array, |value| value),
        "f2" => read_all::<half::f16>(array, half::f16::to_f32),
        "f8" => read_all::<f64>(array, |value| value as f32),
        other => bail!(
            "{shown} is an array of {other}, not of f2, f4 or f8: convert it with NumPy's astype(\"float32\")"
        ),
    };
    let values = values.with_context(cannot)?;
    let (height, width) = (height as usize, width as usize);
    Ok(match order {
        Order::C => (values, width),
        Order::Fortran => (transpose(&values, height), width),
    })
}

fn read_all<T: Deserialize>(
    array: NpyFile<BufReader<File>>,
    to_f32: impl Fn(T) -> f32,
) -> Result<Vec<f32>> {
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
            let error = format!("{:#}", read(&npy(descr, false, shape, &[0; 64])).unwrap_err());
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
