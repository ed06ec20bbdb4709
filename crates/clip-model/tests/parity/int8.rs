//! Encoders whose weights are packed in 8 bits, against the same in 32 bits.

use clip_checkpoint::Checkpoint;
use clip_kernels::gemm::select;
use clip_model::{
    Device, ImageEncoder, InferenceImageEncoder, InferenceTextEncoder, Pixels, Tensor, TextEncoder,
    WeightDtype, int_tensor,
};
use clip_testkit::{builtin_model, goldens, samples_dir, say};
use clip_tokenizer::{Overflow, Tokenizer};

use crate::common::{convert, pixels, token_ids, values};
use crate::siglip;

/// The lowest cosine of two rows of unit vectors in the same place. Rows that are the same to the bit
/// were not computed in other numbers.
fn lowest_cosine(what: &str, exact: Tensor<2>, rounded: Tensor<2>) -> f32 {
    let [_, width] = exact.dims();
    let (exact, rounded) = (values(exact), values(rounded));
    let rows = exact.chunks_exact(width).zip(rounded.chunks_exact(width));
    let cosine = |(exact, rounded): (&[f32], &[f32])| -> f32 {
        assert!(exact != rounded, "{what}: nothing was rounded");
        exact.iter().zip(rounded).map(|(a, b)| a * b).sum()
    };
    rows.map(cosine).fold(1.0, f32::min)
}

fn text_encoder(checkpoint: &Checkpoint, dtype: WeightDtype) -> InferenceTextEncoder {
    let encoder = TextEncoder::load(checkpoint, &Device::flex()).unwrap();
    InferenceTextEncoder::new(encoder, dtype)
}

fn image_encoder(checkpoint: &Checkpoint, dtype: WeightDtype) -> InferenceImageEncoder {
    let encoder = ImageEncoder::load(checkpoint, &Device::flex()).unwrap();
    let preprocess = &checkpoint.card().preprocess;
    let pixels = Pixels { mean: preprocess.mean, std: preprocess.std };
    InferenceImageEncoder::new(encoder, dtype, &pixels)
}

/// Captions of the samples by the built-in model, in a batch and alone.
#[test]
fn captions_in_8_bits_are_near() {
    let checkpoint = Checkpoint::open(&builtin_model()).unwrap();
    let card = checkpoint.card();
    let limit = card.config.text.context_length;
    let tokenizer = Tokenizer::new(&card.tokenizer, limit, checkpoint.vocabulary()).unwrap();
    let captions = std::fs::read_to_string(samples_dir().join("captions.tsv")).unwrap();
    let captions = captions.lines().filter_map(|line| line.split('\t').nth(1));
    let captions: Vec<_> =
        captions.map(|text| tokenizer.encode(text, Overflow::Truncate).unwrap()).collect();
    assert!(captions.len() > 20);
    let [exact, rounded] =
        [WeightDtype::F32, WeightDtype::Int8].map(|dtype| text_encoder(&checkpoint, dtype));
    let lowest = |size: usize| {
        let batches = captions.chunks(size).map(|batch| {
            let batch = tokenizer.pad(batch);
            let ids = int_tensor(&batch.ids, [batch.rows, batch.length], &Device::flex());
            lowest_cosine("captions", exact.forward(ids.clone()), rounded.forward(ids))
        });
        batches.fold(1.0, f32::min)
    };
    let (together, alone) = (lowest(captions.len()), lowest(1));
    let isa = select(WeightDtype::Int8).isa();
    say(format_args!("captions in int8 on {isa}: lowest cosine {together}, alone {alone}"));
    assert!(together >= 0.998 && alone >= 0.998, "{together}, {alone}");
}

/// Heads with a bias and without, and pooling by attention. The weights are random and the rows short:
/// rounding shows more there than in what was learned.
#[test]
fn every_kind_of_model_in_8_bits_is_near() {
    let clips = goldens().map(|golden| {
        let (folder, checkpoint) = convert(golden.checkpoint_dir());
        (golden, folder, checkpoint)
    });
    for (golden, _folder, checkpoint) in clips.chain(siglip::goldens()) {
        let device = Device::flex();
        let [exact, rounded] =
            [WeightDtype::F32, WeightDtype::Int8].map(|dtype| image_encoder(&checkpoint, dtype));
        let images = lowest_cosine(
            golden.name(),
            exact.forward(pixels(&golden, &device)),
            rounded.forward(pixels(&golden, &device)),
        );
        let [exact, rounded] =
            [WeightDtype::F32, WeightDtype::Int8].map(|dtype| text_encoder(&checkpoint, dtype));
        let ids = || token_ids(&golden.ids("input_ids"), &device);
        let texts = lowest_cosine(golden.name(), exact.forward(ids()), rounded.forward(ids()));
        say(format_args!("{} in int8: images {images}, texts {texts}", golden.name()));
        assert!(images >= 0.997 && texts >= 0.997, "{}: {images}, {texts}", golden.name());
    }
}
