//! What the tensors are called: as in the model's `state_dict()`, whether that was saved, or the
//! model itself, or its TorchScript.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::Fault;
use super::value::{Heap, Id, Tensor, Value};

/// Where a pickle is larger than any model, it is made to take long.
const MAX_DEPTH: usize = 64;
const MAX_VISITS: usize = 1_000_000;
const MAX_NAME: usize = 1000;
/// Bytes of all names: 5,000 tensors have half a million.
const MAX_NAMES: usize = 1 << 26;

/// Tensors by name, and the classes of the objects around them.
pub(super) struct Named<'a> {
    pub(super) tensors: Vec<(String, &'a Tensor)>,
    /// What only Python could make, and the name that it would call.
    pub(super) foreign: Vec<(String, &'a str)>,
    pub(super) classes: BTreeSet<String>,
}

/// Follows everything from the root on.
pub(super) fn collect(heap: &Heap, root: Id) -> Result<Named<'_>, Fault> {
    let named = Named { tensors: Vec::new(), foreign: Vec::new(), classes: BTreeSet::new() };
    let mut walk = Walk { heap, named, visits: 0, bytes: 0 };
    walk.visit("", root, 0)?;
    let mut names = BTreeSet::new();
    if let Some((twice, _)) = walk.named.tensors.iter().find(|(name, _)| !names.insert(name)) {
        return Fault::damaged(format!("its pickle holds tensor {twice} twice"));
    }
    Ok(walk.named)
}

struct Walk<'a> {
    heap: &'a Heap,
    named: Named<'a>,
    visits: usize,
    /// Length of all names that are kept.
    bytes: usize,
}

impl Walk<'_> {
    fn visit(&mut self, name: &str, id: Id, depth: usize) -> Result<(), Fault> {
        self.count(1)?;
        if depth > MAX_DEPTH {
            return too_large();
        }
        match self.heap.get(id) {
            // A tensor saved alone has no name.
            Value::Tensor(_) if name.is_empty() => {}
            Value::Tensor(tensor) => {
                let name = self.keep(name)?;
                self.named.tensors.push((name, tensor));
            }
            Value::Dict(items) => self.items(name, items, None, depth)?,
            Value::Object { class, state } => {
                self.named.classes.insert(class.to_string());
                if let Some(items) = state.and_then(|state| self.heap.dict(state))
                    && !self.module(name, items, depth)?
                {
                    // In TorchScript all are attributes of the object.
                    self.items(name, items, None, depth)?;
                }
            }
            Value::Foreign { name: class, state } => {
                // A module that somebody wrote around a model; of any other object nothing is known.
                let items = state.and_then(|state| self.heap.dict(state)).unwrap_or_default();
                if !self.module(name, items, depth)? {
                    let name = self.keep(name)?;
                    self.named.foreign.push((name, class));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Follows a module of Python, if these are one's attributes: its tensors and parts are in three
    /// dictionaries, from which `Module.state_dict` takes all but the buffers that say otherwise.
    fn module(&mut self, name: &str, items: &[(Id, Id)], depth: usize) -> Result<bool, Fault> {
        self.count(items.len())?;
        let heap = self.heap;
        let table = |key| heap.item(items, key).and_then(|id| heap.dict(id));
        let (Some(parameters), Some(buffers), Some(modules)) =
            (table("_parameters"), table("_buffers"), table("_modules"))
        else {
            return Ok(false);
        };
        let transient = heap.item(items, "_non_persistent_buffers_set");
        let transient: &[Id] = match transient.map(|id| heap.get(id)) {
            Some(Value::List(names)) => names,
            _ => &[],
        };
        self.count(transient.len())?;
        let transient: HashSet<_> = transient.iter().filter_map(|id| heap.text(*id)).collect();
        self.items(name, parameters, None, depth)?;
        self.items(name, buffers, Some(&transient), depth)?;
        self.items(name, modules, None, depth)?;
        Ok(true)
    }

    fn items(
        &mut self,
        name: &str,
        items: &[(Id, Id)],
        except: Option<&HashSet<&Rc<str>>>,
        depth: usize,
    ) -> Result<(), Fault> {
        for (key, value) in items {
            self.count(1)?;
            match self.heap.text(*key) {
                Some(key) if except.is_some_and(|except| except.contains(key)) => {}
                // Beside the weights a key may be a whole description; no tensor of ours is called so.
                Some(key) if name.len() + key.len() > MAX_NAME => {}
                Some(key) if name.is_empty() => self.visit(key, *value, depth + 1)?,
                Some(key) => self.visit(&format!("{name}.{key}"), *value, depth + 1)?,
                None => {}
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: &str) -> Result<String, Fault> {
        self.bytes += name.len();
        if self.bytes > MAX_NAMES { too_large() } else { Ok(name.to_owned()) }
    }

    fn count(&mut self, visits: usize) -> Result<(), Fault> {
        self.visits += visits;
        if self.visits > MAX_VISITS { too_large() } else { Ok(()) }
    }
}

fn too_large<T>() -> Result<T, Fault> {
    Fault::unread("its objects are nested as in no model")
}
