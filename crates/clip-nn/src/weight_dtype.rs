//! In which numbers packed weights are kept.

/// In which numbers packed weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightDtype {
    /// 32 bits.
    F32,
    /// 16 bits: half the memory, and the same results where weights were so before; the arithmetic
    /// is f32.
    F16,
    /// Integers of 8 bits with a scale for each column, and dynamic quantization of the activations
    /// as in ONNX Runtime
    /// (<https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html>): each row
    /// gets a scale and a zero point, and 8 bits where the processor has VNNI (the row that
    /// [`crate::PackedTransformer::forward_token`] leads to gets 12), 12 bits elsewhere on x86-64. A
    /// quarter of the memory and faster; the other two are exact.
    Int8,
}
