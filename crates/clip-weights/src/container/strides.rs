//! Tensors that do not lie row by row: transposed ones, and parts of larger ones.

/// How many values one step along each axis passes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Strides(Vec<usize>);

impl Strides {
    /// `None` for the strides of values that lie row by row without gaps. An axis of length 1 is
    /// never walked along, so its stride does not count.
    pub(crate) fn new(shape: &[usize], strides: &[usize]) -> Option<Self> {
        let mut expected = 1;
        for (length, stride) in shape.iter().zip(strides).rev() {
            if *length != 1 && *stride != expected {
                return Some(Self(strides.to_vec()));
            }
            expected *= length;
        }
        None
    }

    /// The values in row-major order.
    pub(crate) fn gather(&self, shape: &[usize], stored: &[f32]) -> Vec<f32> {
        let mut gathered = Vec::with_capacity(shape.iter().product());
        let mut index = vec![0; shape.len()];
        let mut at = 0;
        loop {
            gathered.push(stored[at]);
            // Counts the index up, the last axis first.
            let Some(axis) = (0..shape.len()).rev().find(|axis| {
                let full = index[*axis] + 1 == shape[*axis];
                if full {
                    at -= index[*axis] * self.0[*axis];
                    index[*axis] = 0;
                }
                !full
            }) else {
                return gathered;
            };
            index[axis] += 1;
            at += self.0[axis];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_gathered_row_by_row() {
        let stored: Vec<_> = (0..24).map(|value| value as f32).collect();
        let gather = |shape: &[usize], strides: &[usize]| {
            Strides::new(shape, strides).unwrap().gather(shape, &stored)
        };
        assert_eq!(gather(&[2, 3], &[1, 2]), [0., 2., 4., 1., 3., 5.]);
        assert_eq!(gather(&[2, 2], &[12, 3]), [0., 3., 12., 15.]);
        assert_eq!(gather(&[2, 2, 2], &[1, 4, 8]), [0., 8., 4., 12., 1., 9., 5., 13.]);
    }

    #[test]
    fn row_major_tensors_need_no_strides() {
        assert_eq!(Strides::new(&[2, 3], &[3, 1]), None);
        assert_eq!(Strides::new(&[2, 1, 3], &[3, 77, 1]), None);
        assert_eq!(Strides::new(&[], &[]), None);
        assert!(Strides::new(&[3], &[2]).is_some());
    }
}
