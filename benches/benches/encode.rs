//! How many pictures and texts a second run through ViT-B/32 (random weights), as its matrices are kept?

use clip_benches::{PIXELS, device, pixels};
use clip_checkpoint::presets;
use clip_model::{
    ImageEncoder, InferenceImageEncoder, InferenceTextEncoder, TextEncoder, WeightDtype,
    float_tensor, int_tensor,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BATCHES: [usize; 3] = [1, 8, 32];

const DTYPES: [(&str, WeightDtype); 3] =
    [("f32", WeightDtype::F32), ("f16", WeightDtype::F16), ("int8", WeightDtype::Int8)];

fn images(c: &mut Criterion) {
    let (device, config) = (device(), presets::find("ViT-B-32").expect("a preset"));
    let side = config.vision.image_size;
    let mut group = c.benchmark_group("image/ViT-B-32");
    group.sample_size(10);
    for (name, dtype) in DTYPES {
        let encoder = ImageEncoder::init(config, &device);
        let encoder = InferenceImageEncoder::new(encoder, dtype, &PIXELS);
        for batch in BATCHES {
            let pixels = float_tensor(pixels(batch, side), [batch, 3, side, side], &device);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_with_input(BenchmarkId::new(name, batch), &pixels, |b, pixels| {
                b.iter(|| encoder.forward(pixels.clone()).into_data());
            });
        }
    }
    group.finish();
}

/// Captions of 12 tokens, each batch cut to that length.
fn texts(c: &mut Criterion) {
    const LENGTH: usize = 12;
    let (device, config) = (device(), presets::find("ViT-B-32").expect("a preset"));
    let mut group = c.benchmark_group("text/ViT-B-32");
    group.sample_size(10);
    for ((name, dtype), batch) in
        DTYPES.into_iter().flat_map(|dtype| BATCHES.map(|batch| (dtype, batch)))
    {
        let encoder = InferenceTextEncoder::new(TextEncoder::init(config, &device), dtype);
        let caption = |row: usize| {
            let words = (1..LENGTH - 1).map(move |i| ((row * 97 + i * 1009) % 40_000 + 300) as u32);
            [49_406].into_iter().chain(words).chain([49_407])
        };
        let ids: Vec<u32> = (0..batch).flat_map(caption).collect();
        let ids = int_tensor(&ids, [batch, LENGTH], &device);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_with_input(BenchmarkId::new(name, batch), &ids, |b, ids| {
            b.iter(|| encoder.forward(ids.clone()).into_data());
        });
    }
    group.finish();
}

criterion_group!(benches, images, texts);
criterion_main!(benches);
