//! The products of ViT-B/32's image tower and nothing else, by the `gemm` crate: what a processor can
//! reach, as a yardstick for whole towers.

use gemm::{Parallelism, gemm};

/// Tokens of a picture, and patches among them.
const TOKENS: usize = 50;
const PATCHES: usize = TOKENS - 1;

const LAYERS: usize = 12;
const WIDTH: usize = 768;

/// Inner length and columns of the products of a block.
const BLOCK: [[usize; 2]; 4] =
    [[WIDTH, 3 * WIDTH], [WIDTH, WIDTH], [WIDTH, 4 * WIDTH], [4 * WIDTH, WIDTH]];

/// The patches' product: 32 × 32 pixels in three colors.
const PATCH: [usize; 2] = [3 * 32 * 32, WIDTH];

/// Matrices of a tower, each of its own, as many numbers as the tower has.
pub struct Products {
    patch: Vec<f32>,
    blocks: Vec<[Vec<f32>; 4]>,
    left: Vec<f32>,
    out: Vec<f32>,
    batch: usize,
}

impl std::fmt::Debug for Products {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Products").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl Products {
    /// Draws them for `batch` pictures.
    pub fn new(batch: usize) -> Self {
        let mut random = crate::random::Random::new(0);
        let mut matrix = |[inner, columns]: [usize; 2]| random.values(inner * columns);
        Self {
            patch: matrix(PATCH),
            blocks: (0..LAYERS).map(|_| BLOCK.map(&mut matrix)).collect(),
            left: matrix([batch * TOKENS, 4 * WIDTH]),
            out: vec![0.0; batch * TOKENS * 4 * WIDTH],
            batch,
        }
    }

    /// Runs them all once, on the threads of rayon.
    pub fn run(&mut self) {
        let Self { patch, blocks, left, out, batch } = self;
        multiply(*batch * PATCHES, PATCH, left, patch, out);
        for block in blocks {
            for (sizes, matrix) in BLOCK.into_iter().zip(block) {
                multiply(*batch * TOKENS, sizes, left, matrix, out);
            }
        }
    }
}

fn multiply(
    rows: usize,
    [inner, columns]: [usize; 2],
    left: &[f32],
    right: &[f32],
    out: &mut [f32],
) {
    assert!(rows * inner <= left.len() && inner * columns <= right.len());
    assert!(rows * columns <= out.len());
    #[expect(unsafe_code, reason = "gemm takes pointers; the matrices were checked to lie inside")]
    // SAFETY: row-major matrices of the lengths checked above; `out` is borrowed alone.
    unsafe {
        gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            columns as isize,
            false,
            left.as_ptr(),
            1,
            inner as isize,
            right.as_ptr(),
            1,
            columns as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}
