//! The zeros around a map.

/// Where the zeros around a map are that a convolution pads it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// As many as are needed, the odd one at the end (TensorFlow's `SAME`).
    Same,
    /// Half a kernel on both sides (PyTorch's `padding=k // 2`).
    Symmetric,
}

impl Padding {
    /// How many zeros come before and after an axis of so many values.
    pub fn around(self, length: usize, size: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Same => {
                let last = length.div_ceil(stride).saturating_sub(1) * stride;
                let total = (last + size).saturating_sub(length);
                (total / 2, total - total / 2)
            }
            Self::Symmetric => (size / 2, size / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of `Conv2dDynamicSamePadding`, which the published EfficientNets use with PyTorch.
    #[test]
    fn same_is_asymmetric_at_stride_2() {
        for (length, size, stride, expected) in [
            (192, 3, 2, (0, 1)),
            (96, 3, 1, (1, 1)),
            (48, 5, 2, (1, 2)),
            (65, 3, 2, (1, 1)),
            (33, 5, 2, (2, 2)),
            (6, 5, 1, (2, 2)),
            (1, 3, 2, (1, 1)),
        ] {
            assert_eq!(Padding::Same.around(length, size, stride), expected);
            assert_eq!(Padding::Symmetric.around(length, size, stride), (size / 2, size / 2));
        }
    }
}
