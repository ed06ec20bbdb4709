//! `cargo xtask bench-gpu`: an archive with all that measures the towers on a GPU, for the machine that has one.
//!
//! Machines with a GPU are often others than those that build, and lent for minutes: nothing is compiled or downloaded
//! there. What is measured, and how, is the program's affair (`benches/src/bin/bench-gpu`).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args as ClapArgs, ValueEnum};

use crate::workspace::{Workspace, commit};

/// What an archive may have: machines that are lent take no more.
const LIMIT_MIB: f64 = 64.0;

const PROGRAM: &str = "bench-gpu";

/// What is started where the GPU is.
const START: &str = "run.sh";

/// PyTorch's side, and what that takes from another script.
const SCRIPTS: [&str; 2] = ["gpu_pytorch.py", "train_pytorch.py"];

/// Pack a program that measures the towers on a GPU, to be run where one is.
///
/// Makes target/bench-gpu/BACKEND.tar.gz of at most 64 MiB. Unpack it on the machine with the GPU and start
/// BACKEND/run.sh there, which ends within five minutes and leaves report.md and records.json in BACKEND/results. Weights
/// are drawn there. The first build of a backend takes half an hour of processor time.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Backend of Burn to build; vulkan is that of NVIDIA's and AMD's cards where no toolkit is installed
    #[arg(long, value_name = "BACKEND", default_value = "vulkan")]
    backend: GpuBackend,
    /// Run it here as well
    #[arg(long)]
    run: bool,
    /// Options of the run (`-- --help` lists them)
    #[arg(last = true, requires = "run", value_name = "OPTION")]
    options: Vec<String>,
}

/// A backend of Burn that computes on GPUs, by the name of its feature and of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GpuBackend {
    /// SPIR-V, with the matrix units of the card
    Vulkan,
    /// WGSL, on any graphics driver, Mesa's software driver too
    Wgpu,
    /// On a Mac
    Metal,
    /// On NVIDIA's cards with the CUDA toolkit; building it downloads LLVM
    Cuda,
}

impl GpuBackend {
    fn name(self) -> &'static str {
        match self {
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    build(args.backend)?;
    let program = workspace.target.join("debug").join(PROGRAM);
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    let folder = workspace.target.join(PROGRAM).join(args.backend.name());
    let commit = commit(&workspace.root).unwrap_or_else(|| "an unknown commit".to_owned());
    let script = script(args.backend, &commit);
    pack(&program, &workspace.root.join("benches/peers"), &script, &folder)?;
    let archive = archive(&folder)?;
    let bytes =
        fs::metadata(&archive).with_context(|| format!("cannot read {}", archive.display()))?.len();
    let mib = bytes as f64 / f64::from(1 << 20);
    ensure!(
        mib <= LIMIT_MIB,
        "{} has {mib:.1} MiB, more than the {LIMIT_MIB} that it may: is the program `strip` installed?",
        archive.display()
    );
    let name = args.backend.name();
    crate::print(format_args!(
        "{} ({mib:.1} MiB): unpack it on the machine with the GPU, and start {name}/run.sh there\n",
        archive.display()
    ))?;
    if !args.run {
        return Ok(ExitCode::SUCCESS);
    }
    let mut run = Command::new("sh");
    let status = run.arg(folder.join(START)).args(&args.options).status();
    let status = status.context("cannot start sh")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2).into())
}

/// Compiles the program with the backend, and with the CPU's to compare with.
fn build(backend: GpuBackend) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--package", "clip-benches", "--bin", PROGRAM, "--no-default-features"]);
    build.arg("--features").arg(format!("flex,{}", backend.name()));
    let status = build.status().context("cannot start cargo")?;
    let name = backend.name();
    ensure!(status.success(), "the program cannot be built with {name}: see above");
    Ok(())
}

/// The text of [`START`].
fn script(backend: GpuBackend, commit: &str) -> String {
    let backend = backend.name();
    format!(
        "#!/bin/sh\n\
         # Measures the towers on this machine's GPU. Options: ./run.sh --help\n\
         cd \"$(dirname \"$0\")\" || exit 2\n\
         exec ./{PROGRAM} --device {backend} --commit '{commit}' --date \"$(date -u +%Y-%m-%d)\" \"$@\"\n"
    )
}

/// Fills the folder; results of a run there before stay.
fn pack(program: &Path, scripts: &Path, run: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let copy = |from: &Path| -> Result<PathBuf> {
        let to = folder.join(from.file_name().unwrap_or_default());
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(to)
    };
    strip(&copy(program)?)?;
    for name in SCRIPTS {
        copy(&scripts.join(name))?;
    }
    let start = folder.join(START);
    fs::write(&start, run).with_context(|| format!("cannot write {}", start.display()))?;
    make_executable(&start)
}

/// Packs what [`pack`] put into the folder, which is a fifth as long then.
fn archive(folder: &Path) -> Result<PathBuf> {
    let archive = folder.with_added_extension("tar.gz");
    let inside = Path::new(folder.file_name().unwrap_or_default());
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(folder.parent().unwrap_or(folder));
    let program = Path::new(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION);
    tar.arg(inside.join(program));
    tar.args([START].iter().chain(&SCRIPTS).map(|name| inside.join(name)));
    let status = tar.status().context("cannot start tar")?;
    ensure!(status.success(), "{} cannot be packed: see above", archive.display());
    Ok(archive)
}

/// Takes the names of functions away, where the program for it is there: they are a third of the file.
fn strip(program: &Path) -> Result<()> {
    match Command::new("strip").arg(program).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("strip failed: see above"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).context("cannot start strip"),
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} a program", path.display()))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> std::result::Result<Args, clap::Error> {
        let words = std::iter::once("bench-gpu").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn options_belong_to_a_run() {
        let args = parse("").unwrap();
        assert_eq!((args.backend, args.run), (GpuBackend::Vulkan, false));
        let args = parse("--backend wgpu --run -- --quick --minutes 2").unwrap();
        assert_eq!((args.backend, args.run), (GpuBackend::Wgpu, true));
        assert_eq!(args.options, ["--quick", "--minutes", "2"]);
        assert!(parse("-- --quick").unwrap_err().to_string().contains("--run"));
        assert!(parse("--backend flex").unwrap_err().to_string().contains("vulkan, wgpu"));
    }

    #[test]
    fn the_program_is_built_with_features_that_the_benches_have() {
        let workspace = Workspace::read().unwrap();
        let benches = workspace.crates.iter().find(|member| member.name == "clip-benches").unwrap();
        for backend in GpuBackend::value_variants() {
            assert!(benches.features.contains_key(backend.name()), "{}", backend.name());
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_archive_has_all_that_its_script_starts_and_no_results() {
        let root = tempfile::tempdir().unwrap();
        let sources = root.path().join("peers");
        fs::create_dir(&sources).unwrap();
        for name in SCRIPTS {
            fs::write(sources.join(name), "pass\n").unwrap();
        }
        // Any program will do that strip takes for one.
        let program = root.path().join(PROGRAM);
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let folder = root.path().join("packed/wgpu");
        fs::create_dir_all(folder.join("results")).unwrap();
        pack(&program, &sources, &script(GpuBackend::Wgpu, "commit 1"), &folder).unwrap();
        assert!(folder.join(PROGRAM).is_file());
        // Options are handed on; here to something that prints them.
        fs::write(folder.join(PROGRAM), "#!/bin/sh\necho \"$@\"\n").unwrap();
        let archive = archive(&folder).unwrap();
        assert!(archive.ends_with("packed/wgpu.tar.gz"), "{}", archive.display());
        let there = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(there.path());
        assert!(tar.status().unwrap().success());
        let there = there.path().join("wgpu");
        assert!(!there.join("results").exists());
        assert!(SCRIPTS.iter().all(|name| there.join(name).is_file()));
        let output = Command::new(there.join(START)).arg("--quick").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.starts_with("--device wgpu --commit commit 1 --date 2"), "{said}");
        assert!(said.ends_with(" --quick\n"), "{said}");
    }
}
