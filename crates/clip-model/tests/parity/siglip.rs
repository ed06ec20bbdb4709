//! SigLIP and SigLIP 2 against transformers and OpenCLIP: converted, opened, run.

use clip_checkpoint::Checkpoint;
use clip_model::Clip;
use clip_testkit::{Golden, goldens_dir, unpacked};
use clip_tokenizer::{Overflow, Tokenizer};
use tempfile::TempDir;

use crate::common::{check_on_every_backend, convert};
use crate::golden::{check_embeddings, check_inference, check_pixels, check_stages, tolerance};

const MODELS: [&str; 3] = ["base", "giant", "open-clip"];

/// The model of a golden, as its own library loads it.
fn converted(golden: &Golden) -> (TempDir, Checkpoint) {
    let folder = golden.checkpoint_dir();
    let weights = "open_clip_model.safetensors";
    if !folder.join(format!("{weights}.gz")).exists() {
        return convert(folder);
    }
    let whole = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), whole.path().join(entry.file_name())).unwrap();
    }
    let bytes = unpacked(&format!("siglip/{}/{weights}", golden.name()));
    std::fs::write(whole.path().join(weights), bytes).unwrap();
    convert(whole.path())
}

pub(crate) fn goldens() -> impl Iterator<Item = (Golden, TempDir, Checkpoint)> {
    MODELS.into_iter().map(|name| {
        let golden = Golden::at(&goldens_dir().join("siglip").join(name));
        let (folder, checkpoint) = converted(&golden);
        (golden, folder, checkpoint)
    })
}

#[test]
#[expect(clippy::print_stderr, reason = "the differences are to be reported")]
fn stages_and_embeddings_are_the_references() {
    for (golden, _folder, checkpoint) in goldens() {
        check_on_every_backend(|backend, device| {
            let clip = Clip::load(&checkpoint, device).unwrap();
            check_stages(&golden, &clip, device, tolerance(backend));
            let difference = check_embeddings(&golden, &clip, device, tolerance(backend));
            check_inference(&golden, &checkpoint, device, tolerance(backend));
            eprintln!("{} on {backend}: unit vectors within {difference:.1e}", golden.name());
        });
    }
}

/// Pictures are squashed into the square, whatever their shape.
#[test]
fn files_become_the_references_pixels() {
    for (golden, _folder, checkpoint) in goldens() {
        check_pixels(&golden, &checkpoint);
    }
}

/// In the vocabulary that the checkpoint carries, padded to the whole context.
#[test]
fn texts_become_the_references_ids() {
    for (golden, _folder, checkpoint) in goldens() {
        let (config, expected) = (&checkpoint.card().tokenizer, golden.ids("input_ids"));
        let limit = checkpoint.card().config.text.context_length;
        let tokenizer = Tokenizer::new(config, limit, checkpoint.vocabulary()).unwrap();
        let encode = |text: &String| tokenizer.encode(text, Overflow::Truncate).unwrap();
        let batch = tokenizer.pad(&golden.texts().iter().map(encode).collect::<Vec<_>>());
        assert_eq!([batch.rows, batch.length], expected.shape[..], "{}", golden.name());
        assert_eq!(batch.ids, expected.values, "{}", golden.name());
    }
}
