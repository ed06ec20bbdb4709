//! What do the parts of a run cost: products, one block, files to vectors, a cold start?

use std::path::PathBuf;

use burn::tensor::{Distribution, Tensor};
use clip::{Embedder, ReadOptions};
use clip_benches::{Products, device};
use clip_nn::{Packer, TransformerConfig, WeightDtype};
use clip_testkit::sample_pictures;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Tokens of a picture, and their width, in ViT-B/32.
const TOKENS: usize = 50;
const WIDTH: usize = 768;

/// The products of a whole tower by the `gemm` crate, without what stands between them.
fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("products/ViT-B-32");
    group.sample_size(10);
    for batch in [1, 32] {
        let mut products = Products::new(batch);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| b.iter(|| products.run()));
    }
    group.finish();
}

/// One block of the picture tower, for a batch of pictures.
fn block(c: &mut Criterion) {
    let device = device();
    let mut group = c.benchmark_group("block/ViT-B-32");
    for dtype in [WeightDtype::F32, WeightDtype::F16, WeightDtype::Int8] {
        // The kernels of other devices are Burn's.
        let Some(packer) = Packer::on(&device, dtype) else { continue };
        let block = TransformerConfig::new(WIDTH, 1, 12, 4 * WIDTH).init(&device).pack(packer);
        for batch in [1, 8, 32] {
            let tokens = Tensor::random([batch, TOKENS, WIDTH], Distribution::Default, &device);
            let name = format!("{dtype:?}").to_lowercase();
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_with_input(BenchmarkId::new(name, batch), &tokens, |b, tokens| {
                b.iter(|| block.forward(tokens.clone()).into_data());
            });
        }
    }
    group.finish();
}

/// The sample pictures from files to vectors, by the built-in model.
fn pipeline(c: &mut Criterion) {
    let clip = Embedder::embedded(&device()).expect("the built-in model");
    let files: Vec<PathBuf> = sample_pictures();
    let mut group = c.benchmark_group("files");
    group.throughput(Throughput::Elements(files.len() as u64));
    for (name, detail) in
        [("every pixel", ReadOptions::default().detail), ("enough", clip.enough_detail())]
    {
        let options = ReadOptions { detail, ..ReadOptions::default() };
        group.bench_function(name, |b| b.iter(|| clip.files(&files, &options).expect("samples")));
    }
    group.finish();
}

/// From an open device to the first vector of a text.
fn cold_start(c: &mut Criterion) {
    let device = device();
    c.bench_function("first text/built-in", |b| {
        b.iter(|| Embedder::embedded(&device).expect("the built-in model").text("a dog"));
    });
}

criterion_group!(benches, products, block, pipeline, cold_start);
criterion_main!(benches);
