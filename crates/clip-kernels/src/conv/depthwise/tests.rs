use clip_testkit::{Random, assert_close, rerun_tests};

use super::*;
use crate::{Isa, MAX_CPU_ISA};

/// The convolution as loops over a map `[height, width, channels]`.
fn by_loops(
    map: &[f32],
    [height, width, channels]: [usize; 3],
    weights: &[f32],
    bias: &[f32],
    [size, stride]: [usize; 2],
    padding: Padding,
) -> Vec<f32> {
    let [(above, _), (before, _)] =
        [height, width].map(|length| padding.around(length, size, stride));
    let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
    let mut out = Vec::new();
    for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
        for c in 0..channels {
            let mut sum = f64::from(bias[c]);
            for (i, j) in (0..size).flat_map(|i| (0..size).map(move |j| (i, j))) {
                let row = (y * stride + i).checked_sub(above).filter(|row| *row < height);
                let column = (x * stride + j).checked_sub(before).filter(|x| *x < width);
                if let (Some(row), Some(column)) = (row, column) {
                    sum += f64::from(map[(row * width + column) * channels + c])
                        * f64::from(weights[(c * size + i) * size + j]);
                }
            }
            out.push(sum.clamp(0.0, 6.0) as f32);
        }
    }
    out
}

/// For kernels, strides and paddings that are used, for channels that fill registers and that do not,
/// for maps smaller than a kernel, whole and in parts.
#[test]
fn convolutions_are_those_of_loops() {
    for (size, stride) in [(3, 1), (3, 2), (5, 1), (5, 2), (7, 2)] {
        for padding in [Padding::Same, Padding::Symmetric] {
            for shape @ [height, width, channels] in
                [[1, 1, 3], [2, 3, 16], [7, 6, 19], [12, 13, 32], [9, 24, 40]]
            {
                let mut random = Random::new(size as u64);
                let map = random.values(shape.iter().product());
                let map: Vec<f32> = map.into_iter().map(|x| 4.0 * x).collect();
                let weights = random.values(channels * size * size);
                let bias = random.values(channels);
                let sizes = [size, stride];
                let expected = by_loops(&map, shape, &weights, &bias, sizes, padding);
                let layer = Depthwise::new(&weights, bias, sizes, padding, Activation::Relu6);
                let rows = layer.output(height);
                let length = layer.output(width) * channels;
                for step in [1, 2, rows] {
                    let mut out = vec![f32::NAN; expected.len()];
                    for (i, out) in out.chunks_mut(step * length).enumerate() {
                        let part = i * step..i * step + out.len() / length;
                        // Nothing but what is needed is there.
                        let needed = layer.inputs(part.clone(), height);
                        let line = width * channels;
                        let values = &map[needed.start * line..needed.end * line];
                        let map = MapRows {
                            values,
                            first: needed.start,
                            height,
                            width,
                            activation: None,
                        };
                        layer.forward(map, part, out);
                    }
                    let what = format!("{size}/{stride} {padding:?} {shape:?}");
                    assert_close(&what, &out, &expected, 2e-5);
                }
            }
        }
    }
}

/// An activation of the map comes before the zeros around it, and an output in `bf16` is that in `f32`
/// rounded.
#[test]
fn maps_are_activated_and_outputs_rounded() {
    for (size, channels) in [([3, 1], 40), ([5, 2], 67), ([7, 1], 16)] {
        let mut random = Random::new(2);
        let [height, width] = [5, 13];
        let values = random.values(height * width * channels);
        let values: Vec<f32> = values.into_iter().map(|x| 9.0 * x).collect();
        let weights = random.values(channels * size[0] * size[0]);
        let layer =
            Depthwise::new(&weights, vec![0.5; channels], size, Padding::Same, Activation::Relu6);
        let rows = layer.output(height);
        let forward = |values: &[f32], activation| {
            let mut out = vec![f32::NAN; rows * layer.output(width) * channels];
            let map = MapRows { values, first: 0, height, width, activation };
            layer.forward(map, 0..rows, &mut out);
            out
        };
        let clamped: Vec<f32> = values.iter().map(|x| x.clamp(0.0, 6.0)).collect();
        let found = forward(&values, Some(Activation::Relu6));
        assert_eq!(found, forward(&clamped, None), "{size:?}");
        assert_ne!(found, forward(&values, None), "{size:?}");
        let mut rounded = vec![bf16::ZERO; found.len()];
        let map = MapRows { values: &clamped, first: 0, height, width, activation: None };
        layer.write(map, 0..rows, &mut rounded);
        let expected: Vec<bf16> = found.into_iter().map(bf16::from_f32).collect();
        assert_eq!(rounded, expected, "{size:?}");
    }
}

/// The other tests again, with the loops of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    let names = Isa::enabled().map(Isa::name);
    rerun_tests("every_instruction_set", MAX_CPU_ISA, names);
}

#[test]
#[should_panic(expected = "rows 2..5 of 3..6")]
fn rows_that_are_not_there_are_refused() {
    let layer = Depthwise::new(&[0.0; 9], vec![0.0], [3, 1], Padding::Same, Activation::Relu6);
    let map = MapRows { values: &[0.0; 6], first: 3, height: 6, width: 2, activation: None };
    layer.forward(map, 3..4, &mut [0.0; 2]);
}
