//! Making a collection anew with another model.

use std::path::{Path, PathBuf};

use clip::{Checkpoint, Embedder};
use clip_retrieval::{
    Error as StoreError, Filter, Item, KeptTags, Library, Modality, Snapshot, Store,
};

use crate::workspace::{self, Workspace};
use crate::{
    Collection, DecodeOptions, Error, GRAPH_ABOVE, Location, MissingFiles, Observer, Result, Scan,
    UpdateOptions, Warning, add_texts, build_graph, restore_tags, update,
};

/// What is made anew, and how.
#[derive(Debug, Clone)]
pub struct ReindexOptions {
    /// The collection to begin with.
    pub from: Location,
    /// Where the new one goes: into the place of the old one, which is removed when the new one is
    /// complete, or elsewhere.
    pub to: Option<Location>,
    /// Whether images that are not there are left out, instead of stopping before anything is done.
    pub drop_missing: bool,
    /// How images are decoded.
    pub decode: DecodeOptions,
}

/// What [`reindex`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reindexed {
    /// Where the new collection is.
    pub location: PathBuf,
    /// Items in it.
    pub items: usize,
    /// Images that were not there, and are not in it.
    pub missing: usize,
}

/// Makes a collection in a folder anew with the embedder's model: its images and its texts, with the tags
/// that users gave. The old one goes on answering until everything is in the new one; a run that was
/// stopped goes on where it was.
///
/// # Errors
///
/// [`Error::SameModel`], [`Error::Missing`], [`Error::IsCluster`]; the errors that begin with `Workspace`,
/// where the old collection cannot be replaced; [`Error::Cancelled`]; otherwise as [`update`].
pub fn reindex(
    embedder: &Embedder,
    options: &ReindexOptions,
    observer: &mut dyn Observer,
) -> Result<Reindexed> {
    let checkpoint = embedder.checkpoint();
    let in_place = match (&options.to, &options.from) {
        (None, Location::Folder(folder)) => Some(folder.as_path()),
        _ => None,
    };
    if let Location::Cluster(address) = &options.from {
        return Err(Error::IsCluster { address: address.clone() });
    }
    if let Some(folder) = in_place {
        workspace::finish(folder, observer)?;
    }
    let opened_old = Collection::open(&options.from)?;
    let old = opened_old.library()?;
    if let Some(lost) = old.lost() {
        observer.warning(Warning::Lost { items: lost.items, cause: lost.cause.to_string() });
    }
    if old.fingerprint() == checkpoint.fingerprint() {
        let (place, model) = (options.from.to_string(), old.model_name().to_owned());
        return Err(Error::SameModel { place, model });
    }
    let missing = Contents::of(&*old.snapshot()?)?.missing();
    if let Some(first) = missing.first().filter(|_| !options.drop_missing) {
        let (count, place) = (missing.len(), options.from.to_string());
        return Err(Error::Missing { count, first: first.clone(), place });
    }
    let workspace = in_place.map(Workspace::open_or_create).transpose()?;
    let location = match (&workspace, &options.to) {
        (Some(workspace), _) => {
            let new = workspace.new_library();
            remove_unusable(&new, checkpoint, observer)?;
            Location::Folder(new)
        }
        (None, Some(to)) => to.clone(),
        (None, None) => return Err(Error::IsCluster { address: options.from.to_string() }),
    };
    let new = Collection::open_or_create(&location, checkpoint)?;
    let updating = UpdateOptions { missing: MissingFiles::Keep, decode: options.decode };
    loop {
        let contents = Contents::of(&*old.snapshot()?)?;
        let scan = Scan { images: contents.there(), ..Scan::default() };
        update(new.store(), embedder, &scan, &updating, observer)?;
        restore_tags(new.store(), &contents.tags)?;
        add_texts(new.store(), embedder, contents.texts.clone(), observer)?;
        // Somebody may have written into the old one meanwhile.
        if Contents::of(&*old.snapshot()?)? == contents {
            break;
        }
    }
    build_graph(&new, GRAPH_ABOVE, observer)?;
    let items = new.store().count()?;
    // Neither is open while they change places.
    drop((new, opened_old));
    if let Some(workspace) = workspace {
        workspace.swap(observer)?;
    }
    let location = in_place.unwrap_or(location.as_path()).to_owned();
    Ok(Reindexed { location, items, missing: missing.len() })
}

/// What a collection holds.
#[derive(Debug, PartialEq)]
struct Contents {
    /// Those that are files, in order.
    images: Vec<PathBuf>,
    /// What users said of their tags, and of those of files that may come back.
    tags: Vec<KeptTags>,
    texts: Vec<Item>,
}

impl Contents {
    fn of(snapshot: &dyn Snapshot) -> Result<Self> {
        let items = snapshot.items(&Filter::of(Modality::Image))?;
        let mut images: Vec<PathBuf> =
            items.iter().filter_map(|item| Some(item.path()?.to_owned())).collect();
        images.sort();
        let mut tags = snapshot.kept_tags()?;
        tags.extend(items.into_iter().filter_map(KeptTags::of));
        Ok(Self { images, tags, texts: snapshot.items(&Filter::of(Modality::Text))? })
    }

    /// Images that can be read, in order.
    fn there(&self) -> Vec<PathBuf> {
        self.sorted(Path::exists)
    }

    /// Images that cannot, in order.
    fn missing(&self) -> Vec<PathBuf> {
        self.sorted(|path| !path.exists())
    }

    fn sorted(&self, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        self.images.iter().filter(|path| wanted(path)).cloned().collect()
    }
}

/// Removes what an earlier run has begun where it cannot be gone on with: it was for another model, or
/// is damaged.
fn remove_unusable(new: &Path, checkpoint: &Checkpoint, observer: &mut dyn Observer) -> Result<()> {
    match Library::open_for(new, &checkpoint.fingerprint(), &checkpoint.card().name) {
        Ok(_) | Err(StoreError::NoLibrary { .. }) => Ok(()),
        Err(error @ (StoreError::OtherModel { .. } | StoreError::DamagedCatalog { .. })) => {
            Library::delete(new)?;
            observer.warning(Warning::BegunAnew { error });
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
