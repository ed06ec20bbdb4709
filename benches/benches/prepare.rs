//! What does it cost to get a picture or a text ready for a tower?

use clip_checkpoint::{Checkpoint, ModelCard, PreprocessConfig};
use clip_preprocess::{Detail, Picture, Preprocessor, ReadOptions, RgbImage, decode};
use clip_testkit::{Random, builtin_model, samples_dir};
use clip_tokenizer::{Overflow, Tokenizer};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

fn card() -> ModelCard {
    let file = builtin_model();
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

/// A sample enlarged to 12 megapixels, with a camera's grain, as JPEG of quality 90.
fn photograph() -> Vec<u8> {
    let sample = std::fs::read(samples_dir().join("rocket.jpg")).expect("a sample");
    let sample = decode(&sample, "rocket.jpg", &ReadOptions::default()).expect("a picture");
    let mut picture = imageops::resize(&sample, 4000, 3000, FilterType::CatmullRom);
    let mut random = Random::new(4);
    for pixel in picture.pixels_mut() {
        let grain = (random.bits() % 17) as i16 - 8;
        pixel.0 = pixel.0.map(|level| (i16::from(level) + grain).clamp(0, 255) as u8);
    }
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    picture.write_with_encoder(encoder).expect("a picture that can be written");
    bytes
}

fn photographs(c: &mut Criterion) {
    let (preprocessor, bytes) = (preprocessor(), photograph());
    let mut group = c.benchmark_group("photograph");
    for (name, detail) in [("every pixel", Detail::Full), ("enough", preprocessor.enough())] {
        let options = ReadOptions { detail, ..ReadOptions::default() };
        let read = || Picture::decode(&bytes, "photograph", &options).expect("a picture");
        group.bench_function(format!("{name}: decode"), |b| b.iter(read));
        let picture = read();
        group.bench_function(format!("{name}: prepare"), |b| {
            b.iter(|| preprocessor.picture_pixels(&picture));
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

criterion_group!(benches, resize, decoding, photographs, tokens);
criterion_main!(benches);
