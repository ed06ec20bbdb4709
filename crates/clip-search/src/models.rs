//! The models on this machine.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use clip::Checkpoint;
use clip_weights::{Opened, Options, Source, Summary};
use serde::{Serialize, Serializer};

use crate::location::data_folder;
use crate::registry::{self, Published};
use crate::{Error, Result};

/// Name of the model compiled into the program.
pub const BUILT_IN: &str = "clip-photo";

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Model {
    /// Compiled into the program.
    BuiltIn,
    /// A canonical checkpoint file.
    File(PathBuf),
}

impl Model {
    /// Opens the checkpoint without reading its weights.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] where the file is missing or damaged, [`Error::NoBuiltInModel`] in a
    /// program without one.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        match self {
            Self::BuiltIn => built_in(),
            Self::File(path) => Ok(Checkpoint::open(path)?),
        }
    }
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelDescription {
    /// Its own name.
    pub name: String,
    /// Its file; none of one that is compiled into the program.
    #[serde(serialize_with = "lossy_option")]
    pub file: Option<PathBuf>,
    /// Number format of the weights.
    pub weights: &'static str,
    /// Size of the weights.
    pub bytes: usize,
    /// What tells the weights from all others.
    pub fingerprint: String,
    /// Where it is from.
    pub source: String,
    /// License of the weights, where that is known.
    pub license: Option<String>,
    /// Side of an image in pixels.
    pub image_size: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Tokens of a text.
    pub context_length: usize,
    /// Numbers in a vector.
    pub embed_dim: usize,
    /// Size of the image tower, in words.
    pub vision: String,
    /// Size of the text tower, in words.
    pub text: String,
}

impl fmt::Display for ModelDescription {
    /// Lines of a name and what it is; the last has no end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map_or("built in".into(), |file| file.to_string_lossy());
        let Self { image_size: side, patch_size: patch, .. } = self;
        writeln!(f, "model       {} ({file})", self.name)?;
        writeln!(f, "  weights   {}, {:.1} MB", self.weights, self.bytes as f64 / 1e6)?;
        writeln!(f, "  pictures  {side}x{side} pixels in patches of {patch}; {}", self.vision)?;
        writeln!(f, "  texts     up to {} tokens; {}", self.context_length, self.text)?;
        writeln!(f, "  vectors   {} numbers", self.embed_dim)?;
        writeln!(f, "  source    {}", self.source)?;
        write!(f, "  license   {}", self.license.as_deref().unwrap_or("not stated"))
    }
}

/// JSON is UTF-8: a path that is not is shown as well as can be.
pub(crate) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}

fn lossy_option<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

impl ModelDescription {
    /// What the checkpoint of a model says.
    pub fn new(model: &Model, checkpoint: &Checkpoint) -> Self {
        let card = checkpoint.card();
        let (vision, text) = (&card.config.vision, &card.config.text);
        let tower = |width, layers, heads| format!("{width} wide, {layers} layers, {heads} heads");
        Self {
            name: card.name.clone(),
            file: match model {
                Model::BuiltIn => None,
                Model::File(path) => Some(path.clone()),
            },
            weights: checkpoint.dtype().name(),
            bytes: checkpoint.size(),
            fingerprint: checkpoint.fingerprint(),
            source: card.source.origin.clone(),
            license: card.license.clone(),
            image_size: vision.image_size,
            patch_size: vision.patch_size,
            context_length: text.context_length,
            embed_dim: card.config.embed_dim,
            vision: tower(vision.width, vision.layers, vision.heads),
            text: tower(text.width, text.layers, text.heads),
        }
    }
}

/// The folders in which models are looked up by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// In the order in which they are looked into.
    folders: Vec<PathBuf>,
    own: Option<PathBuf>,
}

impl Models {
    /// Those of the user: in the platform's data folder, where installed models go too.
    pub fn of_user() -> Self {
        let own = data_folder().map(|folder| folder.join("models"));
        Self { folders: own.iter().cloned().collect(), own }
    }

    /// Looks into another folder first.
    #[must_use]
    pub fn preceded_by(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.insert(0, folder.into());
        self
    }

    /// The model of a name: a file of that path, else the built-in model, else a file of that name in
    /// the folders, in their order. Without a name it is the built-in model.
    ///
    /// # Errors
    ///
    /// [`Error::NoModel`] and [`Error::ModelIsFolder`].
    pub fn find(&self, name: Option<&Path>) -> Result<Model> {
        let Some(name) = name else {
            return Ok(Model::BuiltIn);
        };
        if name.is_file() {
            return Ok(Model::File(name.to_owned()));
        }
        if name.as_os_str() == BUILT_IN && cfg!(feature = "embedded-model") {
            return Ok(Model::BuiltIn);
        }
        if let Some(found) = self.folders.iter().find_map(|folder| named(folder, name)) {
            return Ok(Model::File(found));
        }
        match name.is_dir() {
            true => Err(Error::ModelIsFolder { path: name.to_owned() }),
            false => Err(Error::NoModel { name: name.to_owned() }),
        }
    }

    /// All models on this machine, with the name of each: the built-in one, then the files of each
    /// folder. One whose name means another before it is called by its path.
    pub fn all(&self) -> Vec<(String, Model)> {
        let mut all = Vec::new();
        if cfg!(feature = "embedded-model") {
            all.push((BUILT_IN.to_owned(), Model::BuiltIn));
        }
        for folder in &self.folders {
            for (name, path) in files(folder, DEPTH) {
                let is_taken = all.iter().any(|(taken, _)| *taken == name);
                // The repository keeps the built-in model as a file too.
                if is_taken && name == BUILT_IN && Some(folder) != self.own.as_ref() {
                    continue;
                }
                let name = if is_taken { path.display().to_string() } else { name };
                all.push((name, Model::File(path)));
            }
        }
        all
    }

    /// Downloads a published model and converts it. `options` say the number format, which becomes a
    /// part of the name, and whether another model of that name is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::NotPublished`], [`Error::NotAsPublished`], otherwise as [`Self::install`].
    pub fn pull(
        &self,
        id: &str,
        options: Options,
        progress: &mut dyn clip_weights::Progress,
    ) -> Result<Installed> {
        let published = registry::find(id)?;
        let options = Options {
            // Another file is another model, which may lie beside the first.
            name: Some(match options.dtype {
                Some(dtype) => format!("{}-{}", published.id, dtype.name()),
                None => published.id.clone(),
            }),
            license: Some(published.license.clone()),
            sha256: published.sha256.clone(),
            ..options
        };
        let source = Source::parse(&published.source);
        // What is downloaded is compared before it is converted: a name may come to mean another model.
        self.convert(&source, options, progress, |opened| check_sizes(opened, &published))
    }

    /// Converts any source into the user's folder, unless `options` name another file.
    ///
    /// # Errors
    ///
    /// [`Error::NameOfBuiltIn`] and [`Error::NameOfPublished`] for a name that means another model
    /// already, [`Error::NoDataFolder`], [`Error::Weights`] where the source cannot be converted.
    pub fn install(
        &self,
        source: &Source,
        options: Options,
        progress: &mut dyn clip_weights::Progress,
    ) -> Result<Installed> {
        self.convert(source, options, progress, |_| Ok(()))
    }

    fn convert(
        &self,
        source: &Source,
        mut options: Options,
        progress: &mut dyn clip_weights::Progress,
        check: impl FnOnce(&Opened) -> Result<()>,
    ) -> Result<Installed> {
        if options.output.is_none() {
            if let Some(name) = &options.name {
                check_is_free(name, source, None)?;
            }
            options.folder = Some(self.own.clone().ok_or(Error::NoDataFolder)?);
        }
        let opened = clip_weights::open(source, &options, progress)?;
        check(&opened)?;
        let name = opened.inspect().name;
        if options.output.is_none() && options.name.is_none() {
            check_is_free(&name, source, Some(&opened))?;
        }
        let summary = opened.convert(progress)?;
        // A file elsewhere is found by its path alone.
        let name = options.output.map_or(name, |path| path.display().to_string());
        Ok(Installed { name, summary })
    }
}

/// A model that was installed.
#[derive(Debug)]
pub struct Installed {
    /// What it is found by.
    pub name: String,
    /// What became of its source.
    pub summary: Summary,
}

/// Folders in each other that a name can lead through: `models add` once made `owner/name`.
const DEPTH: usize = 1;

const ENDING: &str = "safetensors";

/// The file that the name means in a folder of models. A name does not lead out of it.
fn named(folder: &Path, name: &Path) -> Option<PathBuf> {
    let parts = name.components();
    if !(1..=DEPTH + 1).contains(&parts.clone().count())
        || !parts.clone().all(|part| matches!(part, Component::Normal(_)))
    {
        return None;
    }
    let mut file = folder.join(parts.collect::<PathBuf>()).into_os_string();
    file.push(".");
    file.push(ENDING);
    Some(PathBuf::from(file)).filter(|file| file.is_file())
}

/// The files that names mean in a folder, by name.
fn files(folder: &Path, depth: usize) -> Vec<(String, PathBuf)> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        let Some(stem) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
            continue;
        };
        if path.is_file() && path.extension().is_some_and(|ending| ending == ENDING) {
            files.push((stem, path));
        } else if depth > 0 && path.is_dir() {
            let outer = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let inner = self::files(&path, depth - 1).into_iter();
            files.extend(inner.map(|(name, path)| (format!("{outer}/{name}"), path)));
        }
    }
    files.sort();
    files
}

/// Refuses a name that means another model already: the built-in one is always found first, and that
/// of a published one promises what the registry says. A source that is called like one, such as a
/// folder that it was downloaded to, has to be of its sizes.
fn check_is_free(name: &str, source: &Source, opened: Option<&Opened>) -> Result<()> {
    if name.eq_ignore_ascii_case(BUILT_IN) {
        return Err(Error::NameOfBuiltIn { name: name.to_owned() });
    }
    let published = registry::all();
    let Some(published) = published.iter().find(|known| known.id.eq_ignore_ascii_case(name)) else {
        return Ok(());
    };
    let is_it = Source::parse(&published.source) == *source
        || opened.is_some_and(|opened| check_sizes(opened, published).is_ok());
    if is_it {
        return Ok(());
    }
    Err(Error::NameOfPublished { name: name.to_owned(), id: published.id.clone() })
}

fn check_sizes(opened: &Opened, published: &Published) -> Result<()> {
    let config = opened.inspect().config;
    let found = (config.vision.image_size, config.embed_dim);
    let expected = (published.image_size, published.embed_dim);
    if found == expected {
        return Ok(());
    }
    let (source_name, id) = (published.source.clone(), published.id.clone());
    Err(Error::NotAsPublished { source_name, id, found, expected })
}

#[cfg(feature = "embedded-model")]
fn built_in() -> Result<Checkpoint> {
    Ok(clip::embedded_checkpoint()?)
}

#[cfg(not(feature = "embedded-model"))]
fn built_in() -> Result<Checkpoint> {
    Err(Error::NoBuiltInModel)
}
