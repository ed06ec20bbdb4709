//! In which numbers matrices are kept for serving.

/// In which numbers [`crate::Transformer::prepack`] keeps the matrices of its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// 32 bits.
    F32,
    /// 16 bits: half the memory, and the same results where weights were so before; the arithmetic
    /// is f32.
    F16,
    /// Whole numbers of 8 bits with one scale a column; rows are rounded to such on their way in,
    /// with one scale and one zero each (the row that [`crate::Transformer::forward_token`] leads to, to
    /// 12 bits), and the products are of whole numbers. A quarter of the
    /// memory and faster, where the other two are exact (dynamic quantization, as that of ONNX
    /// Runtime, <https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html>).
    Int8,
}
