//! A folder with images, and an engine.

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};

use clip::{Device, Embedder};
use clip_retrieval::{Content, Hit};
use clip_search::{
    Changes, Collection, Engine, Location, Observer, Progress, Query, Result, ScanOptions,
    SearchRequest, UpdateOptions, Warning, scan,
};
use tempfile::TempDir;

/// A folder with images, and an engine whose collection is not beside them.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) engine: Engine,
}

impl Fixture {
    pub(crate) fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("images")).unwrap();
        let engine = engine(&folder.path().join("library"));
        let fixture = Self { folder, engine };
        names.iter().for_each(|name| fixture.copy(name, name));
        fixture
    }

    pub(crate) fn copy(&self, sample: &str, name: &str) {
        fs::copy(clip_testkit::samples_dir().join(sample), self.path(name)).unwrap();
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.folder.path().join("images").canonicalize().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.images().join(name)
    }

    pub(crate) fn update(&self, observer: &mut dyn Observer) -> Result<Changes> {
        let scan = scan(&[self.images()], &ScanOptions::default()).unwrap();
        self.engine.update(&scan, &UpdateOptions::default(), observer)
    }

    pub(crate) fn search(&self, query: Query) -> Vec<Hit> {
        self.engine.search(&SearchRequest::new(query)).unwrap().hits
    }
}

pub(crate) fn engine(library: &Path) -> Engine {
    let embedder = Embedder::embedded(&Device::flex()).unwrap();
    let location = Location::Folder(library.to_owned());
    let collection = Collection::open_or_create(&location, embedder.checkpoint()).unwrap();
    Engine::new(embedder, collection).unwrap()
}

pub(crate) fn names(hits: &[Hit]) -> Vec<&str> {
    let paths = hits.iter().filter_map(|hit| hit.item.path());
    paths.filter_map(|path| path.file_name()?.to_str()).collect()
}

/// Hears everything, and stops after so many steps.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) progress: Vec<Progress>,
    pub(crate) skipped: Vec<String>,
    pub(crate) stop_after: Option<usize>,
    pub(crate) warnings: Vec<String>,
}

impl Observer for Recorder {
    fn progress(&mut self, progress: Progress) {
        self.progress.push(progress);
    }

    fn skipped(&mut self, what: &Content, error: &(dyn StdError + 'static)) {
        self.skipped.push(format!("{what}: {error}"));
    }

    fn warning(&mut self, warning: Warning) {
        self.warnings.push(warning.to_string());
    }

    fn is_cancelled(&self) -> bool {
        self.stop_after.is_some_and(|steps| self.progress.iter().any(|p| p.done >= steps))
    }
}

/// A model that is not the built-in one.
pub(crate) fn other_model(folder: &Path) -> Embedder {
    let output = folder.join("deep.safetensors");
    let source = clip_weights::Source::Path(clip_testkit::goldens_dir().join("deep"));
    let options =
        clip_weights::Options { output: Some(output.clone()), ..clip_weights::Options::default() };
    clip_weights::convert(&source, &options, &mut ()).unwrap();
    Embedder::open(&output, &Device::flex()).unwrap()
}
