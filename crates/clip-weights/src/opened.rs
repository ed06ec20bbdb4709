//! The first half of a conversion.

use std::time::Instant;

use crate::model::Model;
use crate::path::file_stem;
use crate::{Error, Options, Progress, Result, Source, check_name, detect, hub};

/// A source that was found, downloaded where that was needed, and read: all but the values of its
/// tensors. It can be looked into before it is converted, and is asked for once.
#[derive(Debug)]
pub struct Opened {
    pub(crate) source: Source,
    pub(crate) options: Options,
    pub(crate) model: Model,
    pub(crate) name: String,
    pub(crate) origin: String,
    pub(crate) started: Instant,
}

/// Downloads a source where it does not lie on the disk, and reads what it says about its model.
///
/// # Errors
///
/// Where the source is not found, damaged or not understood, and [`Error::Name`] for a name of the
/// options that no file can have. Whether its tensors are those of its
/// model is left to [`Opened::inspect`] and [`Opened::convert`].
pub fn open(source: &Source, options: &Options, progress: &mut dyn Progress) -> Result<Opened> {
    let started = Instant::now();
    if let Some(name) = &options.name {
        check_name(name)?;
    }
    let (mut model, name, origin) = match source {
        Source::Path(path) => {
            let model = detect::open(path, options.activation)?;
            let (name, origin) = (model.name.clone(), model.origin.clone());
            (model, name, origin)
        }
        Source::Hub { id, revision } => {
            let revision = revision.as_deref();
            let (folder, origin) = hub::download(id, revision, &options.hub, progress)?;
            let name = id.rsplit('/').next().unwrap_or(id).to_owned();
            (detect::open(&folder, options.activation)?, name, origin)
        }
        Source::Url(url) => {
            let (path, origin) = hub::download_file(url, &options.hub, progress)?;
            let model = detect::open(&path, options.activation);
            (model.map_err(|error| alone(error, &origin))?, file_stem(&path), origin)
        }
    };
    if let Some(mode) = options.preprocess {
        model.preprocess.mode = mode;
    }
    let (source, options) = (source.clone(), options.clone());
    let name = options.name.clone().unwrap_or(name);
    Ok(Opened { source, options, model, name, origin, started })
}

/// What an address gives is alone, whatever else its layout needs.
fn alone(error: Error, url: &str) -> Error {
    match error {
        Error::MissingFile { file, layout, .. } => {
            Error::UrlAlone { url: url.to_owned(), file, layout }
        }
        error => error,
    }
}
