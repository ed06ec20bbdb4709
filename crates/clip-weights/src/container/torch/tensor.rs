//! Tensors as a pickle describes them: a storage, and which of its values are meant.

use std::rc::Rc;

use super::Fault;
use super::value::{Global, Heap, Id, Storage, Tensor, Value};
use crate::container::{Place, Stored, Strides};

/// No model has tensors of more axes.
const MAX_AXES: usize = 8;
/// PyTorch counts the storages.
const MAX_KEY: usize = 100;

impl Storage {
    /// From a persistent id, `("storage", class, key, device, count)` (`persistent_id` in
    /// `torch/serialization.py`). Before PyTorch 1.6 a sixth part could make it a view of another.
    /// One of a class that is not listed is [`Value::Foreign`].
    pub(super) fn from_id(heap: &Heap, id: Id) -> Result<Value, Fault> {
        let parts = heap.tuple(id).unwrap_or_default();
        if let [kind, class, key, _, count, view @ ..] = parts
            && matches!(
                view.iter().map(|id| heap.get(*id)).collect::<Vec<_>>()[..],
                [] | [Value::Other]
            )
            && heap.text(*kind).is_some_and(|kind| **kind == *"storage")
            && let (Some(key), Some(count)) = (heap.text(*key), heap.size(*count))
            && key.len() <= MAX_KEY
        {
            match heap.get(*class) {
                Value::Global(Global::Storage(dtype)) => {
                    let (dtype, key) = (*dtype, Rc::clone(key));
                    return Ok(Value::Storage(Self { dtype, key, count }));
                }
                Value::Foreign { name, .. } => {
                    return Ok(Value::Foreign { name: Rc::clone(name), state: None });
                }
                _ => {}
            }
        }
        Fault::damaged("its pickle describes a storage as no PyTorch does")
    }
}

impl Storage {
    /// Bytes of a value.
    pub(super) fn size(&self) -> usize {
        self.dtype.bitsize() / 8
    }
}

impl Tensor {
    /// From the arguments of `_rebuild_tensor_v2`: storage, offset, shape, strides, and what only
    /// training needs.
    pub(super) fn rebuild(heap: &Heap, arguments: &[Id]) -> Result<Self, Fault> {
        let sizes = |id: Id| -> Option<Vec<usize>> {
            heap.tuple(id)?.iter().take(MAX_AXES + 1).map(|item| heap.size(*item)).collect()
        };
        if let [storage, offset, shape, strides, ..] = arguments
            && let Value::Storage(storage) = heap.get(*storage)
            && let (Some(offset), Some(shape)) = (heap.size(*offset), sizes(*shape))
            && let Some(strides) = sizes(*strides)
            && shape.len() == strides.len()
            && shape.len() <= MAX_AXES
        {
            return Ok(Self { storage: storage.clone(), offset, shape, strides });
        }
        Fault::damaged("its pickle describes a tensor as no PyTorch does")
    }

    /// Where the values lie in the file, given where the storage does. Nothing that the pickle
    /// claims is believed before it is compared with the bytes that are there.
    pub(super) fn stored(&self, name: &str, entry: Place) -> Result<Stored, Fault> {
        let Self { storage: Storage { dtype, key, count }, offset, shape, strides } = self;
        let size = dtype.bitsize() / 8;
        if entry.bytes / size < *count {
            return Fault::damaged(format!(
                "its entry data/{key} has {} bytes, too few for {count} values",
                entry.bytes
            ));
        }
        if shape.contains(&0) {
            return Fault::unread(format!("tensor {name} has shape {shape:?}"));
        }
        let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |a, b| a.checked_mul(*b));
        let last = shape.iter().zip(strides).try_fold(*offset, |last, (length, stride)| {
            last.checked_add((length - 1).checked_mul(*stride)?)
        });
        let (Some(elements), Some(last)) = (product(shape), last.filter(|last| last < count))
        else {
            return Fault::damaged(format!(
                "tensor {name} of shape {shape:?} reaches beyond the {count} values of data/{key}"
            ));
        };
        // Values may be used twice (`expand`), but then the file says nothing about the memory.
        if elements > *count {
            return Fault::unread(format!(
                "tensor {name} of shape {shape:?} repeats the {count} values of data/{key}"
            ));
        }
        let bytes = (last + 1 - offset) * size;
        let place = Place {
            start: entry.start + (offset * size) as u64,
            bytes,
            crc32: entry.crc32.filter(|_| bytes == entry.bytes),
        };
        let strides = Strides::new(shape, strides);
        Ok(Stored { dtype: *dtype, shape: shape.clone(), place, strides })
    }
}
