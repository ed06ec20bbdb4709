//! What stands between the layers of a branch with packed weights: the numbers it is kept in, and the
//! room for it.

use half::bf16;
use rayon::prelude::*;

use super::Cores;
use crate::attention::{self, Attention};
use crate::gemm::{Buffer, Output};
use crate::matrix::ColumnsMut;

/// Room for what stands between the steps of a pass.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) normal: Vec<f32>,
    f32: Rooms<f32>,
    bf16: Rooms<bf16>,
    attention: attention::Scratch,
    attention_bf16: Option<attention::bf16::Scratch>,
    pub(super) buffer: Buffer,
}

/// Room for numbers of one kind.
#[derive(Default)]
pub(super) struct Rooms<T> {
    pub(super) hidden: Vec<T>,
    /// What attention gathers.
    pub(super) mixed: Vec<T>,
}

/// Numbers that hidden values are kept in.
pub(super) trait Kept: Output {
    fn rooms(scratch: &mut Scratch) -> &mut Rooms<Self>;
}

impl Kept for f32 {
    fn rooms(scratch: &mut Scratch) -> &mut Rooms<Self> {
        &mut scratch.f32
    }
}

impl Kept for bf16 {
    fn rooms(scratch: &mut Scratch) -> &mut Rooms<Self> {
        &mut scratch.bf16
    }
}

/// Queries, keys and values of which attention gathers numbers of type `M`.
pub(super) trait Attend<M>: Kept {
    /// Whole sequences of `length` rows, `row` hidden values each.
    fn attend(
        attention: Attention,
        hidden: &[Self],
        sizes: [usize; 2],
        cores: Cores,
        mixed: &mut [M],
        scratch: &mut Scratch,
    );
}

impl Attend<f32> for f32 {
    fn attend(
        attention: Attention,
        hidden: &[f32],
        sizes: [usize; 2],
        cores: Cores,
        mixed: &mut [f32],
        scratch: &mut Scratch,
    ) {
        match cores {
            Cores::One => attention.forward(hidden, sizes, mixed, &mut scratch.attention),
            Cores::All => attention.forward_by_heads(hidden, sizes, mixed),
        }
    }
}

impl<M: Output> Attend<M> for bf16 {
    fn attend(
        attention: Attention,
        hidden: &[bf16],
        sizes @ [_, row]: [usize; 2],
        cores: Cores,
        mixed: &mut [M],
        scratch: &mut Scratch,
    ) {
        let width = row / 3;
        let out = ColumnsMut::new(mixed, width);
        match cores {
            Cores::One => {
                let scratch = scratch.attention_bf16.get_or_insert_default();
                attention.forward_bf16(hidden, sizes, out, scratch);
            }
            Cores::All => {
                let parts = out.split(width / attention.heads, cores.count());
                parts.into_par_iter().for_each(|out| {
                    attention.forward_bf16(hidden, sizes, out, &mut Default::default());
                });
            }
        }
    }
}
