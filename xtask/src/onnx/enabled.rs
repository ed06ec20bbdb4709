use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use burn_onnx::{LoadStrategy, ModelGen};
use burn_pack::{DType, Reader};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::Args;

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    for input in &args.inputs {
        import(input, &args.output)
            .with_context(|| format!("cannot import {}", input.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn import(input: &Path, output: &Path) -> Result<()> {
    // ModelGen panics.
    ensure!(input.is_file(), "there is no such file");
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path is not UTF-8");
    // `new` would print every node.
    ModelGen::default()
        .input(&text(input)?)
        .out_dir(&text(output)?)
        // Its loaders need burn-store, which no test has.
        .load_strategy(LoadStrategy::None)
        // As exported: one pass would make attention the single call that our towers make too.
        .simplify(false)
        .run_from_cli();
    let stem = output.join(input.file_stem().context("no file name")?);
    let (code, pack) = (stem.with_extension("rs"), stem.with_extension("bpk"));
    let weights = stem.with_extension("safetensors");
    repack(&pack, &weights)?;
    fs::remove_file(&pack)?;
    forget_folder(&code, input)?;
    for path in [code, weights] {
        crate::print(format_args!("{}: {} bytes\n", path.display(), fs::metadata(&path)?.len()))?;
    }
    Ok(())
}

/// Burn's own file of weights, as the one that the tests can read.
fn repack(pack: &Path, weights: &Path) -> Result<()> {
    let mut tensors = Vec::new();
    for tensor in Reader::from_file(pack)?.into_tensors()? {
        let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
        let dtype = match dtype {
            DType::F32 => Dtype::F32,
            DType::I64 => Dtype::I64,
            other => bail!("{name} is {other:?}: add it to the numbers that the tests read"),
        };
        tensors.push((name, dtype, shape.to_vec(), bytes.to_vec()));
    }
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    fs::write(weights, safetensors::serialize(views, None)?)?;
    Ok(())
}

/// The head of the code names the file where it lay.
fn forget_folder(code: &Path, input: &Path) -> Result<()> {
    let name = input.file_name().context("no file name")?;
    let text = fs::read_to_string(code)?;
    fs::write(code, text.replacen(&format!("{input:?}"), &format!("{name:?}"), 1))?;
    Ok(())
}
