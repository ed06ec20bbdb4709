//! Filling a module from a checkpoint.
//!
//! Burn visits each parameter with its path; the path is the tensor's name. All values are checked
//! then; they are read when a parameter is first used, so that whoever lays them out otherwise never
//! holds a tower twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use clip_checkpoint::{Checkpoint, Tower};
use clip_projection::Logits;

use crate::{Error, Result, config};

/// Fills every parameter of `module` with the tensor of its path, and checks that the module took
/// every tensor that the checkpoint holds for that half.
///
/// # Errors
///
/// Where a tensor is missing, misshapen, not finite or left over; the module is then lost.
pub fn fill<M: Module>(
    module: M,
    checkpoint: &Checkpoint,
    tower: Tower,
    device: &Device,
) -> Result<M> {
    let mut filler = Filler {
        checkpoint: Arc::new(checkpoint.clone()),
        device,
        path: Vec::new(),
        unused: checkpoint.tower(tower).map(|spec| spec.name).collect(),
        error: None,
    };
    let module = module.map(&mut filler);
    match filler {
        Filler { error: Some(error), .. } => Err(error),
        Filler { unused, .. } if !unused.is_empty() => {
            Err(Error::Unused { names: unused.into_iter().collect() })
        }
        _ => Ok(module),
    }
}

/// What a checkpoint makes of cosines.
///
/// # Errors
///
/// Where a number is not finite.
pub fn logits(checkpoint: &Checkpoint, device: &Device) -> Result<Logits> {
    let read = |name| {
        let values = checkpoint.read(name)?;
        Ok::<_, Error>(Param::from_data(TensorData::new(values, [1]), device))
    };
    let mut logits = config::logits(&checkpoint.card().config).init(device);
    logits.log_scale = read("logit_scale")?;
    if logits.bias.is_some() {
        logits.bias = Some(read("logit_bias")?);
    }
    Ok(logits)
}

struct Filler<'a> {
    checkpoint: Arc<Checkpoint>,
    device: &'a Device,
    path: Vec<String>,
    unused: BTreeSet<String>,
    error: Option<Error>,
}

impl Filler<'_> {
    /// The name of the tensor for the parameter at hand, which has that shape and finite values.
    fn check(&mut self, shape: &[usize]) -> Result<String> {
        let name = self.path.join(".");
        self.checkpoint.check(&name)?;
        self.unused.remove(&name);
        match self.checkpoint.stored(&name) {
            Some(stored) if stored.shape != shape => {
                let (expected, found) = (shape.to_vec(), stored.shape.to_vec());
                Err(Error::Shape { name, expected, found })
            }
            _ => Ok(name),
        }
    }
}

impl ModuleMapper for Filler<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let shape = param.lazy_shape();
        let name = match self.check(&shape) {
            Ok(name) => name,
            Err(error) => {
                self.error = Some(error);
                return param;
            }
        };
        let (checkpoint, sizes) = (Arc::clone(&self.checkpoint), shape.clone());
        let read = move |device: &Device, gradient| {
            let values = checkpoint.read(&name).expect("values that were checked");
            Tensor::from_data(TensorData::new(values, sizes), device).set_require_grad(gradient)
        };
        // Asked for only where it is there: asking draws a fresh one.
        let gradient = !param.is_initialized() || param.is_require_grad();
        Param::uninitialized(param.id, read, self.device.clone(), gradient, shape)
    }
}
