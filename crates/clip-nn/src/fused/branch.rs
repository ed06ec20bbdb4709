//! A residual branch and its gradients, a few sequences at a time.
//!
//! Both branches of a block are `x + out(mix(in(norm(x))))`. A few sequences at a time go through
//! all of it, so that what stands between the steps stays in the cache of a core, and each core
//! works on sequences of its own: no step waits for another core. The products run on one thread.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::mix::{Mix, Squares};
use super::product::{Into, Matrix, Products, Right};
use super::simd;
use crate::Precision;

/// Rows that go through a branch together: enough for full products, few enough for the cache.
const ROWS: usize = 256;

/// The parameters of a branch, row-major.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// `[W]`.
    pub(super) gamma: &'a [f32],
    /// `[W]`.
    pub(super) beta: &'a [f32],
    /// `[W, hidden]`.
    pub(super) in_weight: &'a [f32],
    /// `[hidden]`.
    pub(super) in_bias: &'a [f32],
    /// `[mixed, W]`.
    pub(super) out_weight: &'a [f32],
    /// `[W]`.
    pub(super) out_bias: &'a [f32],
}

/// What a branch does, apart from its parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch {
    pub(crate) mix: Mix,
    pub(crate) epsilon: f32,
    pub(crate) precision: Precision,
}

/// What a forward pass leaves behind.
pub(super) struct Output {
    /// `[B, L, W]`.
    pub(super) y: Vec<f32>,
    /// What the first projection wrote, `[B, L, hidden]`; empty where it was not kept.
    pub(super) hidden: Vec<f32>,
}

/// Whether a forward pass leaves its hidden values to the backward pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Hidden,
    Nothing,
}

/// Gradients of a branch in the order of its inputs.
pub(super) struct Gradients {
    pub(super) x: Vec<f32>,
    pub(super) weights: Option<WeightGradients>,
}

/// Gradients of [`Weights`].
pub(super) struct WeightGradients {
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
    pub(super) in_weight: Vec<f32>,
    pub(super) in_bias: Vec<f32>,
    pub(super) out_weight: Vec<f32>,
    pub(super) out_bias: Vec<f32>,
}

/// Which gradients somebody asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// The parameters are frozen.
    Input,
}

/// How sequences are shared out.
struct Shares {
    length: usize,
    /// Sequences that one share holds; the last may hold fewer.
    share: usize,
    /// Rows of one pass.
    rows: usize,
}

impl Shares {
    /// Two shares a core, so that one that falls behind leaves work for others. The number of
    /// cores decides in which order gradients are added up: equal machines, equal sums.
    fn new(batch: usize, length: usize) -> Self {
        let shares = 2 * rayon::current_num_threads();
        let pass = ROWS.div_ceil(length);
        Self { length, share: batch.div_ceil(shares).max(1), rows: pass * length }
    }

    /// Values of one share, where a row has `width`.
    fn values(&self, width: usize) -> usize {
        self.share * self.length * width
    }
}

impl Branch {
    /// # Panics
    ///
    /// Where the slices do not fit each other.
    pub(super) fn forward(
        self,
        x: &[f32],
        length: usize,
        weights: Weights<'_>,
        keep: Keep,
    ) -> Output {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        let shares = Shares::new(x.len() / (length * width), length);
        let kept_values = match keep {
            Keep::Hidden => x.len() / width * row,
            Keep::Nothing => 0,
        };
        let mut y = Vec::with_capacity(x.len());
        let mut hidden = Vec::with_capacity(kept_values);
        let in_weight = Right::new(self.precision, Matrix::new(weights.in_weight, row));
        let out_weight = Right::new(self.precision, Matrix::new(weights.out_weight, width));
        let pass = |x: &[f32], y: &mut [MaybeUninit<f32>], kept: Option<&mut [_]>| {
            let mut scratch = Scratch::new(self.precision);
            let mut kept = kept;
            for (i, (x, y)) in
                x.chunks(shares.rows * width).zip(y.chunks_mut(shares.rows * width)).enumerate()
            {
                let rows = x.len() / width;
                let range = i * shares.rows * row..(i * shares.rows + rows) * row;
                let Scratch { products, normal, hidden, mixed, squares, .. } = &mut scratch;
                let hidden = match &mut kept {
                    Some(kept) => zeroed(&mut kept[range]),
                    None => sized(hidden, rows * row),
                };
                let normal = sized(normal, rows * width);
                self.enter(x, weights, &in_weight, products, normal, hidden);
                let mixed = sized(mixed, rows * self.mix.mixed_width(row));
                self.mix.forward(hidden, [length, row], mixed, squares);
                let y = zeroed(y);
                simd::add_rows(x, weights.out_bias, y);
                let mixed = Matrix::new(mixed, self.mix.mixed_width(row));
                products.multiply_by(mixed, &out_weight, Into::Add, y, width);
            }
        };
        let xs = x.par_chunks(shares.values(width));
        let ys = y.spare_capacity_mut()[..x.len()].par_chunks_mut(shares.values(width));
        let kept = &mut hidden.spare_capacity_mut()[..kept_values];
        match keep {
            Keep::Hidden => xs
                .zip(ys)
                .zip(kept.par_chunks_mut(shares.values(row)))
                .for_each(|((x, y), hidden)| pass(x, y, Some(hidden))),
            Keep::Nothing => xs.zip(ys).for_each(|(x, y)| pass(x, y, None)),
        }
        #[expect(unsafe_code, reason = "buffers that are not zeroed on one core first")]
        // SAFETY: the shares cover the rows of `x`, and a pass writes all its rows of both.
        unsafe {
            y.set_len(x.len());
            hidden.set_len(kept_values);
        }
        Output { y, hidden }
    }

    /// The gradients, from that of the output. Hidden values that were not kept are computed again.
    ///
    /// # Panics
    ///
    /// Where the slices do not fit each other.
    pub(super) fn backward(
        self,
        x: &[f32],
        hidden: &[f32],
        dy: &[f32],
        length: usize,
        weights: Weights<'_>,
        wanted: Wanted,
    ) -> Gradients {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        let shares = Shares::new(x.len() / (length * width), length);
        // The residual path: the output's gradient is also the input's.
        let mut dx = dy.to_vec();
        let in_weight = Matrix::new(weights.in_weight, row);
        let out_weight = Matrix::new(weights.out_weight, width);
        let sides = Sides {
            enter: hidden.is_empty().then(|| Right::new(self.precision, in_weight)),
            in_turned: Right::new(self.precision, in_weight.transposed()),
            out_turned: Right::new(self.precision, out_weight.transposed()),
        };
        let share = |i: usize, (x, dy, dx): (&[f32], &[f32], &mut [f32])| {
            let mut total = (wanted == Wanted::All).then(|| WeightGradients::zeros(weights));
            let mut scratch = Scratch::new(self.precision);
            let start = i * shares.values(row);
            let size = shares.rows * width;
            for (i, ((x, dy), dx)) in
                x.chunks(size).zip(dy.chunks(size)).zip(dx.chunks_mut(size)).enumerate()
            {
                let start = start + i * shares.rows * row;
                let kept = hidden.get(start..start + x.len() / width * row).unwrap_or_default();
                self.backward_pass(
                    (x, kept, dy),
                    length,
                    (weights, &sides),
                    dx,
                    total.as_mut(),
                    &mut scratch,
                );
            }
            total
        };
        let size = shares.values(width);
        let totals: Vec<_> = x
            .par_chunks(size)
            .zip(dy.par_chunks(size))
            .zip(dx.par_chunks_mut(size))
            .enumerate()
            .map(|(i, ((x, dy), dx))| share(i, (x, dy, dx)))
            .collect();
        let weights = totals.into_iter().flatten().reduce(WeightGradients::plus);
        Gradients { x: dx, weights }
    }

    fn backward_pass(
        self,
        (x, kept, dy): (&[f32], &[f32], &[f32]),
        length: usize,
        (weights, sides): (Weights<'_>, &Sides<'_>),
        dx: &mut [f32],
        total: Option<&mut WeightGradients>,
        scratch: &mut Scratch,
    ) {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        let rows = x.len() / width;
        let mixed_width = self.mix.mixed_width(row);
        let Scratch { products, normal, hidden, mixed, dhidden, dmixed, dnormal, squares } =
            scratch;
        let normal = sized(normal, rows * width);
        let hidden = match &sides.enter {
            Some(in_weight) => {
                let hidden = sized(hidden, rows * row);
                self.enter(x, weights, in_weight, products, normal, hidden);
                hidden
            }
            None => {
                simd::layer_norm(x, weights.gamma, weights.beta, self.epsilon, normal);
                kept
            }
        };
        let dmixed = sized(dmixed, rows * mixed_width);
        let dy_rows = Matrix::new(dy, width);
        products.multiply_by(dy_rows, &sides.out_turned, Into::Replace, dmixed, mixed_width);
        let dhidden = sized(dhidden, rows * row);
        self.mix.backward(hidden, [length, row], dmixed, dhidden, squares);

        let dhidden_rows = Matrix::new(dhidden, row);
        let dnormal = sized(dnormal, rows * width);
        products.multiply_by(dhidden_rows, &sides.in_turned, Into::Replace, dnormal, width);
        match total {
            Some(total) => {
                let mixed = sized(mixed, rows * mixed_width);
                self.mix.forward(hidden, [length, row], mixed, squares);
                let mixed = Matrix::new(mixed, mixed_width).transposed();
                products.add(mixed, dy_rows, &mut total.out_weight, width);
                simd::sum_rows(dy, &mut total.out_bias);
                let normal = Matrix::new(normal, width).transposed();
                products.add(normal, dhidden_rows, &mut total.in_weight, row);
                simd::sum_rows(dhidden, &mut total.in_bias);
                let norm = [&mut *total.gamma, &mut *total.beta];
                simd::layer_norm_backward(x, weights.gamma, self.epsilon, dnormal, dx, norm);
            }
            None => {
                let mut lost = vec![0.0; 2 * width];
                let (gamma, beta) = lost.split_at_mut(width);
                let norm = [gamma, beta];
                simd::layer_norm_backward(x, weights.gamma, self.epsilon, dnormal, dx, norm);
            }
        }
    }

    /// The normalized rows and what the first projection makes of them.
    fn enter(
        self,
        x: &[f32],
        weights: Weights<'_>,
        in_weight: &Right<'_>,
        products: &mut Products,
        normal: &mut [f32],
        hidden: &mut [f32],
    ) {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        simd::layer_norm(x, weights.gamma, weights.beta, self.epsilon, normal);
        simd::fill_rows(hidden, weights.in_bias);
        products.multiply_by(Matrix::new(normal, width), in_weight, Into::Add, hidden, row);
    }
}

/// The weights as right sides of products, readied once for all shares.
struct Sides<'a> {
    /// The first projection, where the hidden values were not kept.
    enter: Option<Right<'a>>,
    in_turned: Right<'a>,
    out_turned: Right<'a>,
}

/// Buffers of one share, used again for each of its passes.
struct Scratch {
    products: Products,
    normal: Vec<f32>,
    hidden: Vec<f32>,
    mixed: Vec<f32>,
    dhidden: Vec<f32>,
    dmixed: Vec<f32>,
    dnormal: Vec<f32>,
    squares: Squares,
}

impl Scratch {
    fn new(precision: Precision) -> Self {
        Self {
            products: Products::new(precision),
            normal: Vec::new(),
            hidden: Vec::new(),
            mixed: Vec::new(),
            dhidden: Vec::new(),
            dmixed: Vec::new(),
            dnormal: Vec::new(),
            squares: Squares::default(),
        }
    }
}

/// Zeros in fresh memory, on the core that will fill it, a moment before.
fn zeroed(values: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    values.fill(MaybeUninit::new(0.0));
    #[expect(unsafe_code, reason = "every value was written")]
    // SAFETY: the line above.
    unsafe {
        values.assume_init_mut()
    }
}

fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

impl WeightGradients {
    fn zeros(weights: Weights<'_>) -> Self {
        let like = |values: &[f32]| vec![0.0; values.len()];
        Self {
            gamma: like(weights.gamma),
            beta: like(weights.beta),
            in_weight: like(weights.in_weight),
            in_bias: like(weights.in_bias),
            out_weight: like(weights.out_weight),
            out_bias: like(weights.out_bias),
        }
    }

    fn plus(mut self, other: Self) -> Self {
        simd::sum_rows(&other.gamma, &mut self.gamma);
        simd::sum_rows(&other.beta, &mut self.beta);
        simd::sum_rows(&other.in_weight, &mut self.in_weight);
        simd::sum_rows(&other.in_bias, &mut self.in_bias);
        simd::sum_rows(&other.out_weight, &mut self.out_weight);
        simd::sum_rows(&other.out_bias, &mut self.out_bias);
        self
    }
}
