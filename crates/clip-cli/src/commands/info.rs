//! `clip-cli info`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use clap::Args;
use clip::Backend;
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
    file: String,
    items: usize,
    /// Why it cannot be read, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(args: &InfoArgs) -> Result<Outcome> {
    let model = model::find(args.model.get())?;
    let checkpoint = model.checkpoint()?;
    let place = args.library.location(&checkpoint)?;
    let device = args.device.open()?;
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        device: format!("{} ({device:?})", args.device.device),
        backends: Backend::compiled().map(|backend| backend.to_string()).collect(),
        kernels: kernels()?,
        model: ModelDescription::new(&model, &checkpoint),
        library: library_info(&place),
    };
    output::print(|out| match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&info)?),
        false => print(out, &info, place.as_path()),
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

fn library_info(place: &Location) -> LibraryInfo {
    let none_yet = place.folder().is_some_and(|folder| !folder.exists());
    let count = || -> Result<usize> { Ok(Collection::open(place)?.store().count()?) };
    let (items, error) = match if none_yet { Ok(0) } else { count() } {
        Ok(items) => (items, None),
        Err(error) => (0, Some(hints::message(error.chain()))),
    };
    LibraryInfo { file: place.to_string(), items, error }
}

fn print(out: &mut output::Stdout, info: &Info, place: &Path) -> std::io::Result<()> {
    let Info { model, library, .. } = info;
    let Kernels { f32, f16, bf16, int8, limit } = info.kernels;
    let limit = limit.map_or(String::new(), |limit| format!("; {MAX_CPU_ISA}={limit}"));
    writeln!(out, "clip-cli    {}", info.version)?;
    writeln!(out, "device      {}; built with {}", info.device, info.backends.join(", "))?;
    writeln!(out, "kernels     f32 {f32}, f16 {f16}, bf16 {bf16}, int8 {int8}{limit}")?;
    writeln!(out, "{model}")?;
    let items = output::count(library.items, "item");
    output::place(out, "library     ", place, &items)?;
    library.error.as_ref().map_or(Ok(()), |error| writeln!(out, "  error     {error}"))
}
