//! The parameters of a module by name, flat, off the gradient tape.
//!
//! A name is the path of the parameter in the module, so a state that was saved under names fits a
//! module that was built again.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{GradientCheckpointingStrategy, Gradients, Tensor};

/// Flat tensors by the name of their parameter.
pub type Named = BTreeMap<String, Tensor<1>>;

/// The retained gradients of every parameter that was trained.
pub fn gradients<M: Module>(module: &M, gradients: &mut Gradients) -> Named {
    visit(module, Some(gradients)).into_iter().map(|found| (found.name, found.value)).collect()
}

/// Every parameter of a module, whether it is trained or not.
pub fn values<M: Module>(module: &M) -> Named {
    visit(module, None).into_iter().map(|found| (found.name, found.value)).collect()
}

/// Length of each axis of every parameter.
pub fn shapes<M: Module>(module: &M) -> BTreeMap<String, Vec<usize>> {
    visit(module, None).into_iter().map(|found| (found.name, found.shape)).collect()
}

/// A parameter, or its gradient.
struct Found {
    name: String,
    shape: Vec<usize>,
    value: Tensor<1>,
}

/// The parameters of a module; where there are gradients, those of the parameters that have one.
fn visit<M: Module>(module: &M, gradients: Option<&mut Gradients>) -> Vec<Found> {
    struct Visitor<'a> {
        path: Vec<String>,
        gradients: Option<&'a mut Gradients>,
        found: Vec<Found>,
    }
    impl ModuleVisitor for Visitor<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = match &mut self.gradients {
                Some(gradients) => param.base().grad_remove(gradients),
                None => Some(param.base().without_autodiff()),
            };
            self.found.extend(value.map(|value| Found {
                name: self.path.join("."),
                shape: param.shape().to_vec(),
                value: flat(value),
            }));
        }
    }
    let mut visitor = Visitor { path: Vec::new(), gradients, found: Vec::new() };
    module.visit(&mut visitor);
    visitor.found
}

/// Adds `more` to `total`, name by name.
pub fn add(total: &mut Named, more: Named) {
    for (name, tensor) in more {
        let sum = match total.remove(&name) {
            Some(so_far) => so_far + tensor,
            None => tensor,
        };
        total.insert(name, sum);
    }
}

/// Euclidean length of all tensors together. Reads one number back from the device.
pub fn norm(tensors: &Named) -> f32 {
    let squares = each(tensors.clone(), |tensor| tensor, |tensor| tensor.powi_scalar(2).sum());
    match squares.is_empty() {
        true => 0.0,
        false => Tensor::cat(squares.into_values().collect(), 0).sum().sqrt().into_scalar(),
    }
}

/// Changes each item by itself: several at once where their tensors live on Flex, whose operations
/// on one of them keep one core busy.
pub(crate) fn each<T: Send, R: Send>(
    items: BTreeMap<String, T>,
    tensor: impl Fn(&T) -> &Tensor<1>,
    change: impl Fn(T) -> R + Sync,
) -> BTreeMap<String, R> {
    #[cfg(feature = "flex")]
    if items.values().all(|item| is_on_flex(tensor(item))) {
        use rayon::prelude::*;
        return items.into_par_iter().map(|(name, item)| (name, change(item))).collect();
    }
    let _ = tensor;
    items.into_iter().map(|(name, item)| (name, change(item))).collect()
}

/// Whether it is `f32` on Flex.
#[cfg(feature = "flex")]
pub(crate) fn is_on_flex(tensor: &Tensor<1>) -> bool {
    use burn::backend::Flex;
    tensor.dtype() == burn::tensor::DType::F32
        && tensor.clone().try_into_primitive::<Flex>().is_ok()
}

/// The way a tensor is on the gradient tape: what meets in an operation must share it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tape(GradientCheckpointingStrategy);

impl Tape {
    /// The tape that a tensor is on; nothing where it is on none.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        tensor.gradient_checkpointing_strategy().map(Self)
    }

    /// The tensor as a constant on this tape.
    pub(crate) fn put<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        tensor.autodiff().with_gradient_checkpointing_strategy(self.0)
    }
}

/// The name in the canonical file of the parameter at a path of a [`crate::Learner`].
pub fn canonical(path: &str) -> &str {
    match path.strip_prefix("clip.").unwrap_or(path) {
        "logits.log_scale" => "logit_scale",
        "logits.bias" => "logit_bias",
        path => path.strip_prefix("image.").or_else(|| path.strip_prefix("text.")).unwrap_or(path),
    }
}

/// What an [`update`] is told about a parameter.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its name.
    pub name: &'a str,
    /// Length of each axis.
    pub shape: &'a [usize],
}

/// Replaces the `wanted` parameters: `change` gets each one flat, off the tape, and returns its
/// successor. Whether a parameter is trained stays as it was.
pub fn update<M: Module>(
    module: M,
    wanted: impl Fn(&str) -> bool,
    change: impl FnMut(About<'_>, Tensor<1>) -> Tensor<1>,
) -> M {
    struct Mapper<F, W> {
        path: Vec<String>,
        change: F,
        wanted: W,
    }
    impl<F, W> ModuleMapper for Mapper<F, W>
    where
        F: FnMut(About<'_>, Tensor<1>) -> Tensor<1>,
        W: Fn(&str) -> bool,
    {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.join(".");
            if !(self.wanted)(&name) {
                return param;
            }
            let (id, tensor, mapper) = param.consume();
            let (trained, tape) = (tensor.is_require_grad(), Tape::of(&tensor));
            let shape = tensor.shape();
            // `consume` gave the only handle: the change may write in place.
            let value = flat(tensor.without_autodiff());
            let dims: [usize; D] = shape.dims();
            let about = About { name: &name, shape: &dims };
            let value = (self.change)(about, value).reshape(shape);
            let value = match tape {
                Some(tape) => tape.put(value).set_require_grad(trained),
                None => value,
            };
            Param::from_mapped_value(id, value, mapper)
        }
    }
    module.map(&mut Mapper { path: Vec::new(), change, wanted })
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let elements = tensor.shape().num_elements();
    tensor.reshape([elements])
}

/// The values of a tensor, read back from its device.
pub(crate) fn host(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_to_vec().expect("converted to f32")
}
