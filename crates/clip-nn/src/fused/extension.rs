//! The way into Burn: one operation of ours for Flex, and its gradient.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, Dispatch, DispatchTensorKind, ExtensionType, Flex, backend_extension,
};
use burn::tensor::{Tensor, TensorData};
use clip_kernels::residual::train::{Keep, Parameters, Residual};

/// What a residual branch reads.
#[derive(ExtensionType)]
pub(crate) struct Tensors<B: Backend> {
    /// `[B, L, W]`.
    pub(crate) x: FloatTensor<B>,
    /// `[W]`.
    pub(crate) gamma: FloatTensor<B>,
    /// `[W]`.
    pub(crate) beta: FloatTensor<B>,
    /// `[W, hidden]`.
    pub(crate) in_weight: FloatTensor<B>,
    /// `[hidden]`.
    pub(crate) in_bias: FloatTensor<B>,
    /// `[mixed, W]`.
    pub(crate) out_weight: FloatTensor<B>,
    /// `[W]`.
    pub(crate) out_bias: FloatTensor<B>,
}

#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub(crate) trait ResidualBackend: Backend {
    fn residual(#[extension_type] tensors: Tensors<Self>, residual: Residual) -> FloatTensor<Self>;
}

/// Whether [`residual`] can take the tensor.
pub(super) fn applies(x: &Tensor<3>) -> bool {
    let kind = x.clone().into_dispatch().kind;
    #[cfg(feature = "autodiff")]
    if let DispatchTensorKind::Autodiff(inner) = &kind {
        return matches!(**inner, DispatchTensorKind::Flex(_));
    }
    matches!(kind, DispatchTensorKind::Flex(_))
}

pub(super) fn residual(tensors: Tensors<Dispatch>, residual: Residual) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as ResidualBackend>::residual(tensors, residual))
}

impl ResidualBackend for Flex {
    fn residual(tensors: Tensors<Self>, residual: Residual) -> FlexTensor {
        Inputs::new(tensors, residual).forward(Keep::Nothing).0
    }
}

/// Rows in memory order, and what they go through.
#[derive(Debug, Clone)]
struct Inputs {
    x: FlexTensor,
    weights: [FlexTensor; 6],
    residual: Residual,
}

impl Inputs {
    fn new(tensors: Tensors<Flex>, residual: Residual) -> Self {
        let Tensors { x, gamma, beta, in_weight, in_bias, out_weight, out_bias } = tensors;
        let weights = [gamma, beta, in_weight, in_bias, out_weight, out_bias];
        Self {
            x: x.to_contiguous(),
            weights: weights.map(|weight| weight.to_contiguous()),
            residual,
        }
    }

    fn x(&self) -> &[f32] {
        slice(&self.x)
    }

    fn length(&self) -> usize {
        self.x.layout().shape()[1]
    }

    fn weights(&self) -> Parameters<'_> {
        let [gamma, beta, in_weight, in_bias, out_weight, out_bias] =
            self.weights.each_ref().map(slice);
        Parameters { gamma, beta, in_weight, in_bias, out_weight, out_bias }
    }

    /// The output, and the hidden values that were kept.
    fn forward(&self, keep: Keep) -> (FlexTensor, Vec<f32>) {
        let output = self.residual.forward(self.x(), self.length(), self.weights(), keep);
        (like(&self.x, output.y), output.hidden)
    }
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("contiguous f32")
}

fn like(tensor: &FlexTensor, values: Vec<f32>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, tensor.layout().shape().clone()))
}

#[cfg(feature = "autodiff")]
mod autodiff {
    use std::any::TypeId;
    use std::sync::Arc;

    use burn::backend::Autodiff;
    use burn::backend::autodiff::checkpoint::base::Checkpointer;
    use burn::backend::autodiff::checkpoint::strategy::{
        BalancedCheckpointing, CheckpointStrategy,
    };
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

    use super::*;
    use clip_kernels::residual::train::{Wanted, WeightGradients};

    #[derive(Debug)]
    struct ResidualBackward;

    #[derive(Debug, Clone)]
    struct State {
        inputs: Inputs,
        hidden: Arc<Vec<f32>>,
    }

    impl Backward<Flex, 7> for ResidualBackward {
        type State = State;

        fn backward(
            self,
            ops: Ops<State, 7>,
            grads: &mut Gradients,
            _checkpointer: &mut Checkpointer,
        ) {
            let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
            let State { inputs, hidden } = ops.state;
            let [x, weights @ ..] = ops.parents;
            let wanted = match weights.iter().any(Option::is_some) {
                true => Wanted::All,
                false => Wanted::Input,
            };
            let found = inputs.residual.backward(
                inputs.x(),
                &hidden,
                slice(&dy),
                inputs.length(),
                inputs.weights(),
                wanted,
            );
            if let Some(node) = x {
                grads.register::<Flex>(node.id, like(&inputs.x, found.x));
            }
            let Some(found) = found.weights else { return };
            let WeightGradients { gamma, beta, in_weight, in_bias, out_weight, out_bias } = found;
            let values = [gamma, beta, in_weight, in_bias, out_weight, out_bias];
            for ((node, tensor), values) in weights.into_iter().zip(&inputs.weights).zip(values) {
                if let Some(node) = node {
                    grads.register::<Flex>(node.id, like(tensor, values));
                }
            }
        }
    }

    impl<C: CheckpointStrategy> ResidualBackend for Autodiff<Flex, C> {
        fn residual(tensors: Tensors<Self>, residual: Residual) -> FloatTensor<Self> {
            let Tensors { x, gamma, beta, in_weight, in_bias, out_weight, out_bias } = tensors;
            let nodes = [&x, &gamma, &beta, &in_weight, &in_bias, &out_weight, &out_bias]
                .map(|tensor| tensor.node());
            let inputs = Inputs::new(
                Tensors {
                    x: x.into_primitive(),
                    gamma: gamma.into_primitive(),
                    beta: beta.into_primitive(),
                    in_weight: in_weight.into_primitive(),
                    in_bias: in_bias.into_primitive(),
                    out_weight: out_weight.into_primitive(),
                    out_bias: out_bias.into_primitive(),
                },
                residual,
            );
            match ResidualBackward.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(prep) => {
                    let keep = match TypeId::of::<C>() == TypeId::of::<BalancedCheckpointing>() {
                        true => Keep::Nothing,
                        false => Keep::Hidden,
                    };
                    let (y, hidden) = inputs.forward(keep);
                    prep.finish(State { inputs, hidden: Arc::new(hidden) }, y)
                }
                OpsKind::UnTracked(prep) => prep.finish(inputs.forward(Keep::Nothing).0),
            }
        }
    }
}
