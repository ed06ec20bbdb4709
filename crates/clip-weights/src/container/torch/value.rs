//! What a pickle builds. Values lie on a heap and name each other by their place there: a pickle may
//! share them, and even hold a list that contains itself.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::globals::Global;
use super::tensor::{Storage, Tensor};

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
