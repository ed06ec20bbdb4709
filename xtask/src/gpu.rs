//! `cargo xtask bench-gpu`: a folder with all that measures the towers on a GPU, for the machine that has one.
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

/// What a folder may hold: machines that are lent take no more.
const LIMIT_MIB: f64 = 64.0;

const PROGRAM: &str = "bench-gpu";

/// PyTorch's side, and what that takes from another script.
const SCRIPTS: [&str; 2] = ["gpu_pytorch.py", "train_pytorch.py"];

/// Pack a program that measures the towers on a GPU, to be run where one is.
///
/// Makes the folder target/bench-gpu/BACKEND of at most 64 MiB. Copy it to the machine with the GPU and start run.sh
/// there, which ends within five minutes and leaves report.md and records.json in the folder `results`. Weights are drawn
/// there. The first build of a backend takes some ten minutes.
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
    let packed = pack(&program, &workspace.root.join("benches/peers"), &script, &folder)?;
    let mib = mib(&packed)?;
    ensure!(
        mib <= LIMIT_MIB,
        "{} has {mib:.1} MiB, more than the {LIMIT_MIB} that it may: is the program `strip` installed?",
        folder.display()
    );
    crate::print(format_args!(
        "{} ({mib:.1} MiB): copy it to the machine with the GPU, and start run.sh there\n",
        folder.display()
    ))?;
    if !args.run {
        return Ok(ExitCode::SUCCESS);
    }
    let mut run = Command::new("sh");
    let status = run.arg(folder.join("run.sh")).args(&args.options).status();
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

/// What is started where the GPU is.
fn script(backend: GpuBackend, commit: &str) -> String {
    let backend = backend.name();
    format!(
        "#!/bin/sh\n\
         # Measures the towers on this machine's GPU. Options: ./run.sh --help\n\
         cd \"$(dirname \"$0\")\" || exit 2\n\
         exec ./{PROGRAM} --device {backend} --commit '{commit}' --date \"$(date -u +%Y-%m-%d)\" \"$@\"\n"
    )
}

/// Fills the folder; results of a run there before stay. Gives the files.
fn pack(program: &Path, scripts: &Path, run: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut files = Vec::new();
    let mut copy = |from: &Path| -> Result<PathBuf> {
        let to = folder.join(from.file_name().unwrap_or_default());
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        files.push(to.clone());
        Ok(to)
    };
    let program = copy(program)?;
    for name in SCRIPTS {
        copy(&scripts.join(name))?;
    }
    strip(&program)?;
    let start = folder.join("run.sh");
    fs::write(&start, run).with_context(|| format!("cannot write {}", start.display()))?;
    make_executable(&start)?;
    files.push(start);
    Ok(files)
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

fn mib(files: &[PathBuf]) -> Result<f64> {
    let mut bytes = 0;
    for file in files {
        let found = fs::metadata(file);
        bytes += found.with_context(|| format!("cannot read {}", file.display()))?.len();
    }
    Ok(bytes as f64 / f64::from(1 << 20))
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
    fn a_folder_has_all_that_its_script_starts() {
        let root = tempfile::tempdir().unwrap();
        let sources = root.path().join("peers");
        fs::create_dir(&sources).unwrap();
        for name in SCRIPTS {
            fs::write(sources.join(name), "pass\n").unwrap();
        }
        // What strip takes for a program; a shell's would do as well.
        let program = root.path().join(PROGRAM);
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let folder = root.path().join("packed");
        let files = pack(&program, &sources, &script(GpuBackend::Wgpu, "commit 1"), &folder);
        let files = files.unwrap();
        let before = fs::metadata(&program).unwrap().len() as f64 / f64::from(1 << 20);
        let packed = mib(&files).unwrap();
        assert!(files.iter().all(|file| file.is_file()));
        assert!(packed > 0.0 && packed < before + 0.01, "{packed} MiB of {before}");
        // The script hands options on; here to something that prints them.
        fs::write(folder.join(PROGRAM), "#!/bin/sh\necho \"$@\"\n").unwrap();
        make_executable(&folder.join(PROGRAM)).unwrap();
        let output = Command::new(folder.join("run.sh")).arg("--quick").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.starts_with("--device wgpu --commit commit 1 --date 2"), "{said}");
        assert!(said.ends_with(" --quick\n"), "{said}");
    }
}
