//! From a table of modules to the foreign tensors behind one canonical tensor.

use clip_checkpoint::TensorSpec;

/// One row of a family's table. `*` stands for the number of a layer.
#[derive(Debug)]
pub(crate) struct Row {
    /// Path of our module or tensor.
    pub(crate) ours: &'static str,
    /// Foreign modules or tensors; several, all alike, are concatenated along their first axis.
    pub(crate) foreign: &'static [&'static str],
    /// What they are.
    pub(crate) kind: Kind,
}

/// A row of a table: our module, the foreign ones, what they are.
pub(crate) const fn row(ours: &'static str, foreign: &'static [&'static str], kind: Kind) -> Row {
    Row { ours, foreign, kind }
}

/// What a row speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One tensor, stored as we store it.
    Tensor,
    /// A layer norm: `gamma` and `beta` are PyTorch's `weight` and `bias`.
    Norm,
    /// A linear layer: PyTorch stores `weight` as `[output, input]`, we as `[input, output]`.
    Linear,
    /// Query, then key and value in one, twice as large: linear layers in timm's attention pooling.
    QueryAndKeyValue,
    /// Query, key and value of `torch.nn.MultiheadAttention` in one: a linear layer whose tensors are
    /// no module's, but parameters called `.._weight` and `.._bias`.
    InProj,
}

/// How to make one canonical tensor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Foreign tensors, in the order in which they are concatenated.
    pub(crate) parts: Vec<Part>,
    /// What happens to the concatenation.
    pub(crate) operation: Operation,
}

/// One foreign tensor of a recipe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its name.
    pub(crate) name: String,
    /// How much of the first axis of all parts together it has, in shares.
    pub(crate) shares: usize,
}

/// What happens to foreign values on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Nothing.
    Copy,
    /// The two axes are exchanged.
    Transpose,
}

/// Values in a cache line.
const LINE: usize = 16;

impl Recipe {
    /// Finds the row for a canonical tensor.
    pub(crate) fn find(tables: &[&[Row]], name: &str) -> Option<Self> {
        let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let layer = name.split('.').find(is_number).unwrap_or_default();
        let pattern: Vec<_> =
            name.split('.').map(|part| if is_number(&part) { "*" } else { part }).collect();
        let pattern = pattern.join(".");
        tables.iter().copied().flatten().find_map(|row| {
            let leaf = pattern.strip_prefix(row.ours)?;
            let (suffix, operation) = match (row.kind, leaf) {
                (Kind::Tensor, "") => ("", Operation::Copy),
                (Kind::Norm, ".gamma") => (".weight", Operation::Copy),
                (Kind::Norm, ".beta") => (".bias", Operation::Copy),
                (Kind::Linear | Kind::QueryAndKeyValue, ".weight") => {
                    (".weight", Operation::Transpose)
                }
                (Kind::Linear | Kind::QueryAndKeyValue, ".bias") => (".bias", Operation::Copy),
                (Kind::InProj, ".weight") => ("_weight", Operation::Transpose),
                (Kind::InProj, ".bias") => ("_bias", Operation::Copy),
                _ => return None,
            };
            let part = |(i, name): (usize, &&str)| Part {
                name: name.replace('*', layer) + suffix,
                shares: if row.kind == Kind::QueryAndKeyValue { i + 1 } else { 1 },
            };
            Some(Self { parts: row.foreign.iter().enumerate().map(part).collect(), operation })
        })
    }

    /// The shape that a part must have.
    pub(crate) fn part_shape(&self, spec: &TensorSpec, part: &Part) -> Vec<usize> {
        let mut shape = spec.shape.clone();
        if self.operation == Operation::Transpose {
            shape.reverse();
        }
        if let Some(first) = shape.first_mut() {
            let shares: usize = self.parts.iter().map(|part| part.shares).sum();
            *first = *first / shares * part.shares;
        }
        shape
    }

    /// Concatenates the parts and applies the operation. `read` gives the values of one part; one
    /// part at a time is in memory beside the result.
    pub(crate) fn build<E>(
        &self,
        spec: &TensorSpec,
        mut read: impl FnMut(&str) -> Result<Vec<f32>, E>,
    ) -> Result<Vec<f32>, E> {
        let transposed = match (self.operation, &spec.shape[..]) {
            (Operation::Transpose, &[inputs, outputs]) => Some((inputs, outputs)),
            _ => None,
        };
        let Some((inputs, outputs)) = transposed else {
            let mut values = read(&self.parts[0].name)?;
            for part in &self.parts[1..] {
                values.append(&mut read(&part.name)?);
            }
            return Ok(values);
        };
        let mut values = vec![0.0; inputs * outputs];
        let mut column = 0;
        for part in &self.parts {
            // As many rows at a time as fill a cache line across: a value alone would move one.
            for rows in read(&part.name)?.chunks(LINE * inputs) {
                let count = rows.len() / inputs;
                for (input, target) in values.chunks_exact_mut(outputs).enumerate() {
                    let column_of_input = rows.iter().skip(input).step_by(inputs);
                    let target = &mut target[column..column + count];
                    target.iter_mut().zip(column_of_input).for_each(|(to, from)| *to = *from);
                }
                column += count;
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use clip_checkpoint::Tower;

    use super::*;

    const TABLE: &[&[Row]] = &[&[
        Row { ours: "scale", foreign: &["their_scale"], kind: Kind::Tensor },
        Row { ours: "blocks.*.ln", foreign: &["layers.*.norm"], kind: Kind::Norm },
        Row { ours: "blocks.*.qk", foreign: &["layers.*.q", "layers.*.k"], kind: Kind::Linear },
        Row { ours: "pool", foreign: &["pool.q", "pool.kv"], kind: Kind::QueryAndKeyValue },
    ]];

    fn build(shape: &[usize], name: &str, parts: &[&[f32]]) -> Vec<f32> {
        let spec =
            TensorSpec { name: name.to_owned(), shape: shape.to_vec(), tower: Tower::Vision };
        let recipe = Recipe::find(TABLE, name).unwrap();
        let mut parts = parts.iter();
        recipe.build(&spec, |_| Ok::<_, ()>(parts.next().unwrap().to_vec())).unwrap()
    }

    #[test]
    fn rows_name_their_tensors() {
        let check = |ours: &str, parts: &[&str], operation| {
            let part = |name: &&str| Part { name: (*name).to_owned(), shares: 1 };
            let parts = parts.iter().map(part).collect();
            assert_eq!(Recipe::find(TABLE, ours), Some(Recipe { parts, operation }), "{ours}");
        };
        check("scale", &["their_scale"], Operation::Copy);
        check("blocks.11.ln.gamma", &["layers.11.norm.weight"], Operation::Copy);
        check("blocks.0.ln.beta", &["layers.0.norm.bias"], Operation::Copy);
        check("blocks.3.qk.weight", &["layers.3.q.weight", "layers.3.k.weight"], {
            Operation::Transpose
        });
        check("blocks.3.qk.bias", &["layers.3.q.bias", "layers.3.k.bias"], Operation::Copy);
        assert_eq!(Recipe::find(TABLE, "blocks.3.ln.weight"), None);
        assert_eq!(Recipe::find(TABLE, "scales"), None);
    }

    #[test]
    fn parts_are_concatenated_then_transposed() {
        // q = [[1 2 3], [4 5 6]], k = [[7 8 9], [10 11 12]]: rows are outputs.
        let (q, k): (&[f32], &[f32]) = (&[1., 2., 3., 4., 5., 6.], &[7., 8., 9., 10., 11., 12.]);
        assert_eq!(
            build(&[3, 4], "blocks.0.qk.weight", &[q, k]),
            [1., 4., 7., 10., 2., 5., 8., 11., 3., 6., 9., 12.]
        );
        assert_eq!(build(&[4], "blocks.0.qk.bias", &[&[1., 2.], &[3., 4.]]), [1., 2., 3., 4.]);
    }

    #[test]
    fn parts_may_be_of_unlike_size() {
        let (name, shape) = ("pool.weight".to_owned(), vec![2, 6]);
        let spec = TensorSpec { name, shape, tower: Tower::Vision };
        let recipe = Recipe::find(TABLE, "pool.weight").unwrap();
        let shapes = recipe.parts.iter().map(|part| recipe.part_shape(&spec, part));
        assert_eq!(shapes.collect::<Vec<_>>(), [[2, 2], [4, 2]]);
        let (q, kv): (&[f32], &[f32]) = (&[1., 2., 3., 4.], &[5., 6., 7., 8., 9., 10., 11., 12.]);
        assert_eq!(
            build(&[2, 6], "pool.weight", &[q, kv]),
            [1., 3., 5., 7., 9., 11., 2., 4., 6., 8., 10., 12.]
        );
    }
}
