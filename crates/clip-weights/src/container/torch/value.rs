//! What a pickle builds. Values lie on a heap and name each other by their place there: a pickle may
//! share them, and even hold a list that contains itself.

use std::collections::BTreeSet;
use std::rc::Rc;

use safetensors::Dtype;

/// A value's place on the [`Heap`].
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) enum Value {
    Int(i64),
    Text(Rc<str>),
    Tuple(Vec<Id>),
    /// A list or a set.
    List(Vec<Id>),
    /// A dictionary in the order of its keys.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// An object of a class that is not looked into, and its attributes.
    Object {
        class: Rc<str>,
        state: Option<Id>,
    },
    /// A name of Python's that is not listed, what a call of it would give, or an object of it: the
    /// name, and the attributes where it is an object. Nothing is called.
    Foreign {
        name: Rc<str>,
        state: Option<Id>,
    },
    Storage(Storage),
    Tensor(Box<Tensor>),
    /// A value that describes no tensor: `None`, a truth value, a floating-point number, bytes.
    Other,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Global {
    /// A function that describes a tensor (`torch._utils._rebuild_tensor_v2`).
    RebuildTensor,
    /// A function that gives its first argument back, as far as weights are concerned.
    First,
    /// The constructor of an ordered dictionary.
    Dict,
    /// The class of a storage.
    Storage(Dtype),
    /// The class of a module.
    Class(Rc<str>),
}

/// A row of values in an entry of its own.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) dtype: Dtype,
    /// Name of the entry below `data/`.
    pub(super) key: Rc<str>,
    /// Number of values.
    pub(super) count: usize,
}

/// A view of a storage.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) storage: Storage,
    /// Number of the first value.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(super) struct Heap(Vec<Value>);

impl Heap {
    pub(super) fn add(&mut self, value: Value) -> Id {
        self.0.push(value);
        self.0.len() - 1
    }

    pub(super) fn get(&self, id: Id) -> &Value {
        &self.0[id]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.0[id]
    }

    /// Every storage that is mentioned.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.0.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// The names of Python's that are not listed.
    pub(super) fn foreign(&self) -> BTreeSet<String> {
        let name = |value: &Value| match value {
            Value::Foreign { name, .. } => Some(name.to_string()),
            _ => None,
        };
        self.0.iter().filter_map(name).collect()
    }

    pub(super) fn is_foreign(&self, id: Id) -> bool {
        matches!(self.get(id), Value::Foreign { .. })
    }

    pub(super) fn text(&self, id: Id) -> Option<&Rc<str>> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number from 0.
    pub(super) fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key that is a text.
    pub(super) fn item(&self, dict: &[(Id, Id)], key: &str) -> Option<Id> {
        dict.iter()
            .find(|(name, _)| self.text(*name).is_some_and(|name| **name == *key))
            .map(|(_, value)| *value)
    }
}
