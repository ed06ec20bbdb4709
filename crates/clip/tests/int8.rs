//! The built-in model in 8 bits, as it ships, and in bf16, against the same weights in f32.
#![cfg(all(feature = "embedded-model", feature = "flex"))]

mod copies;

use clip::{DeviceName, Embedder, Embedding, ReadOptions};
use clip_checkpoint::Dtype;
use clip_kernels::gemm::{WeightDtype, select};
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_testkit::{Answers, rerun_tests, sample_pictures, say};
use copies::Copies;

/// The other tests again, with the kernels of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
}

fn copies() -> Copies {
    Copies::new("flex".parse::<DeviceName>().unwrap().open().unwrap())
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

/// How far a score of a text and a picture is from that of the same two, at most.
fn largest_move(exact: [&[Embedding]; 2], rounded: [&[Embedding]; 2]) -> f32 {
    let scores = |[texts, pictures]: [&[Embedding]; 2]| -> Vec<f32> {
        let of_text =
            |text: &Embedding| pictures.iter().map(|p| p.similarity(text)).collect::<Vec<_>>();
        texts.iter().flat_map(of_text).collect()
    };
    let pairs = scores(exact).into_iter().zip(scores(rounded));
    pairs.map(|(exact, rounded)| (exact - rounded).abs()).fold(0.0, f32::max)
}

/// Pictures and texts turn a little, and no score moves by more than a hundredth.
#[test]
fn vectors_in_8_bits_turn_a_little() {
    let copies = copies();
    let (whole, int8) = (copies.open(Dtype::F32), copies.built_in());
    let texts = texts();
    let [queries, rounded_queries] = [&whole, &int8].map(|clip| clip.texts(&texts).unwrap());
    let [exact, rounded] = [&whole, &int8].map(pictures);
    let of_texts = lowest_cosine(&queries, &rounded_queries);
    let of_pictures = lowest_cosine(&exact, &rounded);
    let moved = largest_move([&queries, &exact], [&rounded_queries, &rounded]);
    let isa = select(WeightDtype::Int8).isa();
    say(format_args!(
        "int8 on {isa}: lowest cosine of pictures {of_pictures}, of texts {of_texts}; scores move by up to {moved}"
    ));
    assert!(of_pictures >= 0.9995, "{of_pictures}");
    assert!(of_texts >= 0.9999, "{of_texts}");
    assert!(moved <= 0.01, "{moved}");
}

/// With 8 bits for the digits of weights, and all of them for what is computed.
#[test]
fn vectors_in_bf16_turn_less() {
    let copies = copies();
    let (whole, bf16) = (copies.open(Dtype::F32), copies.open(Dtype::Bf16));
    let texts = texts();
    let of_texts = lowest_cosine(&whole.texts(&texts).unwrap(), &bf16.texts(&texts).unwrap());
    let of_pictures = lowest_cosine(&pictures(&whole), &pictures(&bf16));
    say(format_args!("bf16: lowest cosine of pictures {of_pictures}, of texts {of_texts}"));
    assert!(of_pictures.min(of_texts) >= 0.999, "{of_pictures}, {of_texts}");
}
