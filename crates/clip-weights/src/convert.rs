use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clip_checkpoint::{
    CARD_VERSION, Checkpoint, Dtype, ModelCard, Source as CardSource, SourceFile, TensorSource,
    TensorSpec, Tower, tensors,
};

use crate::hashing::{self, Hashing};
use crate::model::{Layout, Model};
use crate::recipe::Recipe;
use crate::weights::Weights;
use crate::{Error, Family, Opened, Options, Progress, Result, Source, check_name, hub, open};

/// What was converted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Summary {
    /// The card that was written: name, architecture, source files with their SHA-256, license.
    pub card: ModelCard,
    /// The kind of source.
    pub family: Family,
    /// Number format that was written.
    pub dtype: Dtype,
    /// Size of the output in bytes.
    pub bytes: u64,
    /// Time it took, the download included.
    pub elapsed: Duration,
    /// The file that was written.
    pub output: PathBuf,
    /// Whether the model was there already, so that nothing was written.
    pub was_there: bool,
}

/// Converts a foreign checkpoint to the canonical file: [`open`], and [`Opened::convert`].
///
/// # Errors
///
/// [`Error`] names the file, field or tensor that is missing, unknown, misshapen or damaged.
pub fn convert(source: &Source, options: &Options, progress: &mut dyn Progress) -> Result<Summary> {
    open(source, options, progress)?.convert(progress)
}

impl Opened {
    /// Writes the canonical file. Everything is checked before the first byte is written, the values
    /// themselves while they are; the file appears when it is whole. Where the same model is there
    /// already, nothing is written.
    ///
    /// # Errors
    ///
    /// [`Error`] names the tensor that is missing, unknown, misshapen or damaged, or the file that
    /// cannot be read or written. [`Error::OutputExists`] where another file is there, and
    /// [`Options::force`] does not say to replace it.
    pub fn convert(self, progress: &mut dyn Progress) -> Result<Summary> {
        let Self { source, options, mut model, name, origin, started } = self;
        if options.output.is_none() {
            check_name(&name)?;
        }
        check(&model)?;
        let output = options.output.unwrap_or_else(|| {
            let folder = options.folder.as_deref().unwrap_or(Path::new("weights"));
            folder.join(format!("{name}.safetensors"))
        });
        model.weights.check_output(&output)?;

        let paths: Vec<_> = model.weights.paths().map(Path::to_owned).collect();
        let verify = {
            let origin = origin.clone();
            move |path: &PathBuf, found: &str| {
                hub::verify(&source, &origin, path, found)?;
                check_hash(path, found, options.sha256.as_deref())
            }
        };
        let dtype = options.dtype.unwrap_or_else(|| model.weights.dtype());
        let license = model.license.take().or(options.license);
        if !options.force
            && let Some((card, bytes)) = existing(&output, &model, dtype)?
        {
            let files = thread::scope(|scope| {
                Hashing::start(scope, &paths, &verify).finish().map(<[SourceFile]>::to_vec)
            })?;
            if !is_same(&files, &card.source.files) {
                return Err(another(&output));
            }
            // What a card says besides can be changed.
            if (&card.name, &card.license) == (&name, &license) {
                let (family, elapsed) = (model.layout.family, started.elapsed());
                return Ok(Summary {
                    card,
                    family,
                    dtype,
                    bytes,
                    elapsed,
                    output,
                    was_there: true,
                });
            }
        }
        let files = hashing::unknown(&paths);
        let converter = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        let mut card = ModelCard {
            card_version: CARD_VERSION,
            name,
            config: model.config,
            preprocess: model.preprocess,
            tokenizer: model.tokenizer,
            source: CardSource { origin, files, converter },
            license,
        };
        let total: usize = tensors(&card.config).map(|spec| spec.bytes(dtype)).sum();
        progress.start(&format!("writing {}", card.name), total as u64);
        let (bytes, files) = thread::scope(|scope| {
            let mut reader = Reader {
                layout: model.layout,
                vocabulary: model.vocabulary.as_deref().unwrap_or_default(),
                weights: &mut model.weights,
                hashing: Hashing::start(scope, &paths, verify),
                dtype,
                progress: &mut *progress,
            };
            let written = clip_checkpoint::write(&output, &card, dtype, &mut reader);
            // That it is another file says more than what is wrong with its tensors.
            let files = reader.hashing.finish()?.to_vec();
            Ok::<_, Error>((written?, files))
        })?;
        card.source.files = files;
        progress.finish();
        Ok(Summary {
            card,
            family: model.layout.family,
            dtype,
            bytes,
            elapsed: started.elapsed(),
            output,
            was_there: false,
        })
    }
}

/// What is in the place of the output already, if it may be what would be written: the card and the
/// number of bytes.
fn existing(output: &Path, model: &Model, dtype: Dtype) -> Result<Option<(ModelCard, u64)>> {
    let Ok(metadata) = output.symlink_metadata() else { return Ok(None) };
    let Ok(checkpoint) = Checkpoint::open(output) else {
        return Err(Error::OutputExists { path: output.to_owned(), found: "no model" });
    };
    let card = checkpoint.card();
    let is_alike = card.config == model.config
        && card.preprocess == model.preprocess
        && card.tokenizer == model.tokenizer
        && checkpoint.dtype() == dtype;
    if !is_alike {
        return Err(another(output));
    }
    if checkpoint.dtype_of(Tower::Text) != dtype {
        let found = "of an earlier version, which left the text tower in f16";
        return Err(Error::OutputExists { path: output.to_owned(), found });
    }
    let is_as_written = |spec: TensorSpec| {
        checkpoint.stored(&spec.name).is_some_and(|tensor| tensor.dtype == spec.format(dtype))
    };
    if !tensors(&card.config).all(is_as_written) {
        let found = "of an earlier version, which left the token embedding in f16";
        return Err(Error::OutputExists { path: output.to_owned(), found });
    }
    Ok(Some((card.clone(), metadata.len())))
}

fn another(output: &Path) -> Error {
    Error::OutputExists { path: output.to_owned(), found: "another model" }
}

/// By their contents: the same download may be called otherwise.
fn is_same(files: &[SourceFile], others: &[SourceFile]) -> bool {
    let hashes =
        |files: &[SourceFile]| files.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>();
    hashes(files) == hashes(others)
}

/// Compares the tensors that are there with the ones that the configuration calls for.
pub(crate) fn check(model: &Model) -> Result<()> {
    let Model { layout, weights, .. } = model;
    let authority = layout.authority;
    let mut unknown: Vec<&str> =
        weights.names().filter(|name| !(layout.is_harmless)(name)).collect();
    let mut missing = Vec::new();
    let mut misshapen = None;
    for spec in tensors(&model.config) {
        let recipe = recipe(layout, &spec)?;
        for part in &recipe.parts {
            let (name, expected) = (part.name.clone(), recipe.part_shape(&spec, part));
            if let Ok(position) = unknown.binary_search(&&*name) {
                unknown.remove(position);
            }
            let Some(tensor) = weights.get(&name) else {
                missing.push(name);
                continue;
            };
            weights.check_dtype(&name, tensor)?;
            // Axes of length one in front say nothing: a scale is a number or one value, positions
            // are a matrix or a batch of one.
            let fits = without_leading_ones(tensor.shape()) == without_leading_ones(&expected);
            if !fits && misshapen.is_none() {
                misshapen = Some(Error::Shape {
                    file: weights.file_of(tensor),
                    authority,
                    tensor: name,
                    found: tensor.shape().to_owned(),
                    expected: expected.clone(),
                });
            }
        }
    }
    let files = weights.file_names();
    let others: Vec<_> = unknown.into_iter().map(str::to_owned).collect();
    if !missing.is_empty() {
        return Err(Error::Missing { authority, names: missing, files, others });
    }
    if let Some(error) = misshapen {
        return Err(error);
    }
    if !others.is_empty() {
        return Err(Error::Unknown { authority, names: others, files });
    }
    Ok(())
}

fn without_leading_ones(shape: &[usize]) -> &[usize] {
    let first = shape.iter().position(|length| *length != 1).unwrap_or(shape.len());
    &shape[first..]
}

fn check_hash(path: &Path, found: &str, expected: Option<&str>) -> Result<()> {
    match expected {
        Some(expected) if !expected.eq_ignore_ascii_case(found) => Err(Error::Hash {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn recipe(layout: &Layout, spec: &TensorSpec) -> Result<Recipe> {
    Recipe::find(layout.tables, &spec.name)
        .ok_or_else(|| Error::NotInTable { tensor: spec.name.clone() })
}

/// Gives the canonical tensors to the writer, one at a time.
struct Reader<'a> {
    layout: &'static Layout,
    vocabulary: &'a [u8],
    weights: &'a mut Weights,
    hashing: Hashing<'a>,
    dtype: Dtype,
    progress: &'a mut dyn Progress,
}

impl TensorSource for Reader<'_> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>> {
        let format = spec.format(self.dtype);
        let values = recipe(self.layout, spec)?.build(spec, |name| self.part(name, format))?;
        self.progress.advance(spec.bytes(self.dtype) as u64);
        Ok(values)
    }

    fn vocabulary(&self) -> &[u8] {
        self.vocabulary
    }

    fn files(&mut self) -> Result<Option<Vec<SourceFile>>> {
        Ok(Some(self.hashing.finish()?.to_vec()))
    }
}

impl Reader<'_> {
    fn part(&mut self, name: &str, format: Dtype) -> Result<Vec<f32>> {
        let values = self.weights.read(name)?;
        if let Some(&value) = values.iter().find(|value| !format.holds(**value)) {
            let tensor = self.weights.get(name);
            let file = tensor.map(|tensor| self.weights.file_of(tensor)).unwrap_or_default();
            return Err(Error::TooLarge { tensor: name.to_owned(), file, value, format });
        }
        Ok(values)
    }
}
