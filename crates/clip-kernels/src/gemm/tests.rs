use clip_testkit::{Random, assert_close, say};
use half::bf16;

use super::*;

/// The kernels that this processor has.
fn detected() -> impl Iterator<Item = &'static Kernel> {
    kernels().filter(|kernel| {
        let is_there = kernel.isa().is_detected();
        say(format_args!(
            "{kernel:?}: {}",
            if is_there { "tested" } else { "not on this processor" }
        ));
        is_there
    })
}

/// What rounding to the numbers that are multiplied may cost a product of values up to 1.
fn bound(kernel: &Kernel, inner: usize) -> f32 {
    match kernel.arithmetic() {
        // Sums grow, and their rounding errors with them.
        "f32" => 1e-5 * (inner as f32 / 128.0).max(1.0),
        // Weights are exact here; activations have eight bits.
        "bf16" => 4e-3 * (inner as f32).sqrt(),
        // The step of a row of 7 bits, as often as all weights are large.
        _ => 1e-3 + 2.0 / 127.0 * inner as f32 * 0.51,
    }
}

/// Every kernel against a loop, for sizes that fill tiles, groups, panels and blocks and that do not,
/// for every epilogue, for both layouts of both sides, on all columns at once and on parts of them.
#[test]
fn products_are_those_of_a_loop() {
    let sizes = [
        (1, 1, 1),
        (12, 8, 32),
        (13, 7, 33),
        (25, 64, 70),
        (3, 1, 31),
        (41, 33, 96),
        (7, 300, 40),
        (5, 1100, 17),
        (30, 529, 64),
        (26, 4100, 33),
        (14, 20, 48),
        (9, 12, 24),
    ];
    for kernel in detected() {
        for (rows, inner, columns) in sizes {
            let mut random = Random::new(rows as u64);
            let (a, b) = (random.values(rows * inner), random.values(inner * columns));
            let (bias, before) = (random.values(columns), random.values(rows * columns));
            let mut weights = kernel.pack(MatrixView::new(&b, columns));
            assert_eq!([weights.rows(), weights.columns()], [inner, columns]);
            let kept = weights.unpack();
            let b = MatrixView::new(&kept, columns);
            let a = MatrixView::new(&a, inner);
            let mut turned = vec![0.0; rows * inner];
            ops::transpose(a, &mut turned);
            let lefts = [a, MatrixView::strided(&turned, inner, rows, rows).transposed()];
            for (side, left) in lefts.into_iter().enumerate() {
                let how = Prepare { threads: 2, ..Prepare::default() };
                let mut buffer = Buffer::default();
                let activations = weights.prepare(left, how, &mut buffer);
                for (accumulate, activation) in [
                    (Accumulate::Overwrite, None),
                    (Accumulate::Add, None),
                    (Accumulate::Bias(&bias), None),
                    (Accumulate::Bias(&bias), Some(Activation::QuickGelu)),
                    (Accumulate::Add, Some(Activation::GeluTanh)),
                    (Accumulate::Bias(&bias), Some(Activation::Relu6)),
                ] {
                    let epilogue = Epilogue { accumulate, activation };
                    let expected = reference::multiply(a, b, epilogue, &before);
                    let mut outputs = Vec::new();
                    for count in [1, 3] {
                        let mut out = before.clone();
                        let parts = ColumnsMut::new(&mut out, columns);
                        for part in parts.split(weights.panel_width(), count) {
                            weights.multiply(&activations, epilogue, part);
                        }
                        let what = format!("{kernel:?}, {rows}×{inner}×{columns}, left {side}");
                        assert_close(&what, &out, &expected, 1.2 * bound(kernel, inner));
                        outputs.push(out);
                    }
                    assert_eq!(outputs[0], outputs[1], "{kernel:?}: parts are as the whole");
                }
            }
            // Packed again, and from columns; values of 16 and 8 bits stay what they are.
            weights.repack(b);
            assert_close(&format!("{kernel:?}, packed again"), &weights.unpack(), &kept, 1e-6);
            let mut turned = vec![0.0; inner * columns];
            ops::transpose(b, &mut turned);
            let turned = MatrixView::strided(&turned, columns, inner, inner).transposed();
            let weights = kernel.pack(turned);
            assert_close(&format!("{kernel:?}, from columns"), &weights.unpack(), &kept, 1e-6);
        }
    }
}

/// What is written in `bf16` is the product rounded, and rows that come in `bf16`, or are written one by
/// one, are multiplied as those that lie in `f32`: on every kernel, on all columns and on parts.
#[test]
fn numbers_of_16_bits_come_in_and_go_out() {
    let (rows, columns) = (13, 70);
    for kernel in detected() {
        for inner in [64, 33, 1100, 4100] {
            let mut random = Random::new(inner as u64);
            let a: Vec<bf16> =
                random.values(rows * inner).into_iter().map(bf16::from_f32).collect();
            let wide: Vec<f32> = a.iter().map(|value| value.to_f32()).collect();
            let (b, bias) = (random.values(inner * columns), random.values(columns));
            let weights = kernel.pack(MatrixView::new(&b, columns));
            let how = Prepare { threads: 2, precise: &[1, 12] };
            let epilogue = Epilogue {
                accumulate: Accumulate::Bias(&bias),
                activation: Some(Activation::QuickGelu),
            };
            let product = |activations: &Activations<'_>| {
                let mut out = vec![0.0; rows * columns];
                weights.multiply(activations, epilogue, ColumnsMut::new(&mut out, columns));
                out
            };
            let mut buffer = Buffer::default();
            let left = MatrixView::new(&wide, inner);
            let expected = product(&weights.prepare(left, how, &mut buffer));
            let fill = |row: usize, out: &mut [f32]| out.copy_from_slice(left.row(row));
            let by_row = product(&weights.prepare_rows(rows, &fill, how, &mut buffer));
            assert_eq!(by_row, expected, "{kernel:?}: rows that are written one by one");
            let narrow = MatrixView::new(&a, inner);
            let activations = weights.prepare_bf16(narrow, how, &mut buffer);
            assert_eq!(product(&activations), expected, "{kernel:?}: rows of bf16");
            let mut out = vec![bf16::ZERO; rows * columns];
            for part in ColumnsMut::new(&mut out, columns).split(weights.panel_width(), 2) {
                weights.multiply_to_bf16(&activations, epilogue, part);
            }
            for (out, expected) in out.iter().zip(&expected) {
                // Sums in another order may lie on the other side of the middle between two.
                let off = (out.to_f32() - expected).abs();
                assert!(off <= expected.abs() / 255.0 + 1e-6, "{kernel:?}: {out} for {expected}");
            }
        }
    }
}

/// Rows that are integers of 8 bits already lose nothing.
#[test]
fn integers_are_multiplied_exactly() {
    let (rows, inner, columns) = (13, 75, 40);
    for kernel in detected().filter(|kernel| kernel.arithmetic() != "bf16") {
        // 7 bits, where the kernels of others would round.
        let integer = |i: usize, k: usize| ((i * 31 + k * 17) % 128) as f32;
        let b = Random::new(3).values(inner * columns);
        let weights = kernel.pack(MatrixView::new(&b, columns));
        let fill = |i: usize, row: &mut [f32]| {
            row.iter_mut().enumerate().for_each(|(k, value)| *value = integer(i, k));
        };
        let mut buffer = Buffer::default();
        let how = Prepare { threads: 2, ..Prepare::default() };
        let activations = weights.prepare_integers(rows, &fill, how, &mut buffer);
        let mut out = vec![0.0; rows * columns];
        weights.multiply(&activations, Epilogue::OVERWRITE, ColumnsMut::new(&mut out, columns));
        let a: Vec<f32> = (0..rows * inner).map(|at| integer(at / inner, at % inner)).collect();
        let kept = weights.unpack();
        let (a, b) = (MatrixView::new(&a, inner), MatrixView::new(&kept, columns));
        let expected = reference::multiply(a, b, Epilogue::OVERWRITE, &[]);
        assert_close(&format!("{kernel:?}"), &out, &expected, 5e-4);
    }
}

/// A limit selects the kernel that is written for it, so that each is tested as a whole.
#[test]
fn newer_instruction_sets_come_first() {
    for dtype in WeightDtype::ALL {
        let of_type: Vec<_> = kernels().filter(|kernel| kernel.dtype() == dtype).collect();
        assert!(of_type.is_sorted_by(|a, b| a.isa() >= b.isa()), "{of_type:?}");
        assert_eq!(select(dtype).dtype(), dtype);
    }
}

/// The table of the README is that of the code.
#[test]
fn the_readme_lists_every_kernel() {
    let readme = include_str!("../../README.md");
    for kernel in kernels() {
        let (dtype, isa) = (kernel.dtype().name(), kernel.isa());
        let row = format!("| `{dtype}` | `{isa}` | `{}` |", kernel.arithmetic());
        assert!(readme.contains(&row), "a row that begins with {row}");
    }
}

#[test]
#[should_panic(expected = "weights of another kind")]
fn activations_for_other_weights_are_refused() {
    let matrix = MatrixView::new(&[1.0, 2.0], 1);
    let (of_f32, of_int8) = (select(WeightDtype::F32), select(WeightDtype::Int8));
    let (mut buffer, mut out) = (Buffer::default(), [0.0]);
    let rows = MatrixView::new(&[1.0, 2.0], 2);
    let whole = of_f32.pack(matrix);
    let activations = whole.prepare(rows, Prepare::default(), &mut buffer);
    of_int8.pack(matrix).multiply(&activations, Epilogue::ADD, ColumnsMut::new(&mut out, 1));
}
