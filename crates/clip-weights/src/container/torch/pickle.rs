//! The machine of Python's pickles, as far as PyTorch's need it: a stack of values, marks on the
//! stack, and a memo of values that come again. What each operation does is written down in
//! <https://github.com/python/cpython/blob/main/Lib/pickletools.py>.
//!
//! Each operation adds at most one value, so that a pickle's size bounds the memory and the time.

use std::collections::HashMap;
use std::rc::Rc;

use super::Fault;
use super::value::{Global, Heap, Id, Storage, Value};

/// Walks through a pickle; returns all values and which of them is the whole.
pub(super) fn load(bytes: &[u8]) -> Result<(Heap, Id), Fault> {
    load_first(bytes).map(|(heap, root, _)| (heap, root))
}

/// As [`load`], of bytes that begin with a pickle; returns what follows it too.
pub(super) fn load_first(bytes: &[u8]) -> Result<(Heap, Id, &[u8]), Fault> {
    let mut machine = Machine {
        bytes,
        heap: Heap::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let operation = machine.byte()?;
        if operation == b'.' {
            let root = machine.pop()?;
            return Ok((machine.heap, root, machine.bytes));
        }
        machine.step(operation)?;
    }
}

struct Machine<'a> {
    /// What comes next.
    bytes: &'a [u8],
    heap: Heap,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
}

impl Machine<'_> {
    fn step(&mut self, operation: u8) -> Result<(), Fault> {
        match operation {
            // PROTO, FRAME
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,

            // MARK, POP, POP_MARK
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),

            // NONE, NEWTRUE, NEWFALSE, BINFLOAT
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'G' => {
                self.skip(8)?;
                self.push(Value::Other);
            }
            // BININT1, BININT2, BININT, LONG1, LONG4
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(number.into()));
            }
            0x8a => self.push_long(1)?,
            0x8b => self.push_long(4)?,

            // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
            b'X' => self.push_text(4)?,
            0x8c => self.push_text(1)?,
            0x8d => self.push_text(8)?,
            // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8; and Python 2's SHORT_BINSTRING, BINSTRING
            b'C' | b'U' => self.push_bytes(1)?,
            b'B' | b'T' => self.push_bytes(4)?,
            0x8e | 0x96 => self.push_bytes(8)?,

            // EMPTY_TUPLE, TUPLE1 to TUPLE3, TUPLE
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85 => self.push_tuple(1)?,
            0x86 => self.push_tuple(2)?,
            0x87 => self.push_tuple(3)?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            // EMPTY_LIST, EMPTY_SET, FROZENSET; APPEND, APPENDS, ADDITEMS
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.extend(items)?;
            }
            // EMPTY_DICT; SETITEM, SETITEMS
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }

            // BINPUT, LONG_BINPUT, MEMOIZE; BINGET, LONG_BINGET
            b'q' => self.put(1)?,
            b'r' => self.put(4)?,
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len(), top);
            }
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,

            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Global::find(&module, &name)?);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.heap.text(module), self.heap.text(name))
                else {
                    return Fault::damaged("its pickle names something by no text");
                };
                let global = Global::find(module, name)?;
                self.push(global);
            }
            // REDUCE; NEWOBJ, NEWOBJ_EX; BUILD, BINPERSID
            b'R' => self.reduce()?,
            0x81 => self.new_object()?,
            0x92 => {
                // The arguments by name.
                self.pop()?;
                self.new_object()?;
            }
            b'b' => self.build()?,
            b'Q' => {
                let id = self.pop()?;
                let storage = Storage::from_id(&self.heap, id)?;
                self.push(storage);
            }
            _ => {
                return Fault::unread(format!(
                    "its pickle uses the operation {} (0x{operation:02x})",
                    operation.escape_ascii()
                ));
            }
        }
        Ok(())
    }

    fn reduce(&mut self) -> Result<(), Fault> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let result = match self.heap.get(function) {
            Value::Global(function) => function.clone().call(&mut self.heap, arguments)?,
            Value::Foreign { name, .. } => {
                let name = Rc::clone(name);
                self.heap.add(Value::Foreign { name, state: None })
            }
            _ => return Fault::damaged("its pickle calls what is no function"),
        };
        self.stack.push(result);
        Ok(())
    }

    /// An object as `object.__new__` makes it; modules take no arguments.
    fn new_object(&mut self) -> Result<(), Fault> {
        let (_, class) = (self.pop()?, self.pop()?);
        let object = match self.heap.get(class) {
            Value::Global(Global::Class(class)) => {
                Value::Object { class: Rc::clone(class), state: None }
            }
            Value::Foreign { name, .. } => Value::Foreign { name: Rc::clone(name), state: None },
            _ => return Fault::damaged("its pickle makes an object of what is no class"),
        };
        self.push(object);
        Ok(())
    }

    /// Attributes of an object. Those of a dictionary, a state dict's `_metadata`, say nothing here.
    fn build(&mut self) -> Result<(), Fault> {
        let attributes = self.pop()?;
        let top = self.top()?;
        match self.heap.get_mut(top) {
            Value::Object { state, .. } | Value::Foreign { state, .. } => *state = Some(attributes),
            Value::Dict(_) => {}
            _ => return Fault::damaged("its pickle gives attributes to what has none"),
        }
        Ok(())
    }

    fn push(&mut self, value: Value) {
        let id = self.heap.add(value);
        self.stack.push(id);
    }

    fn push_int(&mut self, bytes: usize) -> Result<(), Fault> {
        let number = self.size(bytes)?;
        self.push(Value::Int(number as i64));
        Ok(())
    }

    /// A whole number of any length; one that no size can be is as good as none.
    fn push_long(&mut self, length_bytes: usize) -> Result<(), Fault> {
        let length = self.size(length_bytes)?;
        let bytes = self.take(length)?;
        let fill = bytes.last().map_or(0, |last| if last & 0x80 == 0 { 0 } else { 0xff });
        let mut number = [fill; 8];
        let value = if let Some(low) = number.get_mut(..bytes.len()) {
            low.copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(number))
        } else {
            Value::Other
        };
        self.push(value);
        Ok(())
    }

    fn push_text(&mut self, length_bytes: usize) -> Result<(), Fault> {
        let length = self.size(length_bytes)?;
        let text = text(self.take(length)?)?.into();
        self.push(Value::Text(text));
        Ok(())
    }

    fn push_bytes(&mut self, length_bytes: usize) -> Result<(), Fault> {
        let length = self.size(length_bytes)?;
        self.skip(length)?;
        self.push(Value::Other);
        Ok(())
    }

    fn push_tuple(&mut self, length: usize) -> Result<(), Fault> {
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn extend(&mut self, mut items: Vec<Id>) -> Result<(), Fault> {
        let top = self.top()?;
        match self.heap.get_mut(top) {
            Value::List(list) => list.append(&mut items),
            // A class that extends a list.
            Value::Foreign { .. } => {}
            _ => return Fault::damaged("its pickle appends to what is no list"),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<(), Fault> {
        let top = self.top()?;
        match (self.heap.get_mut(top), items.as_chunks::<2>()) {
            (Value::Dict(dict), (pairs, [])) => {
                dict.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            // A class that extends a dictionary.
            (Value::Foreign { .. }, (_, [])) => {}
            _ => return Fault::damaged("its pickle sets an item of what is no dictionary"),
        }
        Ok(())
    }

    fn put(&mut self, bytes: usize) -> Result<(), Fault> {
        let (number, top) = (self.size(bytes)?, self.top()?);
        self.memo.insert(number, top);
        Ok(())
    }

    fn get(&mut self, bytes: usize) -> Result<(), Fault> {
        let number = self.size(bytes)?;
        let Some(id) = self.memo.get(&number) else {
            return Fault::damaged("its pickle repeats what was never there");
        };
        self.stack.push(*id);
        Ok(())
    }

    fn top(&self) -> Result<Id, Fault> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(top) if self.stack.len() > floor => Ok(*top),
            _ => Fault::damaged("its pickle takes a value that is not there"),
        }
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Fault::damaged("its pickle goes back to a mark that is not there"),
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Fault> {
        let Some((taken, rest)) = self.bytes.split_at_checked(count) else {
            return Fault::damaged("its pickle breaks off");
        };
        self.bytes = rest;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Result<(), Fault> {
        self.take(count).map(drop)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A length or another whole number from 0, in so many little-endian bytes.
    fn size(&mut self, bytes: usize) -> Result<usize, Fault> {
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(self.take(bytes)?);
        let number = u64::from_le_bytes(number);
        usize::try_from(number).or_else(|_| Fault::damaged("its pickle breaks off"))
    }

    /// What comes before the end of the line.
    fn line(&mut self) -> Result<String, Fault> {
        let Some(length) = self.bytes.iter().position(|byte| *byte == b'\n') else {
            return Fault::damaged("its pickle breaks off");
        };
        let line = text(self.take(length)?)?.to_owned();
        self.skip(1)?;
        Ok(line)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).or_else(|_| Fault::damaged("its pickle holds a text that is none"))
}
