//! The micro-kernel of every other processor.

use crate::gemm::microkernel::microkernel;

type Sums = [i32; LANES];

const LANES: usize = 8;

/// Two values for each lane.
type Pairs = [[i16; 2]; LANES];

#[inline(always)]
fn multiply_add(sums: Sums, a: Pairs, b: Pairs) -> Sums {
    std::array::from_fn(
        #[inline(always)]
        |i| {
            let product = |j: usize| i32::from(a[i][j]) * i32::from(b[i][j]);
            sums[i] + product(0) + product(1)
        },
    )
}

microkernel! {
    /// Plain Rust.
    SCALAR: Scalar, [i16, [i8; 2]] => i32,
    groups of 2, 8 lanes, rows 1 2 3 4 5 6 up to 6,
    sums |from| from.cast::<Sums>().read(), |to, sums| to.cast::<Sums>().write(sums), [0; LANES],
    broadcast |pair| [pair.cast::<[i16; 2]>().read(); LANES],
    load |weights| weights.cast::<[[i8; 2]; LANES]>().read().map(
        #[inline(always)]
        |pair| pair.map(i16::from),
    ),
    dot |sums, a, b| multiply_add(sums, a, b)
}
