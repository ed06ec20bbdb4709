//! `clip-cli info`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clip::{Backend, Checkpoint};
use clip_kernels::gemm::{WeightDtype, select};
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_search::{Collection, Location, ModelDescription};
use serde::Serialize;

use crate::args::{DeviceArgs, LibraryArgs, ModelName};
use crate::{Outcome, hints, model, output};

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    model: ModelName,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Info {
    version: &'static str,
    device: String,
    backends: Vec<String>,
    kernels: Kernels,
    model: ModelDescription,
    library: LibraryInfo,
}

/// The instruction sets of our kernels for `flex`, by the type of weights.
#[derive(Serialize)]
struct Kernels {
    f32: &'static str,
    f16: &'static str,
    bf16: &'static str,
    int8: &'static str,
    /// What `CLIP_MAX_CPU_ISA` limits them to.
    limit: Option<&'static str>,
}

#[derive(Serialize)]
struct LibraryInfo {
    #[serde(serialize_with = "output::lossy")]
    file: PathBuf,
    items: usize,
    /// Why it cannot be read, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(args: &InfoArgs) -> Result<Outcome> {
    let model = model::find(args.model.get())?;
    let checkpoint = model.checkpoint()?;
    let device = args.device.open()?;
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        device: format!("{} ({device:?})", args.device.name),
        backends: Backend::compiled().map(|backend| backend.to_string()).collect(),
        kernels: kernels()?,
        model: ModelDescription::new(&model, &checkpoint),
        library: library_info(args, &checkpoint)?,
    };
    output::print(|out| match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&info)?),
        false => print(out, &info),
    })?;
    Ok(Outcome::Found)
}

fn kernels() -> Result<Kernels> {
    let isa_of = |dtype| select(dtype).isa().name();
    Ok(Kernels {
        f32: isa_of(WeightDtype::F32),
        f16: isa_of(WeightDtype::F16),
        bf16: isa_of(WeightDtype::Bf16),
        int8: isa_of(WeightDtype::Int8),
        limit: Isa::limit()?.map(Isa::name),
    })
}

fn library_info(args: &InfoArgs, checkpoint: &Checkpoint) -> Result<LibraryInfo> {
    let location = args.library.location(checkpoint)?;
    let empty = LibraryInfo { file: location.as_path().to_owned(), items: 0, error: None };
    if let Location::Folder(path) = &location
        && !path.exists()
    {
        return Ok(empty);
    }
    let count = Collection::open(&location).and_then(|opened| Ok(opened.store().count()?));
    Ok(match count {
        Ok(items) => LibraryInfo { items, ..empty },
        Err(error) => {
            LibraryInfo { error: Some(hints::message(std::iter::once(&error as _))), ..empty }
        }
    })
}

fn print(out: &mut output::Stdout, info: &Info) -> std::io::Result<()> {
    let Info { model, library, kernels, .. } = info;
    writeln!(out, "clip-cli    {}", info.version)?;
    writeln!(out, "device      {}; built with {}", info.device, info.backends.join(", "))?;
    let Kernels { f32, f16, bf16, int8, .. } = kernels;
    write!(out, "kernels     f32 {f32}, f16 {f16}, bf16 {bf16}, int8 {int8}")?;
    match kernels.limit {
        Some(limit) => writeln!(out, "; {MAX_CPU_ISA}={limit}")?,
        None => writeln!(out)?,
    }
    write!(out, "model       {} (", model.name)?;
    out.path(model.file.as_deref().unwrap_or(Path::new("built in")))?;
    writeln!(out, ")")?;
    writeln!(out, "  weights   {}, {:.1} MB", model.weights, model.bytes as f64 / 1e6)?;
    writeln!(
        out,
        "  pictures  {0}x{0} pixels in patches of {1}; {2}",
        model.image_size, model.patch_size, model.vision
    )?;
    writeln!(out, "  texts     up to {} tokens; {}", model.context_length, model.text)?;
    writeln!(out, "  vectors   {} numbers", model.embed_dim)?;
    writeln!(out, "  source    {}", model.source)?;
    writeln!(out, "  license   {}", model.license.as_deref().unwrap_or("not stated"))?;
    write!(out, "library     ")?;
    out.path(&library.file)?;
    write!(out, " ({})", output::count(library.items, "item"))?;
    match &library.error {
        Some(error) => writeln!(out, "\n  error     {error}"),
        None => writeln!(out),
    }
}
