//! What does it cost to get a picture or a text ready for a tower?

use clip_checkpoint::{Checkpoint, ModelCard, PreprocessConfig};
use clip_preprocess::{Preprocessor, ReadOptions, RgbImage, decode};
use clip_testkit::{Random, repository_root, samples_dir};
use clip_tokenizer::{Overflow, Tokenizer};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn card() -> ModelCard {
    let file = repository_root().join("weights/clip-tiny.safetensors");
    Checkpoint::open(&file).expect("the built-in model").card().clone()
}

/// The built-in model's preprocessing at the size of most published models.
fn preprocessor() -> Preprocessor {
    let config = PreprocessConfig { resize_size: 224, crop_size: 224, ..card().preprocess };
    Preprocessor::new(&config).expect("a preprocessing that can be done")
}

fn noise(width: u32, height: u32) -> RgbImage {
    let mut random = Random::new(3);
    let bytes = (0..width * height * 3).map(|_| random.bits() as u8).collect();
    RgbImage::from_raw(width, height, bytes).expect("as many bytes as pixels")
}

fn resize(c: &mut Criterion) {
    let preprocessor = preprocessor();
    let mut group = c.benchmark_group("resize to 224");
    for (width, height) in [(640, 480), (1920, 1080), (4000, 3000)] {
        let picture = noise(width, height);
        group.throughput(Throughput::Elements(u64::from(width * height)));
        group.bench_function(format!("{width}x{height}"), |b| {
            b.iter(|| preprocessor.pixels(&picture));
        });
    }
    group.finish();
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for name in ["rocket.jpg", "dog.webp", "coffee.png"] {
        let bytes = std::fs::read(samples_dir().join(name)).expect("a sample");
        group.bench_function(name, |b| {
            b.iter(|| decode(&bytes, name, &ReadOptions::default()).expect("a picture"));
        });
    }
    group.finish();
}

fn tokens(c: &mut Criterion) {
    let config = card().tokenizer;
    c.bench_function("tokenizer start", |b| b.iter(|| Tokenizer::new(&config, 77, None)));
    let tokenizer = Tokenizer::new(&config, 77, None).expect("CLIP's own vocabulary");
    let caption = "a photo of a kingfisher on a branch above a river, looking for fish";
    c.bench_function("tokenize a caption", |b| {
        b.iter(|| tokenizer.encode(caption, Overflow::Error).expect("a short text"));
    });
}

criterion_group!(benches, resize, decoding, tokens);
criterion_main!(benches);
