use clip_testkit::{Random, assert_close};

use super::*;

/// A weight for each kernel of this processor and for the portable ones, and which it is for.
fn on_each(matrix: &[f32], columns: usize) -> Vec<(String, Quantized)> {
    let kernels = Kernel::ALL.iter().filter(|kernel| kernel.isa().is_detected());
    let ours = kernels
        .map(|kernel| (format!("{kernel:?}"), Quantized::for_kernel(*kernel, matrix, columns)));
    ours.chain([("portable".to_owned(), Quantized::portable(matrix, columns))]).collect()
}

/// Against the products of what the sides were rounded to, on all columns and on parts, and
/// against those of the sides as they were.
#[test]
fn products_are_those_of_a_loop() {
    for (rows, inner, columns) in [(1, 1, 1), (13, 64, 300), (3, 100, 128), (41, 33, 257)] {
        let mut random = Random::new(rows as u64);
        let (mut a, b) = (random.values(rows * inner), random.values(inner * columns));
        // Rows of different sizes, and one of zeros.
        for (i, row) in a.chunks_exact_mut(inner).enumerate() {
            row.iter_mut().for_each(|value| *value *= (i % 3) as f32 * 10.0);
        }
        let (bias, before) = (random.values(columns), random.values(rows * columns));
        for (kernel, weight) in on_each(&b, columns) {
            let kept = weight.unpack();
            for column in 0..columns {
                let of = |matrix: &[f32]| -> Vec<f32> {
                    matrix.iter().skip(column).step_by(columns).copied().collect()
                };
                let largest = of(&b).iter().fold(0f32, |largest, value| largest.max(value.abs()));
                assert_close(&kernel, &of(&kept), &of(&b), largest / 254.0 * 1.001);
            }
            let expected = |start: &dyn Fn(usize) -> f32| -> Vec<f32> {
                let value = |at: usize| {
                    let (i, j) = (at / columns, at % columns);
                    let terms = (0..inner).map(|k| a[i * inner + k] * kept[k * columns + j]);
                    start(at) + terms.sum::<f32>()
                };
                (0..rows * columns).map(value).collect()
            };
            let gelu = |x: f32| x / (1.0 + (-1.702 * x).exp());
            let cases = [
                (Start::Bias(&bias), None, expected(&|at| bias[at % columns])),
                (Start::Out, None, expected(&|at| before[at])),
                (
                    Start::Bias(&bias),
                    Some(Activation::QuickGelu),
                    expected(&|at| bias[at % columns]).into_iter().map(gelu).collect(),
                ),
            ];
            let left = weight.rows(Matrix::new(&a, inner), rows.div_ceil(2), &[]);
            // Half a step of a row, as often as the worst column adds it up.
            let step = left.params.iter().map(|params| params.scale).fold(0.0, f32::max);
            let columns_of = |column| kept.iter().skip(column).step_by(columns);
            let worst = (0..columns).map(|j| columns_of(j).map(|value| value.abs()).sum::<f32>());
            let bound = 1e-3 + 0.51 * step * worst.fold(0.0, f32::max);
            for (start, after, expected) in cases {
                let mut outputs = Vec::new();
                for count in [1, 3] {
                    let mut out = before.clone();
                    let whole = Part::whole(&mut out, rows, columns, columns);
                    for part in whole.split(weight.unit(), count) {
                        weight.multiply(&left, start, after, part);
                    }
                    assert_close(&kernel, &out, &expected, 1.1 * bound);
                    outputs.push(out);
                }
                assert_eq!(outputs[0], outputs[1], "{kernel}: parts are the same as the whole");
            }
        }
    }
}

/// What a row loses follows from its bits: those of a kernel of 16 bits, and rows that are split,
/// few and all, lose a sixteenth of what rows of 8 bits do.
#[test]
fn rows_lose_what_their_bits_say() {
    let (rows, inner, columns) = (41, 64, 150);
    let mut random = Random::new(5);
    let (a, b) = (random.values(rows * inner), random.values(inner * columns));
    for (kernel, weight) in on_each(&b, columns) {
        let kept = weight.unpack();
        for precise in [vec![], vec![0, 17, 40], (0..rows).collect()] {
            let left = weight.rows(Matrix::new(&a, inner), 7, &precise);
            let mut out = vec![0.0; rows * columns];
            let whole = Part::whole(&mut out, rows, columns, columns);
            weight.multiply(&left, Start::Zero, None, whole);
            for (i, row) in out.chunks(columns).enumerate() {
                let of_column = |j: usize| -> f32 {
                    (0..inner).map(|k| a[i * inner + k] * kept[k * columns + j]).sum()
                };
                let off = row.iter().enumerate().map(|(j, found)| (found - of_column(j)).abs());
                let off = off.fold(0.0, f32::max);
                let eight_bits = 6e-2 * 255.0 / f32::from(weight.highest().min(255));
                let is_precise =
                    weight.activations() == ActivationType::I16 || precise.contains(&i);
                let bound = if is_precise { eight_bits / 15.0 } else { eight_bits };
                assert!(off < bound, "{kernel}: row {i} of {precise:?} is off by {off}");
                assert!(is_precise || off > 4e-3, "{kernel}: row {i} is off by {off} only");
            }
        }
    }
}

/// What the rounding of a row loses is at most half a step, and its zeros stay zeros.
#[test]
fn rows_are_rounded_within_half_a_step() {
    for (low, high) in [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0)] {
        let row: Vec<f32> =
            (0..=100).map(|i| low + (high - low) * i as f32 / 100.0).chain([0.0]).collect();
        for highest in [127, 255, 4095] {
            let mut out = vec![0; row.len()];
            let QuantParams { scale, zero } =
                rounding::quantize(&row, highest, i16::truncate, &mut out);
            for (value, integer) in row.iter().zip(&out) {
                assert!((0..=highest.cast_signed()).contains(integer));
                let back = (i32::from(*integer) - zero) as f32 * scale;
                assert!((back - value).abs() <= 0.51 * scale, "{value} became {back}");
            }
            assert_eq!(i32::from(out[row.len() - 1]), zero);
        }
    }
}
