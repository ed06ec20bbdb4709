//! Inverted residual blocks with packed weights, forward only.
//!
//! A block widens its map some times, and the wide map of a large image is larger than the cache. So a
//! block computes some rows of its output after the other, and keeps of the wide map what those need.

use std::cell::Cell;
use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use super::depthwise::Rounded;
use super::{Depthwise, MapRows};
use crate::gemm::{
    Accumulate, Buffer, Epilogue, Output, PackedGemm, Prepare, WeightDtype, select, sized,
};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops::{self, Activation};

/// Values of a wide map that are kept at once: they stay in the second-level cache beside the weights.
const WIDE: usize = 1 << 16;

/// Values of the wide maps of several images that go through a block together: the weights of its
/// products, which are many where maps are small, are read once for all of them.
const MANY: usize = 2 * WIDE;

/// A 1×1 convolution with packed weights.
#[derive(Debug)]
pub struct Pointwise {
    weights: Box<dyn PackedGemm>,
    bias: Vec<f32>,
}

/// An inverted residual block with packed weights.
#[derive(Debug)]
pub struct PackedInvertedResidual {
    expand: Option<Pointwise>,
    depthwise: Depthwise,
    project: Pointwise,
    activation: Activation,
}

/// Room for what stands between the steps of a pass.
#[derive(Default)]
struct Scratch {
    wide: Vec<f32>,
    mixed: Mixed,
    buffer: Buffer,
}

/// Room for what the depthwise convolution makes, in the numbers that the projection multiplies.
#[derive(Default)]
struct Mixed {
    f32: Vec<f32>,
    bf16: Vec<bf16>,
}

thread_local! {
    /// Kept from pass to pass: fresh memory is zeroed, and far from the cores.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Pointwise {
    /// Packs a matrix `[inputs, outputs]` and one value of the bias for each output.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn new(matrix: &[f32], bias: Vec<f32>, dtype: WeightDtype) -> Self {
        Self { weights: select(dtype).pack(MatrixView::new(matrix, bias.len())), bias }
    }

    pub(super) fn inputs(&self) -> usize {
        self.weights.rows()
    }

    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn multiply<O: Output>(
        &self,
        x: &[O],
        epilogue: Epilogue<'_>,
        out: &mut [f32],
        buffer: &mut Buffer,
    ) {
        let rows = MatrixView::new(x, self.inputs());
        let activations = O::prepare(&*self.weights, rows, Prepare::default(), buffer);
        let out = ColumnsMut::new(out, self.outputs());
        self.weights.multiply(&activations, epilogue, out);
    }

    /// The convolution of every position, and what follows it.
    pub(super) fn forward<O: Output>(
        &self,
        x: &[O],
        activation: Option<Activation>,
        out: &mut [f32],
        buffer: &mut Buffer,
    ) {
        let epilogue = Epilogue { accumulate: Accumulate::Bias(&self.bias), activation };
        self.multiply(x, epilogue, out, buffer);
    }
}

impl PackedInvertedResidual {
    /// A block of layers that fit each other.
    ///
    /// # Panics
    ///
    /// Where they do not.
    pub fn new(
        expand: Option<Pointwise>,
        depthwise: Depthwise,
        project: Pointwise,
        activation: Activation,
    ) -> Self {
        let wide = expand.as_ref().map_or(depthwise.channels(), Pointwise::outputs);
        assert_eq!([wide, project.inputs()], [depthwise.channels(); 2], "layers of a block");
        Self { expand, depthwise, project, activation }
    }

    pub(super) fn inputs(&self) -> usize {
        self.expand.as_ref().map_or(self.depthwise.channels(), Pointwise::inputs)
    }

    pub(super) fn outputs(&self) -> usize {
        self.project.outputs()
    }

    pub(super) fn output_size(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|length| self.depthwise.output(length))
    }

    /// Whether what comes in is added to what comes out.
    fn has_skip(&self) -> bool {
        self.inputs() == self.outputs() && self.depthwise.stride() == 1
    }

    /// Maps of whole images, `[images, height, width, channels]`.
    pub(super) fn forward(
        &self,
        x: &[f32],
        size @ [height, width]: [usize; 2],
        threads: usize,
        y: &mut [f32],
    ) {
        let [rows, columns] = self.output_size(size);
        let (input, output) = (height * width * self.inputs(), rows * columns * self.outputs());
        let wide = height * width * self.depthwise.channels();
        if threads == 1 && wide <= MANY {
            let images = MANY / wide;
            let groups = x.chunks(images * input).zip(y.chunks_mut(images * output));
            return groups.for_each(|(x, y)| self.run_whole(x, size, y));
        }
        // Neighbors compute rows of the wide map twice.
        let share = rows.div_ceil(threads).max(2);
        for (x, y) in x.chunks(input).zip(y.chunks_mut(output)) {
            let parts = y.par_chunks_mut(share * columns * self.outputs()).enumerate();
            parts.for_each(|(i, y)| {
                let part = i * share..rows.min((i + 1) * share);
                self.run_rows(x, size, part, y);
            });
        }
    }

    /// Small maps of some images, each in one piece.
    fn run_whole(&self, x: &[f32], size @ [height, width]: [usize; 2], y: &mut [f32]) {
        let mut scratch = SCRATCH.take();
        let Scratch { wide, mixed, buffer } = &mut scratch;
        let channels = self.depthwise.channels();
        let [rows, _] = self.output_size(size);
        let wide: &[f32] = match &self.expand {
            Some(expand) => {
                let wide = sized(wide, x.len() / self.inputs() * channels);
                expand.forward(x, None, wide, buffer);
                wide
            }
            None => x,
        };
        let maps = wide.chunks_exact(height * width * channels);
        let maps = maps.map(|values| self.map_rows(values, 0, size));
        self.leave(maps, 0..rows, self.has_skip().then_some(x), y, (mixed, buffer));
        SCRATCH.set(scratch);
    }

    /// Some rows of the output of one image.
    fn run_rows(
        &self,
        x: &[f32],
        size @ [height, width]: [usize; 2],
        part: Range<usize>,
        y: &mut [f32],
    ) {
        let mut scratch = SCRATCH.take();
        let Scratch { wide, mixed, buffer } = &mut scratch;
        let channels = self.depthwise.channels();
        let (line, of_x) = (width * channels, width * self.inputs());
        let [_, columns] = self.output_size(size);
        let step = self.step(height, line);
        // The rows of the wide map that are there.
        let mut kept = 0..0;
        for first in part.clone().step_by(step) {
            let rows = first..part.end.min(first + step);
            let needed = self.depthwise.inputs(rows.clone(), height);
            let values: &[f32] = match &self.expand {
                None => &x[needed.start * of_x..needed.end * of_x],
                Some(expand) => {
                    let wide = sized(wide, needed.len().max(kept.len()) * line);
                    let old = needed.start..kept.end.max(needed.start);
                    if !old.is_empty() {
                        let at = (old.start - kept.start) * line;
                        wide.copy_within(at..at + old.len() * line, 0);
                    }
                    let new = old.end..needed.end;
                    let x = &x[new.start * of_x..new.end * of_x];
                    let wide_rows = &mut wide[old.len() * line..needed.len() * line];
                    // The last rows of a map may be made of what is there.
                    if !new.is_empty() {
                        expand.forward(x, None, wide_rows, buffer);
                    }
                    kept = needed.clone();
                    wide
                }
            };
            let of_y = columns * self.outputs();
            let of_part = first - part.start..rows.end - part.start;
            let y = &mut y[of_part.start * of_y..of_part.end * of_y];
            let skip = self.has_skip().then(|| &x[rows.start * of_x..rows.end * of_x]);
            let map = self.map_rows(values, needed.start, size);
            self.leave([map].into_iter(), rows, skip, y, (mixed, buffer));
        }
        SCRATCH.set(scratch);
    }

    /// Rows of the output that are computed at once.
    fn step(&self, height: usize, line: usize) -> usize {
        let fits = |rows: &usize| self.depthwise.span(*rows) * line <= WIDE;
        (1..=self.depthwise.output(height)).rev().find(fits).unwrap_or(1)
    }

    /// Rows of a wide map. The depthwise convolution applies the activation to them, of which each comes
    /// into its registers once.
    fn map_rows<'a>(
        &self,
        values: &'a [f32],
        first: usize,
        [height, width]: [usize; 2],
    ) -> MapRows<'a> {
        let activation = self.expand.is_some().then_some(self.activation);
        MapRows { values, first, height, width, activation }
    }

    /// From wide maps to rows of the output: the depthwise convolution, the projection, and what goes
    /// around the block.
    fn leave<'a>(
        &self,
        maps: impl ExactSizeIterator<Item = MapRows<'a>>,
        rows: Range<usize>,
        skip: Option<&[f32]>,
        y: &mut [f32],
        (mixed, buffer): (&mut Mixed, &mut Buffer),
    ) {
        match self.project.weights.takes_bf16() {
            true => self.mix(maps, rows, skip, y, (&mut mixed.bf16, buffer)),
            false => self.mix(maps, rows, skip, y, (&mut mixed.f32, buffer)),
        }
    }

    /// As [`Self::leave`], in the numbers that the projection multiplies.
    fn mix<'a, O: Rounded>(
        &self,
        maps: impl ExactSizeIterator<Item = MapRows<'a>>,
        rows: Range<usize>,
        skip: Option<&[f32]>,
        y: &mut [f32],
        (room, buffer): (&mut Vec<O>, &mut Buffer),
    ) {
        let mixed = sized(room, y.len() / self.outputs() * self.depthwise.channels());
        let outputs = mixed.chunks_exact_mut(mixed.len() / maps.len());
        for (map, out) in maps.zip(outputs) {
            self.depthwise.write(map, rows.clone(), out);
        }
        match skip {
            None => self.project.forward(mixed, None, y, buffer),
            Some(x) => {
                ops::add_rows(x, &self.project.bias, y);
                self.project.multiply(mixed, Epilogue::ADD, y, buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close};

    use super::*;
    use crate::conv::Padding;

    fn pointwise(
        random: &mut Random,
        [inputs, outputs]: [usize; 2],
        dtype: WeightDtype,
    ) -> Pointwise {
        let matrix = random.values(inputs * outputs);
        Pointwise::new(&matrix, random.values(outputs), dtype)
    }

    /// A block computes the same in one piece, some rows after the other, and on several cores.
    #[test]
    fn rows_are_those_of_the_whole() {
        for dtype in [WeightDtype::F32, WeightDtype::Int8] {
            check_rows(dtype, [41, 64]);
            check_rows(dtype, [56, 56]);
        }
    }

    fn check_rows(dtype: WeightDtype, map @ [height, width]: [usize; 2]) {
        for (sizes @ [size, stride], expands) in
            [([3, 1], true), ([3, 2], true), ([5, 1], true), ([5, 2], true), ([3, 1], false)]
        {
            let mut random = Random::new(size as u64);
            let (inputs, wide) = (if expands { 8 } else { 96 }, 96);
            let outputs = if stride == 1 { inputs } else { 12 };
            let weights = random.values(wide * size * size);
            let depthwise = Depthwise::new(
                &weights,
                random.values(wide),
                sizes,
                Padding::Same,
                Activation::Relu6,
            );
            let block = PackedInvertedResidual::new(
                expands.then(|| pointwise(&mut random, [inputs, wide], dtype)),
                depthwise,
                pointwise(&mut random, [wide, outputs], dtype),
                Activation::Relu6,
            );
            assert!(height * width * wide > MANY, "a map that does not go in one piece");
            let [rows, columns] = block.output_size(map);
            let x = random.values(2 * height * width * inputs);
            let mut expected = vec![0.0; 2 * rows * columns * outputs];
            block.run_whole(&x, map, &mut expected);
            for threads in [1, 2, 5] {
                let mut found = vec![f32::NAN; expected.len()];
                block.forward(&x, map, threads, &mut found);
                assert_close(&format!("{sizes:?} {threads}"), &found, &expected, 1e-4);
            }
        }
    }

    #[test]
    #[should_panic(expected = "layers of a block")]
    fn layers_that_do_not_fit_are_refused() {
        let mut random = Random::new(1);
        let depthwise =
            Depthwise::new(&[0.0; 18], vec![0.0; 2], [3, 1], Padding::Same, Activation::Relu6);
        let project = pointwise(&mut random, [3, 1], WeightDtype::F32);
        PackedInvertedResidual::new(None, depthwise, project, Activation::Relu6);
    }
}
