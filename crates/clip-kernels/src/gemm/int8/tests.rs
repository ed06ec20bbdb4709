use clip_testkit::{Random, assert_close, say};

use super::quantize::{Integer, QuantParams};
use super::*;
use crate::gemm::blocks::Block;
use crate::gemm::microkernel::Accumulate;

/// Integers from `low` to `high`, both ends among them.
fn integers(random: &mut Random, count: usize, low: i32, high: i32) -> Vec<i32> {
    let span = (high - low) as f32 / 2.0;
    let middle = (low + high) as f32 / 2.0;
    let mut values: Vec<i32> =
        random.values(count).iter().map(|x| (middle + x * span).round() as i32).collect();
    values.iter_mut().for_each(|value| *value = (*value).clamp(low, high));
    values.iter_mut().step_by(7).for_each(|value| *value = high);
    values.iter_mut().skip(3).step_by(11).for_each(|value| *value = low);
    values
}

/// Sums of a micro-kernel at the largest values that it may get, exactly.
fn check<const G: usize, A: Copy + Default + TryFrom<i32>>(
    kernel: &MicroKernel<A, [i8; G], i32>,
    [rows, inner, columns]: [usize; 3],
    most: i32,
) where
    [i8; G]: Default,
{
    let mut random = Random::new((rows * inner + columns) as u64);
    let left = integers(&mut random, rows * inner, 0, most);
    let right = integers(&mut random, inner * columns, -127, 127);
    let weights: Vec<i8> = right.iter().map(|value| *value as i8).collect();
    let panels = Panels::pack(MatrixView::new(&weights, columns), kernel.columns, |group| group);
    let (length, width) = (panels.inner(), panels.width());
    let filled = left.chunks(inner).flat_map(|row| {
        let values = row.iter().map(|value| A::try_from(*value).ok().expect("within its type"));
        values.chain(std::iter::repeat_n(A::default(), length - inner))
    });
    let filled: Vec<A> = filled.collect();
    let a = MatrixView::new(&filled, length);
    for panel in 0..columns.div_ceil(width) {
        // What stands there before does not matter.
        let mut sums = vec![77; rows * width];
        let (weights, next) = (panels.block(panel, 0..length), panels.next(panel, 0..length));
        let start = Accumulate::Overwrite;
        let block = Block { a, inner: 0..length, weights, next, start, column: 0, width };
        kernel.multiply_block(&block, &mut ColumnsMut::new(&mut sums, width));
        for (at, sum) in sums.into_iter().enumerate() {
            let (row, column) = (at / width, panel * width + at % width);
            let product = |k: usize| left[row * inner + k] * right[k * columns + column];
            let expected: i32 = if column < columns { (0..inner).map(product).sum() } else { 0 };
            let place = format!("{row}, {column} of {rows}×{inner}×{columns}");
            assert_eq!(sum, expected, "{} at {place}", kernel.isa);
        }
    }
}

/// Every micro-kernel of this processor, for sizes that fill tiles, groups and panels and that do not.
#[test]
fn sums_are_those_of_a_loop() {
    for rows in 1..=13 {
        for [inner, columns] in [[1, 1], [3, 16], [4, 33], [7, 32], [64, 70], [513, 40]] {
            let sizes = [rows, inner, columns];
            // The largest that keeps the sums in 32 bits.
            let most = (i32::MAX / (127 * inner as i32)).min(i16::MAX.into());
            check::<2, i16>(&portable::SCALAR, sizes, most);
            #[cfg(target_arch = "x86_64")]
            {
                for kernel in [&x86::AVX512, &x86::AVX2] {
                    if kernel.isa.is_detected() {
                        check::<2, i16>(kernel, sizes, most);
                    }
                }
                for kernel in [&x86::AVX512_VNNI, &x86::AVX2_VNNI] {
                    if kernel.isa.is_detected() {
                        check::<4, u8>(kernel, sizes, 255);
                    }
                }
            }
        }
    }
}

/// A weight for each kernel of this processor.
fn on_each(matrix: &[f32], columns: usize) -> Vec<(String, Int8Gemm)> {
    let matrix = MatrixView::new(matrix, columns);
    let mut all = Vec::new();
    macro_rules! add {
        ($form:ident, $kernel:path) => {
            if $kernel.isa.is_detected() {
                let pack = |integers: MatrixView<'_, i8>| {
                    let panels = Panels::pack(integers, $kernel.columns, |group| group);
                    Weights::$form(&$kernel, panels)
                };
                all.push(($kernel.isa.to_string(), Int8Gemm::new(matrix, pack)));
            } else {
                say(format_args!("int8 on {}: not on this processor", $kernel.isa));
            }
        };
    }
    #[cfg(target_arch = "x86_64")]
    {
        add!(U8, x86::AVX512_VNNI);
        add!(I16, x86::AVX512);
        add!(U8, x86::AVX2_VNNI);
        add!(I16, x86::AVX2);
    }
    add!(I16, portable::SCALAR);
    let rten = |integers: MatrixView<'_, i8>| {
        let integers: Vec<i8> =
            (0..integers.rows()).flat_map(|row| integers.row(row)).copied().collect();
        Weights::Rten(rten::Blocks::new(&integers, columns))
    };
    all.push(("rten".to_owned(), Int8Gemm::new(matrix, rten)));
    all
}

/// A weight is rounded to half a step of its column.
#[test]
fn weights_are_rounded_within_half_a_step() {
    let (inner, columns) = (33, 257);
    let matrix = Random::new(2).values(inner * columns);
    for (kernel, weights) in on_each(&matrix, columns) {
        let kept = weights.unpack();
        for column in 0..columns {
            let of = |matrix: &[f32]| -> Vec<f32> {
                matrix.iter().skip(column).step_by(columns).copied().collect()
            };
            let largest = of(&matrix).iter().fold(0f32, |largest, value| largest.max(value.abs()));
            assert_close(&kernel, &of(&kept), &of(&matrix), largest / 254.0 * 1.001);
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
            let mut buffer = Buffer::default();
            let how = Prepare { threads: 2, precise: &precise };
            let left = weight.prepare(MatrixView::new(&a, inner), how, &mut buffer);
            let mut out = vec![0.0; rows * columns];
            weight.multiply(&left, Epilogue::OVERWRITE, ColumnsMut::new(&mut out, columns));
            for (i, row) in out.chunks(columns).enumerate() {
                let of_column = |j: usize| -> f32 {
                    (0..inner).map(|k| a[i * inner + k] * kept[k * columns + j]).sum()
                };
                let off = row.iter().enumerate().map(|(j, found)| (found - of_column(j)).abs());
                let off = off.fold(0.0, f32::max);
                let eight_bits = 6e-2 * 255.0 / f32::from(weight.highest().min(255));
                let is_precise = matches!(weight.weights, Weights::I16(..)) || precise.contains(&i);
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
            let QuantParams { scale, zero_point } =
                quantize::quantize(&row, highest, <i16 as Integer>::truncate, &mut out);
            for (value, integer) in row.iter().zip(&out) {
                assert!((0..=highest.cast_signed()).contains(integer));
                let back = (f32::from(*integer) - zero_point) * scale;
                assert!((back - value).abs() <= 0.51 * scale, "{value} became {back}");
            }
            assert_eq!(f32::from(out[row.len() - 1]), zero_point);
        }
    }
}
