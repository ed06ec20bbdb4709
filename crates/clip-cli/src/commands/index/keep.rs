//! Keeping the library in order.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clip_retrieval::{Item, Library, Store};

use crate::unplugged::Unplugged;
use crate::{Outcome, connecting, indexing, output, report};

pub(super) fn verify(library: &Library) -> Result<Outcome> {
    let found = library.verify()?;
    let lost = library.lost().len();
    for error in &found {
        report::warning(error);
    }
    if found.len() + lost > 0 {
        bail!("the library is not what was written");
    }
    let mut out = output::stdout();
    writeln!(out, "{}: all is as it was written", output::count(library.len(), "item"))?;
    out.flush()?;
    Ok(Outcome::Found)
}

pub(super) fn compact(library: &mut Library, hnsw_above: usize) -> Result<Outcome> {
    let bytes = |library: &Library| -> Result<u64> {
        let stats = library.stats()?;
        Ok(stats.vector_bytes + stats.catalog_bytes)
    };
    let before = bytes(library)?;
    library.write()?.compact()?;
    connecting::connect_folder(library, hnsw_above)?;
    let after = bytes(library)?;
    let mut out = output::stdout();
    let items = output::count(library.len(), "item");
    let [before, after] = [before, after].map(|bytes| bytes as f64 / 1e6);
    writeln!(out, "{items}: {after:.1} MB, before {before:.1} MB")?;
    out.flush()?;
    Ok(Outcome::Found)
}

/// Drops what is gone, but for what may lie on a drive that is not plugged in.
pub(super) fn prune(store: &mut dyn Store) -> Result<Outcome> {
    let mut writer = store.writer()?;
    let (mut gone, mut kept) = (0, 0);
    let mut unplugged = Unplugged::default();
    for file in writer.store().files()? {
        match &file.path {
            path if path.exists() => {}
            path if unplugged.may_hold(path) => kept += 1,
            _ => {
                indexing::drop_file(&mut *writer, &file)?;
                gone += 1;
            }
        }
    }
    for failure in writer.store().failures()? {
        if !failure.path.exists() && !unplugged.may_hold(&failure.path) {
            writer.forgive(&failure.path)?;
        }
    }
    writer.commit()?;
    drop(writer);
    if kept > 0 {
        report::note(format_args!(
            "{} stay{}, below folders that are empty: their drive may not be plugged in",
            output::count(kept, "picture"),
            if kept == 1 { "s" } else { "" }
        ));
    }
    let mut out = output::stdout();
    let items = output::count(store.count()?, "item");
    writeln!(out, "{}: {gone} gone", items)?;
    out.flush()?;
    Ok(if gone > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// Takes items off the library, by the paths or the ids that users have of them.
pub(super) fn remove(store: &mut dyn Store, names: &[String]) -> Result<Outcome> {
    let mut writer = store.writer()?;
    let mut gone = 0;
    for name in names {
        let path = PathBuf::from(name);
        let path = path.canonicalize().unwrap_or(path);
        let ids = [name.clone(), Item::path_id(&path), Item::text_id(name)];
        let mut found = false;
        for id in ids {
            found |= writer.remove(&id)?;
        }
        match found {
            true => gone += 1,
            false => report::warning(format_args!("{name} is not in the library")),
        }
    }
    writer.commit()?;
    drop(writer);
    let mut out = output::stdout();
    let items = output::count(store.count()?, "item");
    writeln!(out, "{items}: {gone} gone")?;
    out.flush()?;
    Ok(if gone > 0 { Outcome::Found } else { Outcome::Nothing })
}
