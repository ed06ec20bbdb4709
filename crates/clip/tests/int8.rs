//! The built-in model in 8 bits, against itself as it is.
#![cfg(all(feature = "embedded-model", feature = "flex"))]

use clip::{DeviceName, Embedder, Embedding, ReadOptions};
use clip_checkpoint::{Checkpoint, Dtype, Error, TensorSource, TensorSpec, write};
use clip_kernels::gemm::select;
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_testkit::{Answers, rerun_tests, sample_pictures, say};

/// The other test again, with the kernels of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
}

/// The tensors of a checkpoint.
struct Again<'a>(&'a Checkpoint);

impl TensorSource for Again<'_> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        self.0.read(&spec.name)
    }
}

/// Texts stay what they are; pictures turn a little, and the same ones come first.
#[test]
fn pictures_turn_a_little_and_texts_not_at_all() {
    let device = "flex".parse::<DeviceName>().unwrap().open().unwrap();
    let whole = Embedder::embedded(&device).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("int8.safetensors");
    write(&path, whole.card(), Dtype::Int8, &mut Again(whole.checkpoint())).unwrap();
    let int8 = Embedder::open(&path, &device).unwrap();
    assert_eq!(int8.checkpoint().dtype(), Dtype::Int8);

    let texts: Vec<_> = Answers::open().queries.into_iter().map(|query| query.text).collect();
    let queries = whole.texts(&texts).unwrap();
    assert_eq!(int8.texts(&texts).unwrap(), queries);

    let files = sample_pictures();
    let pictures = |clip: &Embedder| -> Vec<Embedding> {
        let embeddings = clip.files(&files, &ReadOptions::default()).unwrap();
        embeddings.into_iter().map(Result::unwrap).collect()
    };
    let (exact, rounded) = (pictures(&whole), pictures(&int8));
    let mut lowest = 1.0f32;
    for ((file, exact), rounded) in files.iter().zip(&exact).zip(&rounded) {
        let cosine = exact.similarity(rounded);
        lowest = lowest.min(cosine);
        assert!(cosine >= 0.999, "{}: {cosine}", file.display());
        assert!(exact != rounded, "{} in 8 bits is as before", file.display());
    }
    let first_five = |query: &Embedding, pictures: &[Embedding]| {
        let mut places: Vec<_> = (0..pictures.len()).collect();
        places.sort_by(|a, b| {
            pictures[*b].similarity(query).total_cmp(&pictures[*a].similarity(query))
        });
        places.truncate(5);
        places.sort();
        places
    };
    let same = queries
        .iter()
        .filter(|query| first_five(query, &exact) == first_five(query, &rounded))
        .count();
    let (isa, all) = (select(clip_kernels::gemm::WeightDtype::Int8).isa(), queries.len());
    say(format_args!("int8 on {isa}: lowest cosine {lowest}; {same} of {all} first five the same"));
    assert!(same * 100 >= queries.len() * 95, "{same} of {}", queries.len());
}
