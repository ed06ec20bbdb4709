//! A NumPy array, and beside it what its rows are.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use npyz::{NpyFile, NpyWriter, WriterBuilder};

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

/// All numbers of an array of two dimensions, and how many a row has.
fn rows(path: &Path) -> Result<(Vec<f32>, usize)> {
    let cannot = || format!("cannot read {} as an array of NumPy", path.display());
    let open = || -> Result<NpyFile<BufReader<File>>> {
        Ok(NpyFile::new(BufReader::new(File::open(path)?))?)
    };
    let array = open().with_context(cannot)?;
    let [_, width] = array.shape() else {
        bail!("{} has not two dimensions, but {:?}", path.display(), array.shape());
    };
    let width = *width as usize;
    // A file is read as one type alone.
    let as_f32 =
        || -> Result<Vec<f32>> { Ok(open()?.data::<f32>()?.collect::<std::io::Result<_>>()?) };
    let as_f16 = || -> Result<Vec<f32>> {
        let data = open()?.data::<half::f16>()?;
        Ok(data.map(|value| value.map(half::f16::to_f32)).collect::<std::io::Result<_>>()?)
    };
    let as_f64 = || -> Result<Vec<f32>> {
        let data = open()?.data::<f64>()?;
        Ok(data.map(|value| value.map(|value| value as f32)).collect::<std::io::Result<_>>()?)
    };
    let values = as_f32().or_else(|_| as_f16()).or_else(|_| as_f64()).with_context(cannot)?;
    Ok((values, width))
}
