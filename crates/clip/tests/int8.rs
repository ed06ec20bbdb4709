//! The built-in model in 8 bits, and in bf16, against itself as it is.
#![cfg(all(feature = "embedded-model", feature = "flex"))]

use clip::{Device, DeviceName, Embedder, Embedding, ReadOptions};
use clip_checkpoint::{Checkpoint, Dtype, Error, TensorSource, TensorSpec, Tower, write};
use clip_kernels::gemm::{WeightDtype, select};
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_testkit::{Answers, rerun_tests, sample_pictures, say};
use tempfile::TempDir;

/// The other tests again, with the kernels of each instruction set that this processor has.
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

/// Copies of the built-in model, in other number formats.
struct Copies {
    device: Device,
    folder: TempDir,
}

impl Copies {
    fn new() -> Self {
        let device = "flex".parse::<DeviceName>().unwrap().open().unwrap();
        Self { device, folder: tempfile::tempdir().unwrap() }
    }

    fn built_in(&self) -> Embedder {
        Embedder::embedded(&self.device).unwrap()
    }

    fn open(&self, dtype: Dtype) -> Embedder {
        let whole = self.built_in();
        let path = self.folder.path().join(dtype.name());
        write(&path, whole.card(), dtype, &mut Again(whole.checkpoint())).unwrap();
        let copy = Embedder::open(&path, &self.device).unwrap();
        assert_eq!([Tower::Vision, Tower::Text].map(|t| copy.checkpoint().dtype_of(t)), [dtype; 2]);
        copy
    }
}

fn texts() -> Vec<String> {
    Answers::open().queries.into_iter().map(|query| query.text).collect()
}

fn pictures(clip: &Embedder) -> Vec<Embedding> {
    let embeddings = clip.files(&sample_pictures(), &ReadOptions::default()).unwrap();
    embeddings.into_iter().map(Result::unwrap).collect()
}

/// The lowest cosine of two rows of vectors, of which no two are the same.
fn lowest_cosine(exact: &[Embedding], rounded: &[Embedding]) -> f32 {
    assert_eq!(exact.len(), rounded.len());
    assert!(exact.iter().zip(rounded).all(|(exact, rounded)| exact != rounded));
    let cosines = exact.iter().zip(rounded).map(|(exact, rounded)| exact.similarity(rounded));
    cosines.fold(1.0, f32::min)
}

/// The five pictures that are nearest to a text, in any order.
fn first_five(query: &Embedding, pictures: &[Embedding]) -> Vec<usize> {
    let mut places: Vec<_> = (0..pictures.len()).collect();
    places
        .sort_by(|a, b| pictures[*b].similarity(query).total_cmp(&pictures[*a].similarity(query)));
    places.truncate(5);
    places.sort();
    places
}

/// Pictures and texts turn a little, and the same pictures come first.
#[test]
fn vectors_in_8_bits_turn_a_little() {
    let copies = Copies::new();
    let (whole, int8) = (copies.built_in(), copies.open(Dtype::Int8));
    let texts = texts();
    let [queries, rounded_queries] = [&whole, &int8].map(|clip| clip.texts(&texts).unwrap());
    let [exact, rounded] = [&whole, &int8].map(pictures);
    let of_texts = lowest_cosine(&queries, &rounded_queries);
    let of_pictures = lowest_cosine(&exact, &rounded);
    let same = queries
        .iter()
        .zip(&rounded_queries)
        .filter(|(query, turned)| first_five(query, &exact) == first_five(turned, &rounded))
        .count();
    let (isa, all) = (select(WeightDtype::Int8).isa(), queries.len());
    say(format_args!(
        "int8 on {isa}: lowest cosine of pictures {of_pictures}, of texts {of_texts}; {same} of {all} first five the same"
    ));
    assert!(of_pictures >= 0.999, "{of_pictures}");
    assert!(of_texts >= 0.998, "{of_texts}");
    assert!(same * 100 >= all * 95, "{same} of {all}");
}

/// With 8 bits for the digits of weights, and all of them for what is computed.
#[test]
fn vectors_in_bf16_turn_less() {
    let copies = Copies::new();
    let (whole, bf16) = (copies.built_in(), copies.open(Dtype::Bf16));
    let texts = texts();
    let of_texts = lowest_cosine(&whole.texts(&texts).unwrap(), &bf16.texts(&texts).unwrap());
    let of_pictures = lowest_cosine(&pictures(&whole), &pictures(&bf16));
    say(format_args!("bf16: lowest cosine of pictures {of_pictures}, of texts {of_texts}"));
    assert!(of_pictures.min(of_texts) >= 0.999, "{of_pictures}, {of_texts}");
}
