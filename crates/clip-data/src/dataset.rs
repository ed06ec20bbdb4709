use std::path::PathBuf;

use clip_preprocess::{Picture, ReadOptions, RgbImage};

use crate::concepts::Concepts;
use crate::source::{self, Classes, Place, SourceFile};
use crate::{Error, Filter, Problem, Result, Sample};

/// Pictures with texts, from any number of sources. Opening reads the texts and where each picture
/// is, not the pictures; any of them can be read at any time, from any thread.
#[derive(Debug)]
pub struct Dataset {
    samples: Vec<Sample>,
    places: Vec<Place>,
    concepts: Concepts,
    problems: Vec<Problem>,
    classes: Classes,
}

impl Dataset {
    /// Opens sources, one after the other. Each path is one of
    ///
    /// - a WebDataset shard, `train-0000.tar`: `KEY.webp` (or `.jpg`, `.png`, ..) and `KEY.json`,
    ///   `KEY.txt` or `KEY.cls`
    /// - a pattern in the file name: `train-*.tar` or `train-{0000..0010}.tar`
    /// - a table with a header, `.tsv` or `.csv`, or `.jsonl`, that names a picture file in each
    ///   row
    /// - a Parquet file of img2dataset (cargo feature `parquet`)
    /// - a folder with `captions.tsv`, `captions.csv` or `captions.jsonl`, or with shards, or with
    ///   Parquet files
    ///
    /// Class names and templates are taken from `classnames.txt` and
    /// `zeroshot_classification_templates.txt` beside the first source that has them, or one
    /// folder above it; class names else from what the Hub's `datasets` writes into Parquet files.
    ///
    /// # Errors
    ///
    /// [`Error::NoPaths`]; [`Error::NotFound`], [`Error::NoMatch`], [`Error::BadPattern`],
    /// [`Error::EmptyFolder`], [`Error::UnknownFormat`], [`Error::NeedsFeature`] for a path;
    /// [`Error::Io`], [`Error::NotEncoded`], [`Error::UnreadEncoding`], [`Error::MissingColumn`],
    /// [`Error::BadRow`], [`Error::Compression`], [`Error::Damaged`] for a file; and
    /// [`Error::NoSamples`] if nothing in them can be used. What else is wrong is skipped and
    /// listed by [`Self::problems`].
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        if paths.is_empty() {
            return Err(Error::NoPaths);
        }
        let mut files: Vec<SourceFile> = Vec::new();
        for path in paths {
            files.extend(source::find(path)?);
        }
        let mut classes = Classes::default();
        let (mut samples, mut places, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for file in &files {
            let beside = Classes::beside(&file.path)?;
            let index = source::index(file, &beside)?;
            classes.names = classes.names.or(beside.names).or(index.class_names);
            classes.templates = classes.templates.or(beside.templates);
            problems.extend(index.problems);
            for (sample, place) in index.samples {
                samples.push(sample);
                places.push(place);
            }
        }
        if samples.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Error::NoSamples { paths: paths.join(", "), problems });
        }
        let concepts = Concepts::new(&samples);
        Ok(Self { samples, places, concepts, problems, classes })
    }

    /// Without the samples that `filter` does not allow. Indices and groups are counted anew; none
    /// may be left.
    #[must_use]
    pub fn filtered(self, filter: &Filter) -> Self {
        self.filter(|sample| filter.allows(sample))
    }

    /// Without the samples for which `keep` says no. Indices and groups are counted anew; none may
    /// be left.
    #[must_use]
    pub fn filter(mut self, mut keep: impl FnMut(&Sample) -> bool) -> Self {
        let pairs = self.samples.into_iter().zip(self.places);
        (self.samples, self.places) = pairs.filter(|(sample, _)| keep(sample)).unzip();
        self.concepts = Concepts::new(&self.samples);
        self
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no samples, which only a filter can bring about.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// A sample's texts.
    ///
    /// # Panics
    ///
    /// Panics if there is no sample `index`.
    pub fn sample(&self, index: usize) -> &Sample {
        &self.samples[index]
    }

    /// All samples' texts, in the order of the sources.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The number of a sample's name: samples of one group show the same thing. Names that differ
    /// only in case or in underscores for spaces are the same.
    ///
    /// # Panics
    ///
    /// Panics if there is no sample `index`.
    pub fn group(&self, index: usize) -> u32 {
        self.concepts.groups()[index]
    }

    /// The groups of all samples.
    pub fn groups(&self) -> &[u32] {
        self.concepts.groups()
    }

    /// The name of each group, as its first sample has it, with spaces for underscores.
    pub fn names(&self) -> &[String] {
        self.concepts.names()
    }

    pub(crate) fn concepts(&self) -> &Concepts {
        &self.concepts
    }

    /// What was skipped on opening.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Names of the classes by number, where the data comes with them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.classes.names.as_deref()
    }

    /// Sentences with one `{}` for the name of a class, where the data comes with them.
    pub fn templates(&self) -> Option<&[String]> {
        self.classes.templates.as_deref()
    }

    /// What messages call a sample's picture: its file, and its place in it.
    ///
    /// # Panics
    ///
    /// Panics if there is no sample `index`.
    pub fn origin(&self, index: usize) -> String {
        self.places[index].origin()
    }

    /// Reads the bytes of a picture file, as they are stored.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Io`] and, for Parquet, [`Error::Damaged`] and [`Error::NoPicture`].
    ///
    /// # Panics
    ///
    /// Panics if there is no sample `index`.
    pub fn read(&self, index: usize) -> Result<Vec<u8>> {
        self.places[index].read()
    }

    /// Reads and decodes a picture.
    ///
    /// # Errors
    ///
    /// Those of [`Self::read`], and [`Error::Picture`].
    ///
    /// # Panics
    ///
    /// Panics if there is no sample `index`.
    pub fn picture(&self, index: usize, options: &ReadOptions) -> Result<RgbImage> {
        let bytes = self.read(index)?;
        Ok(clip_preprocess::decode(&bytes, &self.origin(index), options)?)
    }

    /// The same, but still of its file's own kind where the options ask for it.
    ///
    /// # Errors
    ///
    /// As [`Self::picture`].
    ///
    /// # Panics
    ///
    /// Panics if there is no sample `index`.
    pub fn own_picture(&self, index: usize, options: &ReadOptions) -> Result<Picture> {
        let bytes = self.read(index)?;
        Ok(Picture::decode(&bytes, &self.origin(index), options)?)
    }
}
