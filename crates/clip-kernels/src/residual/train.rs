//! A residual branch over parameters as they are, and its gradients.
//!
//! A few sequences at a time go through
//! all of it, so that what stands between the steps stays in the cache of a core, and each core
//! works on sequences of its own: no step waits for another core. The product run on one thread.

use std::cell::Cell;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::Sublayer;
use crate::attention;
use crate::gemm::{Accumulate, Epilogue, PackedGemm, Product, WeightDtype, select, sized};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops;

/// Rows that go through a branch together: enough for full product, few enough for the cache.
const ROWS: usize = 256;

/// The parameters of a branch, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// `[W]`.
    pub gamma: &'a [f32],
    /// `[W]`.
    pub beta: &'a [f32],
    /// `[W, hidden]`.
    pub in_weight: &'a [f32],
    /// `[hidden]`.
    pub in_bias: &'a [f32],
    /// `[mixed, W]`.
    pub out_weight: &'a [f32],
    /// `[W]`.
    pub out_bias: &'a [f32],
}

/// A residual branch, apart from its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Residual {
    /// What stands between the projections.
    pub sublayer: Sublayer,
    /// Of the layer norm.
    pub epsilon: f32,
    /// What factors of product are rounded to.
    pub dtype: WeightDtype,
}

/// What a forward pass leaves behind.
#[derive(Debug)]
pub struct Output {
    /// `[B, L, W]`.
    pub y: Vec<f32>,
    /// What the first projection wrote, `[B, L, hidden]`; empty where it was not kept.
    pub hidden: Vec<f32>,
}

/// Whether a forward pass leaves its hidden values to the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It does.
    Hidden,
    /// They are computed again.
    Nothing,
}

/// Gradients of a branch in the order of its inputs.
#[derive(Debug)]
pub struct Gradients {
    /// `[B, L, W]`.
    pub x: Vec<f32>,
    /// Where they were asked for.
    pub weights: Option<WeightGradients>,
}

/// Gradients of [`Parameters`].
#[derive(Debug)]
pub struct WeightGradients {
    /// That of [`Parameters::gamma`].
    pub gamma: Vec<f32>,
    /// That of [`Parameters::beta`].
    pub beta: Vec<f32>,
    /// That of [`Parameters::in_weight`].
    pub in_weight: Vec<f32>,
    /// That of [`Parameters::in_bias`].
    pub in_bias: Vec<f32>,
    /// That of [`Parameters::out_weight`].
    pub out_weight: Vec<f32>,
    /// That of [`Parameters::out_bias`].
    pub out_bias: Vec<f32>,
}

/// Which gradients somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Those of the parameters and of the input.
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

impl Residual {
    /// The output, and the hidden values where they are kept.
    ///
    /// # Panics
    ///
    /// Where the slices do not fit each other.
    pub fn forward(self, x: &[f32], length: usize, weights: Parameters<'_>, keep: Keep) -> Output {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        let shares = Shares::new(x.len() / (length * width), length);
        let kept_values = match keep {
            Keep::Hidden => x.len() / width * row,
            Keep::Nothing => 0,
        };
        let mut y = Vec::with_capacity(x.len());
        let mut hidden = Vec::with_capacity(kept_values);
        let kernel = select(self.dtype);
        let in_weight = kernel.pack(MatrixView::new(weights.in_weight, row));
        let out_weight = kernel.pack(MatrixView::new(weights.out_weight, width));
        let pass = |x: &[f32], y: &mut [MaybeUninit<f32>], kept: Option<&mut [_]>| {
            let mut scratch = Scratch::take(self.dtype);
            let mut kept = kept;
            for (i, (x, y)) in
                x.chunks(shares.rows * width).zip(y.chunks_mut(shares.rows * width)).enumerate()
            {
                let rows = x.len() / width;
                let range = i * shares.rows * row..(i * shares.rows + rows) * row;
                let Scratch { product, normal, hidden, mixed, attention, .. } = &mut scratch;
                let hidden = match &mut kept {
                    Some(kept) => zeroed(&mut kept[range]),
                    None => sized(hidden, rows * row),
                };
                let normal = sized(normal, rows * width);
                self.enter(x, weights, &*in_weight, product, normal, hidden);
                let mixed = sized(mixed, rows * self.sublayer.output_width(row));
                self.sublayer.forward(hidden, [length, row], mixed, attention);
                let y = zeroed(y);
                ops::add_rows(x, weights.out_bias, y);
                let mixed = MatrixView::new(mixed, self.sublayer.output_width(row));
                let y = ColumnsMut::new(y, width);
                product.multiply_packed(mixed, &*out_weight, Epilogue::ADD, y);
            }
            scratch.keep();
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
    pub fn backward(
        self,
        x: &[f32],
        hidden: &[f32],
        dy: &[f32],
        length: usize,
        weights: Parameters<'_>,
        wanted: Wanted,
    ) -> Gradients {
        assert_eq!(x.len(), dy.len(), "a gradient for every value of the output");
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        let shares = Shares::new(x.len() / (length * width), length);
        let mut dx = Vec::with_capacity(dy.len());
        let in_weight = MatrixView::new(weights.in_weight, row);
        let out_weight = MatrixView::new(weights.out_weight, width);
        let kernel = select(self.dtype);
        let sides = Sides {
            enter: hidden.is_empty().then(|| kernel.pack(in_weight)),
            in_transposed: kernel.pack(in_weight.transposed()),
            out_transposed: kernel.pack(out_weight.transposed()),
        };
        let share = |i: usize, (x, dy, dx): (&[f32], &[f32], &mut [MaybeUninit<f32>])| {
            let mut total = (wanted == Wanted::All).then(|| WeightGradients::zeros(weights));
            let mut scratch = Scratch::take(self.dtype);
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
            scratch.keep();
            total
        };
        let size = shares.values(width);
        let totals: Vec<_> = x
            .par_chunks(size)
            .zip(dy.par_chunks(size))
            .zip(dx.spare_capacity_mut()[..dy.len()].par_chunks_mut(size))
            .enumerate()
            .map(|(i, ((x, dy), dx))| share(i, (x, dy, dx)))
            .collect();
        #[expect(unsafe_code, reason = "a buffer that is not filled on one core first")]
        // SAFETY: the shares cover the rows of `x`, which has as many values, and a pass writes all its
        // rows.
        unsafe {
            dx.set_len(dy.len());
        }
        let weights = totals.into_iter().flatten().reduce(WeightGradients::plus);
        Gradients { x: dx, weights }
    }

    fn backward_pass(
        self,
        (x, kept, dy): (&[f32], &[f32], &[f32]),
        length: usize,
        (weights, sides): (Parameters<'_>, &Sides),
        dx: &mut [MaybeUninit<f32>],
        total: Option<&mut WeightGradients>,
        scratch: &mut Scratch,
    ) {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        let rows = x.len() / width;
        let mixed_width = self.sublayer.output_width(row);
        let Scratch { product, normal, hidden, mixed, dhidden, dmixed, dnormal, attention, .. } =
            scratch;
        let normal = sized(normal, rows * width);
        let hidden = match &sides.enter {
            Some(in_weight) => {
                let hidden = sized(hidden, rows * row);
                self.enter(x, weights, &**in_weight, product, normal, hidden);
                hidden
            }
            None => {
                ops::layer_norm(x, weights.gamma, weights.beta, self.epsilon, normal);
                kept
            }
        };
        let dmixed = sized(dmixed, rows * mixed_width);
        let dy_rows = MatrixView::new(dy, width);
        let out = ColumnsMut::new(dmixed, mixed_width);
        product.multiply_packed(dy_rows, &*sides.out_transposed, Epilogue::OVERWRITE, out);
        let dhidden = sized(dhidden, rows * row);
        let mixed = sized(mixed, rows * mixed_width);
        self.sublayer.backward(hidden, [length, row], dmixed, dhidden, mixed, attention);

        let dhidden_rows = MatrixView::new(dhidden, row);
        let dnormal = sized(dnormal, rows * width);
        let out = ColumnsMut::new(dnormal, width);
        product.multiply_packed(dhidden_rows, &*sides.in_transposed, Epilogue::OVERWRITE, out);
        // The residual path: the output's gradient is also the input's.
        let dx = dx.write_copy_of_slice(dy);
        match total {
            Some(total) => {
                let mixed = MatrixView::new(mixed, mixed_width).transposed();
                let out = ColumnsMut::new(&mut total.out_weight, width);
                product.multiply(mixed, dy_rows, Epilogue::ADD, out);
                ops::sum_rows(dy, &mut total.out_bias);
                let normal = MatrixView::new(normal, width).transposed();
                let out = ColumnsMut::new(&mut total.in_weight, row);
                product.multiply(normal, dhidden_rows, Epilogue::ADD, out);
                ops::sum_rows(dhidden, &mut total.in_bias);
                let norm = [&mut *total.gamma, &mut *total.beta];
                ops::layer_norm_backward(x, weights.gamma, self.epsilon, dnormal, dx, norm);
            }
            None => {
                let mut lost = vec![0.0; 2 * width];
                let (gamma, beta) = lost.split_at_mut(width);
                let norm = [gamma, beta];
                ops::layer_norm_backward(x, weights.gamma, self.epsilon, dnormal, dx, norm);
            }
        }
    }

    /// The normalized rows and what the first projection makes of them.
    fn enter(
        self,
        x: &[f32],
        weights: Parameters<'_>,
        in_weight: &dyn PackedGemm,
        product: &mut Product,
        normal: &mut [f32],
        hidden: &mut [f32],
    ) {
        let (width, row) = (weights.gamma.len(), weights.in_bias.len());
        ops::layer_norm(x, weights.gamma, weights.beta, self.epsilon, normal);
        let accumulate = Accumulate::Bias(weights.in_bias);
        let epilogue = Epilogue { accumulate, activation: None };
        let (normal, hidden) = (MatrixView::new(normal, width), ColumnsMut::new(hidden, row));
        product.multiply_packed(normal, in_weight, epilogue, hidden);
    }
}

/// The weights as right sides of products, packed once for all shares.
struct Sides {
    /// The first projection, where the hidden values were not kept.
    enter: Option<Box<dyn PackedGemm>>,
    in_transposed: Box<dyn PackedGemm>,
    out_transposed: Box<dyn PackedGemm>,
}

/// Buffers of one pass.
struct Scratch {
    dtype: WeightDtype,
    product: Product,
    normal: Vec<f32>,
    hidden: Vec<f32>,
    mixed: Vec<f32>,
    dhidden: Vec<f32>,
    dmixed: Vec<f32>,
    dnormal: Vec<f32>,
    attention: attention::Scratch,
}

thread_local! {
    /// Kept from pass to pass: fresh memory is zeroed, and far from the cores.
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

impl Scratch {
    /// What this thread kept, where it was for the same numbers.
    fn take(dtype: WeightDtype) -> Self {
        let kept = SCRATCH.take().filter(|scratch| scratch.dtype == dtype);
        kept.unwrap_or_else(|| Self {
            dtype,
            product: Product::new(dtype),
            normal: Vec::new(),
            hidden: Vec::new(),
            mixed: Vec::new(),
            dhidden: Vec::new(),
            dmixed: Vec::new(),
            dnormal: Vec::new(),
            attention: attention::Scratch::default(),
        })
    }

    fn keep(self) {
        SCRATCH.set(Some(self));
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

impl WeightGradients {
    fn zeros(weights: Parameters<'_>) -> Self {
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
        add(&other.gamma, &mut self.gamma);
        add(&other.beta, &mut self.beta);
        add(&other.in_weight, &mut self.in_weight);
        add(&other.in_bias, &mut self.in_bias);
        add(&other.out_weight, &mut self.out_weight);
        add(&other.out_bias, &mut self.out_bias);
        self
    }
}

/// Adds values to a total, on all cores.
fn add(values: &[f32], total: &mut [f32]) {
    /// Values that a core adds at a time.
    const SHARE: usize = 1 << 15;
    let shares = total.par_chunks_mut(SHARE).zip(values.par_chunks(SHARE));
    shares.for_each(|(total, values)| ops::sum_rows(values, total));
}
