//! The names of Python's that stand for something in weights. Each stands for what it does to
//! descriptions of tensors; none is called. Of any other, the name alone is kept: a training
//! checkpoint mentions many beside the weights, but among the weights it is refused.

use safetensors::Dtype;

use super::Fault;
use super::value::{Global, Heap, Id, Tensor, Value};

/// Packages whose classes are kept as objects with a name and attributes: TorchScript's, PyTorch's
/// own modules, and OpenAI's and OpenCLIP's code.
const CLASSES: [&str; 5] = [
    "__torch__.",
    "torch.nn.modules.",
    "clip.model.",
    "open_clip.model.",
    "open_clip.transformer.",
];

const MAX_NAME: usize = 500;

impl Global {
    /// What a name stands for; a name that is not listed is [`Value::Foreign`].
    pub(super) fn find(module: &str, name: &str) -> Result<Value, Fault> {
        if module.len() + name.len() > MAX_NAME {
            return Fault::unread("its pickle mentions a name of Python's that is too long");
        }
        let path = format!("{module}.{name}");
        Ok(Value::Global(match &*path {
            "torch._utils._rebuild_tensor_v2" => Self::RebuildTensor,
            "torch._utils._rebuild_parameter"
            | "torch._utils._rebuild_parameter_with_state"
            | "builtins.set"
            | "__builtin__.set"
            | "torch.jit._pickle.build_boollist"
            | "torch.jit._pickle.build_doublelist"
            | "torch.jit._pickle.build_intlist"
            | "torch.jit._pickle.build_tensorlist"
            | "torch.jit._pickle.restore_type_tag" => Self::First,
            "collections.OrderedDict" => Self::Dict,
            "torch.DoubleStorage" => Self::Storage(Dtype::F64),
            "torch.FloatStorage" => Self::Storage(Dtype::F32),
            "torch.HalfStorage" => Self::Storage(Dtype::F16),
            "torch.BFloat16Storage" => Self::Storage(Dtype::BF16),
            "torch.LongStorage" => Self::Storage(Dtype::I64),
            "torch.IntStorage" => Self::Storage(Dtype::I32),
            "torch.ShortStorage" => Self::Storage(Dtype::I16),
            "torch.CharStorage" => Self::Storage(Dtype::I8),
            "torch.ByteStorage" => Self::Storage(Dtype::U8),
            "torch.BoolStorage" => Self::Storage(Dtype::BOOL),
            _ if CLASSES.iter().any(|package| path.starts_with(package)) => {
                Self::Class(path.into())
            }
            _ => return Ok(Value::Foreign { name: path.into(), state: None }),
        }))
    }

    /// What the pickle calls the function for.
    pub(super) fn call(&self, heap: &mut Heap, arguments: Id) -> Result<Id, Fault> {
        match (self, heap.tuple(arguments)) {
            // A tensor of a storage that is not read.
            (Self::RebuildTensor, Some([storage, ..])) if heap.is_foreign(*storage) => Ok(*storage),
            (Self::RebuildTensor, Some(arguments)) => {
                let tensor = Tensor::rebuild(heap, arguments)?;
                Ok(heap.add(Value::Tensor(Box::new(tensor))))
            }
            (Self::First, Some([first, ..])) => Ok(*first),
            (Self::Dict, Some([])) => Ok(heap.add(Value::Dict(Vec::new()))),
            _ => Fault::damaged(format!("its pickle calls {self:?} as no PyTorch does")),
        }
    }
}
