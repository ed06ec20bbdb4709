//! What each number format makes of values.

use clip_checkpoint::{
    AttentionMask, Checkpoint, ConvStage, Dtype, Error, ModelCard, Padding, Pooling, Probability,
    Projection, Stem, TensorSource, TensorSpec, Tower, VisionPooling, tensors, write,
};
use safetensors::Dtype as Stored;

use crate::fixture::{Fixture, Tensors, Values, card, convolutional, pooled_map, values};

/// A SigLIP as tiny as [`card`]: its heads are others.
fn siglip() -> ModelCard {
    let mut card = card();
    let config = &mut card.config;
    config.embed_dim = config.vision.width;
    config.vision.stem = Stem::Biased;
    config.vision.pooling = VisionPooling::Attention;
    config.vision.projection = Projection::None;
    config.text.mask = AttentionMask::Full;
    config.text.pooling = Pooling::Last;
    config.text.projection = Projection::Affine;
    config.probability = Probability::Sigmoid;
    card.tokenizer.padding = Padding::Context;
    card
}

/// Whatever values it is asked to make.
struct Made<F>(F);

impl<F: FnMut(&TensorSpec) -> Vec<f32>> TensorSource for Made<F> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        Ok(self.0(spec))
    }
}

#[test]
fn f32_comes_back_as_it_was() {
    let checkpoint = Checkpoint::open(&Fixture::new(Dtype::F32).path).unwrap();
    assert_eq!(checkpoint.card(), &card());
    assert_eq!(checkpoint.dtype(), Dtype::F32);
    for spec in tensors(&card().config) {
        assert_eq!(checkpoint.stored(&spec.name).unwrap().shape, spec.shape);
        assert_eq!(checkpoint.read(&spec.name).unwrap(), values(&spec), "{}", spec.name);
    }
}

/// What relates the towers would be off by up to 1.6 % in bf16: it stays as it is there. The kernels
/// and biases of a stem keep the digits of f16.
#[test]
fn shorter_numbers_come_back_rounded_once() {
    let f16 = |value| half::f16::from_f32(value).to_f32();
    let bf16 = |value| half::bf16::from_f32(value).to_f32();
    for (dtype, round) in [(Dtype::F16, f16 as fn(f32) -> f32), (Dtype::Bf16, bf16)] {
        for card in [card(), siglip(), convolutional(), pooled_map()] {
            let checkpoint = Checkpoint::open(&Fixture::of(&card, dtype).path).unwrap();
            assert_eq!([Tower::Vision, Tower::Text].map(|t| checkpoint.dtype_of(t)), [dtype; 2]);
            for spec in tensors(&card.config) {
                let of_stem = spec.name.starts_with("visual.conv_stem.");
                let is_pointwise = spec.shape.len() == 2;
                let (stored, round) = match dtype {
                    Dtype::Bf16 if spec.tower == Tower::Both => {
                        (Dtype::F32, f32::from as fn(f32) -> f32)
                    }
                    Dtype::Bf16 if of_stem && !is_pointwise => (Dtype::F16, f16 as _),
                    dtype => (dtype, round),
                };
                assert_eq!(checkpoint.stored(&spec.name).unwrap().dtype, stored, "{}", spec.name);
                let rounded: Vec<_> = values(&spec).into_iter().map(round).collect();
                assert_eq!(checkpoint.read(&spec.name).unwrap(), rounded, "{}", spec.name);
            }
        }
    }
}

/// Of two values as near, the one whose last bit is 0; what is exact stays.
#[test]
fn rounding_is_to_nearest_even() {
    let (name, step) = ("visual.ln_pre.gamma", |bits: i32| 2f32.powi(-bits));
    for (dtype, bits) in [(Dtype::Bf16, 7), (Dtype::F16, 10)] {
        // In steps above 1.
        for (value, rounded) in
            [(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (0.4999, 0.0), (0.5001, 1.0), (3.0, 3.0)]
        {
            for sign in [1.0, -1.0] {
                let fixture = Fixture::new(dtype);
                let replaced = Some((name, 1, sign * (1.0 + value * step(bits))));
                let mut source = Values { replaced, ..Values::default() };
                write(&fixture.path, &card(), dtype, &mut source).unwrap();
                let found = Checkpoint::open(&fixture.path).unwrap().read(name).unwrap()[1];
                assert_eq!(found, sign * (1.0 + rounded * step(bits)), "{dtype:?}: {value}");
            }
        }
    }
}

/// Matrices come back within half a step of their column, tokens and depthwise convolutions within half a
/// step of their row, the rest as f16: small convolutions too.
#[test]
fn matrices_of_int8_come_back_within_half_a_step() {
    let block = ["attn.in_proj", "attn.out_proj", "mlp.c_fc", "mlp.c_proj"];
    let blocks = ["visual.transformer.resblocks.0", "visual.transformer.resblocks.1"];
    let blocks = blocks.into_iter().chain(["text.transformer.resblocks.0"]);
    let blocks: Vec<_> =
        blocks.flat_map(|path| block.map(|layer| format!("{path}.{layer}.weight"))).collect();
    let heads = ["visual_projection.weight".to_owned(), "text_projection.weight".to_owned()];
    let pooling = block.map(|layer| format!("visual.attn_pool.{layer}.weight"));
    let tokens = ["text.token_embedding.weight".to_owned()];
    let last_block = ["expand", "depthwise", "project"]
        .map(|layer| format!("visual.conv_stem.blocks.2.{layer}.weight"));
    let of_mlp = ["c_fc", "c_proj"].map(|layer| format!("visual_projection.mlp.{layer}.weight"));
    for (card, heads) in [
        (card(), heads.to_vec()),
        (siglip(), [&pooling[..], &["text_projection.weight".to_owned()]].concat()),
        (convolutional(), heads.to_vec()),
        (pooled_map(), [&heads[..], &of_mlp].concat()),
        (large_map(), [&heads[..], &of_mlp, &last_block].concat()),
    ] {
        let fixture = Fixture::of(&card, Dtype::Int8);
        let checkpoint = Checkpoint::open(&fixture.path).unwrap();
        for tower in [Tower::Vision, Tower::Text] {
            assert_eq!(checkpoint.dtype_of(tower), Dtype::Int8);
        }
        let mut matrices = Vec::new();
        for spec in tensors(&card.config) {
            let (name, stored) = (&spec.name, checkpoint.stored(&spec.name).unwrap());
            let found = checkpoint.read(name).unwrap();
            if stored.dtype == Dtype::F16 {
                let half = |value| half::f16::from_f32(value).to_f32();
                assert_eq!(found, values(&spec).into_iter().map(half).collect::<Vec<_>>());
                continue;
            }
            matrices.push(name.clone());
            assert_eq!((stored.dtype, stored.bytes.len()), (Dtype::Int8, spec.elements()));
            let by_row = tokens.contains(name) || name.contains("depthwise");
            let (width, expected) = (spec.elements() / spec.shape[0], values(&spec));
            for (i, (found, value)) in found.iter().zip(&expected).enumerate() {
                let (first, step, count) = match by_row {
                    true => (i / width * width, 1, width),
                    false => (i % width, width, spec.shape[0]),
                };
                let shared = expected[first..].iter().step_by(step).take(count);
                let largest = shared.fold(0f32, |largest, value| largest.max(value.abs()));
                assert!((found - value).abs() <= largest / 254.0 * 1.001, "{name} at {i}");
            }
        }
        let there = |name: &&String| tensors(&card.config).any(|spec| spec.name == **name);
        let blocks: Vec<_> = blocks.iter().filter(there).cloned().collect();
        let mut expected = [&blocks[..], &heads, &tokens].concat();
        expected.sort();
        matrices.sort();
        assert_eq!(matrices, expected);
        let bytes: usize = tensors(&card.config).map(|spec| spec.bytes(Dtype::Int8)).sum();
        let header = checkpoint.size() - bytes;
        assert!(header < 20_000, "{header} bytes are not those of tensors");
    }
}

/// A scale has to be a number to divide by, however small the values of its column are.
#[test]
fn columns_of_next_to_nothing_come_back_too() {
    let name = "text.transformer.resblocks.0.mlp.c_fc.weight";
    for value in [0.0, 1e-45, -1e-40, f32::MIN_POSITIVE, 1e-30, 1e30] {
        let fixture = Fixture::new(Dtype::F32);
        let make = |spec: &TensorSpec| match &*spec.name {
            its if its == name => vec![value; spec.elements()],
            _ => values(spec),
        };
        write(&fixture.path, &card(), Dtype::Int8, &mut Made(make)).unwrap();
        let found = Checkpoint::open(&fixture.path).unwrap().read(name).unwrap();
        let error = f32::MIN_POSITIVE.max(value.abs() * 1e-6);
        assert!(found.iter().all(|found| (found - value).abs() <= error), "{value}: {found:?}");
    }
}

/// Stores a matrix as ones in 8 bits.
fn ones(tensors: &mut Tensors, name: &str) {
    let (dtype, shape, bytes) = tensors.get_mut(name).unwrap();
    (*dtype, *bytes) = (Stored::I8, vec![1; shape.iter().product()]);
}

#[test]
fn matrices_of_int8_need_their_scales() {
    let refused = |name: &str, scales: Option<(Stored, usize, f32)>| {
        let fixture = Fixture::of(&pooled_map(), Dtype::F32);
        fixture.rewrite(|tensors, _| {
            ones(tensors, name);
            if let Some((dtype, count, scale)) = scales {
                let bytes = scale.to_le_bytes()[..dtype.bitsize() / 8].repeat(count);
                tensors.insert(format!("{name}_scale"), (dtype, vec![count], bytes));
            }
        });
        let opened = Checkpoint::open(&fixture.path);
        opened.and_then(|checkpoint| checkpoint.read(name)).unwrap_err().to_string()
    };
    for (name, columns) in [
        ("visual.conv_stem.blocks.1.expand.weight", 12),
        ("visual.conv_stem.blocks.0.depthwise.weight", 8),
        ("visual_projection.weight", 4),
        ("visual_projection.mlp.c_fc.weight", 7),
        ("text.token_embedding.weight", 20),
        ("text.transformer.resblocks.0.attn.in_proj.weight", 18),
        ("text_projection.weight", 4),
    ] {
        assert_eq!(
            refused(name, None),
            format!("1 tensor missing from the checkpoint: {name}_scale; convert the source again")
        );
        assert_eq!(
            refused(name, Some((Stored::F32, columns + 1, 1.0))),
            format!(
                "tensor {name}_scale has shape [{}], the configuration calls for [{columns}]",
                columns + 1
            )
        );
        assert_eq!(
            refused(name, Some((Stored::I8, columns, 1.0))),
            format!(
                "tensor {name}_scale is stored as I8, this program reads f32, f16 and bf16, and int8 for matrices and the token embedding"
            )
        );
        // The last is finite, but what it makes of whole numbers is not.
        for scale in [f32::NAN, f32::INFINITY, f32::MAX] {
            assert_eq!(
                refused(name, Some((Stored::F32, columns, scale))),
                format!(
                    "tensor {name}_scale holds {scale} at position 0: the weights are damaged; convert or download them again"
                )
            );
        }
    }
    for name in
        ["text.positional_embedding", "visual.conv_stem.conv.weight", "visual_projection.ln.gamma"]
    {
        assert_eq!(
            refused(name, None),
            format!(
                "tensor {name} is stored as I8, this program reads f32, f16 and bf16, and int8 for matrices and the token embedding"
            )
        );
    }
}

/// Once 8 bits were for the blocks of the picture tower alone, and then for matrices alone. Such files are
/// other models than one of today, and the same as ever.
#[test]
fn int8_of_earlier_versions_is_read() {
    let fixture = Fixture::new(Dtype::Int8);
    let print = || Checkpoint::open(&fixture.path).unwrap().fingerprint();
    let today = print();
    let rewrite = |is_int8: fn(&str) -> bool| {
        fixture.rewrite(|tensors, _| {
            let names: Vec<_> = tensors.keys().cloned().collect();
            for name in names {
                let (dtype, shape, bytes) = tensors.get_mut(&name).unwrap();
                if is_int8(&name) && name.ends_with(".weight") {
                    let columns = shape[1];
                    ones(tensors, &name);
                    let scales = 0.5f32.to_le_bytes().repeat(columns);
                    tensors.insert(format!("{name}_scale"), (Stored::F32, vec![columns], scales));
                } else {
                    let value = |bytes: &[u8; 4]| half::f16::from_f32(f32::from_le_bytes(*bytes));
                    let halves = bytes.as_chunks().0.iter().flat_map(|b| value(b).to_le_bytes());
                    (*dtype, *bytes) = (Stored::F16, halves.collect());
                }
            }
        });
    };
    let halves = |spec: &TensorSpec| -> Vec<f32> {
        values(spec).into_iter().map(|value| half::f16::from_f32(value).to_f32()).collect()
    };

    rewrite(|name| name.starts_with("visual.transformer.resblocks."));
    let checkpoint = Checkpoint::open(&fixture.path).unwrap();
    assert_eq!(checkpoint.dtype(), Dtype::Int8);
    assert_eq!(checkpoint.dtype_of(Tower::Text), Dtype::F16);
    let found = checkpoint.read("visual.transformer.resblocks.1.mlp.c_fc.weight").unwrap();
    assert_eq!(found, [0.5; 8 * 12]);
    for spec in checkpoint.tower(Tower::Text) {
        assert_eq!(checkpoint.read(&spec.name).unwrap(), halves(&spec), "{}", spec.name);
    }
    assert_ne!(print(), today);
    assert_eq!(print(), "f2e2ea226c9e7737cb222cf067d0a3fad4856b3b791010b22f2c67985e6af84c");

    rewrite(|name| name.contains("resblocks.") || name.contains("_projection"));
    let checkpoint = Checkpoint::open(&fixture.path).unwrap();
    let towers = [Tower::Vision, Tower::Text].map(|tower| checkpoint.dtype_of(tower));
    assert_eq!(towers, [Dtype::Int8; 2]);
    let tokens = tensors(&card().config).find(|spec| spec.name == TOKENS).unwrap();
    assert_eq!(checkpoint.read(TOKENS).unwrap(), halves(&tokens));
    assert_eq!(checkpoint.read_rows(TOKENS, &[3]).unwrap(), halves(&tokens)[3 * 6..4 * 6]);
    assert_ne!(print(), today);
    assert_eq!(print(), "e3fceb64e8ad2edac4b4b04d2a2ab3032abe1a7e763ecbe6efd57378a4876b05");
}

const TOKENS: &str = "text.token_embedding.weight";

/// What a file will hold is known before it is written, and written again it stays: also by way of f16, in
/// which training saves.
#[test]
fn rounding_again_changes_nothing() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::Int8] {
        for card in [card(), siglip(), large_map()] {
            let checkpoint = Checkpoint::open(&Fixture::of(&card, dtype).path).unwrap();
            for spec in tensors(&card.config) {
                let found = checkpoint.read(&spec.name).unwrap();
                assert_eq!(found, spec.rounded(&values(&spec), dtype), "{dtype:?} {}", spec.name);
                if dtype == Dtype::Int8 {
                    let again = spec.rounded(&spec.rounded(&found, Dtype::F16), dtype);
                    let off = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * a.abs();
                    assert!(found.iter().zip(&again).all(off), "{}", spec.name);
                }
            }
        }
    }
}

/// A stem whose last block is stored in 8 bits, depthwise convolutions too.
fn large_map() -> ModelCard {
    let mut card = pooled_map();
    let stem = card.config.vision.conv_stem.as_mut().unwrap();
    let stage = ConvStage { blocks: 1, channels: 12, expansion: 240, kernel_size: 3, stride: 1 };
    stem.stages.push(stage);
    card
}

/// The rows that are asked for, in every number format.
#[test]
fn rows_are_those_of_the_whole() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::Int8] {
        let checkpoint = Checkpoint::open(&Fixture::new(dtype).path).unwrap();
        for (name, rows) in [(TOKENS, vec![19, 0, 7, 7]), ("text_projection.weight", vec![5, 2])] {
            let [_, width] = *checkpoint.stored(name).unwrap().shape else { unreachable!() };
            let whole = checkpoint.read(name).unwrap();
            let expected = rows.iter().flat_map(|row| &whole[row * width..][..width]).copied();
            let expected: Vec<_> = expected.collect();
            assert_eq!(checkpoint.read_rows(name, &rows).unwrap(), expected, "{dtype:?} {name}");
        }
    }
}

#[test]
fn nan_is_refused_at_write_and_at_read() {
    let (name, index) = ("visual.transformer.resblocks.1.attn.in_proj.weight", 7);
    let written = |dtype, value| {
        let path = Fixture::new(dtype).path;
        let mut source = Values { replaced: Some((name, index, value)), ..Values::default() };
        write(&path, &card(), dtype, &mut source)
    };
    let message = |value: &str| {
        format!(
            "tensor {name} holds {value} at position 7: the weights are damaged; convert or download them again"
        )
    };
    let refused = |dtype, value: f32| {
        let error = written(dtype, value).unwrap_err().to_string();
        assert_eq!(error, message(&value.to_string()));
    };
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16, Dtype::Int8] {
        refused(dtype, f32::NAN);
        refused(dtype, f32::INFINITY);
        refused(dtype, f32::NEG_INFINITY);
    }
    // The largest f16 is 65504; 65520 and above round to infinity.
    refused(Dtype::F16, 65_520.0);
    written(Dtype::F16, 65_519.0).unwrap();
    // The largest bf16 is 0x7f7f, and 0x7f7f_8000 is halfway to infinity.
    refused(Dtype::Bf16, f32::MAX);
    refused(Dtype::Bf16, f32::from_bits(0x7f7f_8000));
    written(Dtype::Bf16, f32::from_bits(0x7f7f_7fff)).unwrap();
    // What 127 times a scale has to reach, with room.
    refused(Dtype::Int8, f32::MAX);
    written(Dtype::Int8, 1e38).unwrap();
    written(Dtype::F32, f32::MAX).unwrap();

    let fixture = Fixture::new(Dtype::F32);
    fixture.rewrite(|tensors, _| {
        tensors.get_mut(name).unwrap().2[4 * index..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let checkpoint = Checkpoint::open(&fixture.path).unwrap();
    assert_eq!(checkpoint.read(name).unwrap_err().to_string(), message("NaN"));
    assert!(checkpoint.read("visual.ln_pre.gamma").is_ok());
}
