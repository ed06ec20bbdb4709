//! Foreign weights: one file or several shards of any format, read one tensor at a time.
//!
//! Tensors are read from their place in the file rather than through a map: each is needed once,
//! so memory holds one of them, and a file that shrinks meanwhile is an error and not a signal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use clip_checkpoint::Dtype;
use half::{bf16, f16};

use crate::container::{self, Stored};
use crate::json;
use crate::path::file_name;
use crate::prefix::{self, Candidate, Landmarks};
use crate::{Error, Result};

/// Bytes that are read at once: still in the cache when they are decoded.
const CHUNK: usize = 1 << 16;

/// Models in one file that are compared with each other.
const MAX_MODELS: usize = 16;

/// All tensors of a source.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    files: Vec<WeightsFile>,
    tensors: BTreeMap<String, ForeignTensor>,
    /// What is called like a tensor but cannot be read as one, and why.
    unread: Vec<(String, Error)>,
    classes: BTreeSet<String>,
    passed_over: BTreeSet<String>,
    /// What the names began with.
    prefix: String,
}

#[derive(Debug)]
struct WeightsFile {
    name: String,
    path: PathBuf,
    file: File,
}

/// One tensor, and which file holds it.
#[derive(Debug)]
pub(crate) struct ForeignTensor {
    file: usize,
    stored: Stored,
}

impl ForeignTensor {
    /// Length of each axis.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.stored.shape
    }

    /// Name of the number format.
    pub(crate) fn format(&self) -> String {
        format!("{:?}", self.stored.dtype).to_lowercase()
    }
}

impl Weights {
    /// Opens a weights file, or all shards of an index in JSON.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut weights = Self::default();
        if path.extension().is_some_and(|extension| extension == "json") {
            weights.add_shards(path)?;
        } else {
            weights.add(path)?;
        }
        Ok(weights)
    }

    fn add_shards(&mut self, index: &Path) -> Result<()> {
        let folder = index.parent().unwrap_or(Path::new("."));
        let bad = |reason: &str| Error::Json { path: index.to_owned(), reason: reason.to_owned() };
        let document = json::read(index)?;
        let map = document.get("weight_map").and_then(|map| map.as_object());
        let map = map.ok_or_else(|| bad("it has no weight_map"))?;
        let mut shards: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (tensor, shard) in map {
            let shard = shard.as_str().ok_or_else(|| bad("a file name is not a text"))?;
            shards.entry(shard).or_default().push(tensor);
        }
        for (shard, tensors) in shards {
            // A shard lies beside its index; a name that leads elsewhere is not followed.
            if Path::new(shard).file_name() != Some(shard.as_ref()) {
                return Err(bad(&format!("{shard} is not a plain file name")));
            }
            let path = folder.join(shard);
            if !path.is_file() {
                let (folder, file) = (folder.to_owned(), shard.to_owned());
                return Err(Error::MissingFile { folder, file, layout: "Hugging Face" });
            }
            let file = self.add(&path)?;
            let held = |tensor: &str| self.tensors.get(tensor).is_some_and(|t| t.file == file);
            if let Some(tensor) = tensors.into_iter().find(|tensor| !held(tensor)) {
                return Err(Error::NotInShard {
                    tensor: tensor.to_owned(),
                    shard: shard.to_owned(),
                    index: file_name(index),
                });
            }
        }
        Ok(())
    }

    /// Reads the header of one file; returns its number.
    fn add(&mut self, path: &Path) -> Result<usize> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        let contents = container::contents(&mut file, bytes, path)?;
        let number = self.files.len();
        let name = file_name(path);
        self.classes.extend(contents.classes);
        self.passed_over.extend(contents.passed_over);
        self.unread.extend(contents.unread);
        for (tensor, stored) in contents.tensors {
            let foreign = ForeignTensor { file: number, stored };
            if let Some(first) = self.tensors.insert(tensor.clone(), foreign) {
                let first = self.files[first.file].name.clone();
                return Err(Error::Duplicate { tensor, first, second: name });
            }
        }
        self.files.push(WeightsFile { name, path: path.to_owned(), file });
        Ok(number)
    }

    /// Names of all tensors, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Keeps the tensors of the one model that is there, without what its names begin with. Where
    /// nothing looks like a model, all stay.
    ///
    /// # Errors
    ///
    /// [`Error::SeveralModels`], and why something among the weights cannot be read.
    pub(crate) fn select_model(&mut self, families: &[&Landmarks]) -> Result<()> {
        let unread = self.unread.iter().map(|(name, _)| name.as_str());
        let mut candidates = prefix::candidates(self.names().chain(unread), families);
        let whole: Vec<_> = candidates.iter().filter(|found| found.is_whole()).cloned().collect();
        let is_whole = !whole.is_empty();
        if is_whole {
            candidates = self.without_aliases(whole);
        } else {
            // What is missing from half a model is named later.
            candidates.retain(|candidate| candidate.image.is_some());
        }
        let mut prefixes: Vec<_> = candidates.into_iter().map(|found| found.prefix).collect();
        prefixes.dedup();
        let prefix = match &mut prefixes[..] {
            [prefix] => std::mem::take(prefix),
            [_, ..] if is_whole => {
                return Err(Error::SeveralModels { files: self.file_names(), prefixes });
            }
            // It is said later what the tensors are called instead.
            _ if !self.tensors.is_empty() => return Ok(()),
            _ => String::new(),
        };
        if let Some(at) = self.unread.iter().position(|(name, _)| name.starts_with(&prefix)) {
            return Err(self.unread.swap_remove(at).1);
        }
        self.keep_below(prefix);
        Ok(())
    }

    /// The candidates without those whose tensors are all another's too: a module that is a part of two
    /// modules is one model.
    fn without_aliases(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        // More are no model, and each is compared with each.
        if candidates.len() > MAX_MODELS {
            return candidates;
        }
        let places = |candidate: &Candidate| -> BTreeSet<_> {
            let below = self.tensors.iter().filter_map(|(name, tensor)| {
                let short = prefix::strip(name, &candidate.prefix)?;
                Some((short, tensor.file, tensor.stored.place.start))
            });
            below.collect()
        };
        let mut kept: Vec<BTreeSet<_>> = Vec::new();
        candidates.sort_by_cached_key(|candidate| std::cmp::Reverse(places(candidate).len()));
        candidates.retain(|candidate| {
            let places = places(candidate);
            let is_new = !kept.iter().any(|kept| places.is_subset(kept));
            kept.extend(is_new.then_some(places));
            is_new
        });
        candidates.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        candidates
    }

    fn keep_below(&mut self, prefix: String) {
        let all = std::mem::take(&mut self.tensors);
        for (name, tensor) in all {
            match prefix::strip(&name, &prefix) {
                Some(short) if !self.tensors.contains_key(&short) => {
                    self.tensors.insert(short, tensor);
                }
                // Another has that name already: what is too many is named later.
                Some(_) => drop(self.tensors.insert(name, tensor)),
                None => {}
            }
        }
        self.prefix = prefix;
    }

    /// What the names of the model's tensors begin with in the file.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Names of code that the files would have run, and that was not.
    pub(crate) fn passed_over(&self) -> &BTreeSet<String> {
        &self.passed_over
    }

    /// Gives tensors shorter names, but for those whose shorter name another one has.
    pub(crate) fn rename(&mut self, shorter: fn(&str) -> &str) {
        let names: Vec<_> =
            self.names().filter(|name| shorter(name) != *name).map(str::to_owned).collect();
        for long in names {
            let short = shorter(&long);
            if !self.tensors.contains_key(short)
                && let Some(tensor) = self.tensors.remove(&long)
            {
                self.tensors.insert(short.to_owned(), tensor);
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ForeignTensor> {
        self.tensors.get(name)
    }

    /// The classes of the objects around the tensors; empty where a format stores none.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(String::as_str)
    }

    /// The weights files for a message, and where in them the model is.
    pub(crate) fn file_names(&self) -> String {
        let below = self.below();
        match &self.files[..] {
            [] => "no file".to_owned(),
            [only] => format!("{}{below}", only.name),
            [first, rest @ ..] => format!("{} and {} more{below}", first.name, rest.len()),
        }
    }

    fn below(&self) -> String {
        match self.prefix.strip_suffix('.') {
            Some(prefix) => format!(" (below {prefix})"),
            None => String::new(),
        }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.path)
    }

    /// Fails where a file that is read would be written.
    pub(crate) fn check_output(&self, output: &Path) -> Result<()> {
        let Ok(target) = output.canonicalize() else { return Ok(()) };
        if self.paths().any(|path| path.canonicalize().is_ok_and(|path| path == target)) {
            return Err(Error::OutputIsSource { path: output.to_owned() });
        }
        Ok(())
    }

    /// The file that holds the tensor.
    pub(crate) fn file_of(&self, tensor: &ForeignTensor) -> String {
        format!("{}{}", self.files[tensor.file].name, self.below())
    }

    /// Fails for a tensor in a number format that [`Weights::read`] does not read.
    pub(crate) fn check_dtype(&self, name: &str, tensor: &ForeignTensor) -> Result<()> {
        match tensor.stored.dtype {
            safetensors::Dtype::F32 | safetensors::Dtype::F16 | safetensors::Dtype::BF16 => Ok(()),
            other => Err(Error::Dtype {
                tensor: name.to_owned(),
                file: self.file_of(tensor),
                found: format!("{other:?}"),
            }),
        }
    }

    /// The smallest format of ours that loses nothing: that of all arrays where they have one (a lone
    /// number, such as the logit scale, does not count), otherwise f32.
    pub(crate) fn dtype(&self) -> Dtype {
        let arrays =
            self.tensors.values().filter(|tensor| tensor.shape().iter().product::<usize>() > 1);
        let formats: BTreeSet<_> = arrays.map(|tensor| tensor.stored.dtype).collect();
        match formats.into_iter().collect::<Vec<_>>()[..] {
            [safetensors::Dtype::F16] => Dtype::F16,
            [safetensors::Dtype::BF16] => Dtype::Bf16,
            _ => Dtype::F32,
        }
    }

    /// The values of a tensor, row-major, all of them finite.
    pub(crate) fn read(&mut self, name: &str) -> Result<Vec<f32>> {
        let missing = || Error::Missing {
            authority: "the conversion",
            names: vec![name.to_owned()],
            files: self.file_names(),
            others: Vec::new(),
        };
        let tensor = self.tensors.get(name).ok_or_else(missing)?;
        self.check_dtype(name, tensor)?;
        let file = &mut self.files[tensor.file];
        let Stored { dtype, shape, place, strides } = &tensor.stored;
        let io = |source| Error::Io { path: file.path.clone(), source };
        file.file.seek(SeekFrom::Start(place.start)).map_err(io)?;
        let mut values = Vec::with_capacity(8 * place.bytes / dtype.bitsize());
        let mut checksum = crc32fast::Hasher::new();
        let mut buffer = vec![0; CHUNK.min(place.bytes)];
        let mut left = place.bytes;
        while left > 0 {
            let bytes = &mut buffer[..CHUNK.min(left)];
            file.file.read_exact(bytes).map_err(io)?;
            if place.crc32.is_some() {
                checksum.update(bytes);
            }
            decode(*dtype, bytes, &mut values);
            left -= bytes.len();
        }
        if place.crc32.is_some_and(|expected| checksum.finalize() != expected) {
            let (tensor, file) = (name.to_owned(), file.name.clone());
            return Err(Error::Checksum { tensor, file });
        }
        if let Some(strides) = strides {
            values = strides.gather(shape, &values);
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(index) => Err(Error::NotFinite {
                tensor: name.to_owned(),
                file: file.name.clone(),
                index,
                value: values[index],
            }),
        }
    }
}

/// Appends little-endian values as `f32`; the format was checked by [`Weights::check_dtype`].
fn decode(dtype: safetensors::Dtype, bytes: &[u8], values: &mut Vec<f32>) {
    let halves = bytes.as_chunks::<2>().0.iter();
    match dtype {
        safetensors::Dtype::F16 => values.extend(halves.map(|b| f16::from_le_bytes(*b).to_f32())),
        safetensors::Dtype::BF16 => values.extend(halves.map(|b| bf16::from_le_bytes(*b).to_f32())),
        _ => values.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))),
    }
}
