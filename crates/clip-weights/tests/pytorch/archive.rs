//! Archives as `torch.save` writes them, or nearly so.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::common::Tensor;

/// The entries of an archive, in order.
pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in entries {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The same archive with another text in its pickle.
pub(crate) fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut entries = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let (name, mut contents) = (entry.name().unwrap().into_owned(), Vec::new());
        entry.read_to_end(&mut contents).unwrap();
        if name.ends_with("/data.pkl") {
            let at = contents.windows(from.len()).position(|text| text == from.as_bytes());
            let at = at.unwrap_or_else(|| panic!("the pickle holds no {from}"));
            contents.splice(at..at + from.len(), to.bytes());
        }
        entries.push((name, contents));
    }
    let entries: Vec<_> = entries.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    archive(&entries)
}

/// A pickle under construction: the operations of Python's `pickletools`.
#[derive(Clone)]
pub(crate) struct Pickle(Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    /// Without the protocol, to be put into another.
    pub(crate) fn operations(self) -> Vec<u8> {
        self.0[2..].to_vec()
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    pub(crate) fn int(self, number: i64) -> Self {
        self.raw(&[0x8a, 8]).raw(&number.to_le_bytes())
    }

    pub(crate) fn tuple(self, numbers: &[i64]) -> Self {
        numbers.iter().fold(self.raw(b"("), |pickle, number| pickle.int(*number)).raw(b"t")
    }

    /// A view of the storage in `data/{key}`, which has `count` values, as the pickle claims.
    pub(crate) fn tensor(self, class: &str, key: usize, count: i64, view: View) -> Self {
        self.tensor_of(class, key, count, view, b"")
    }

    /// As [`Self::tensor`], with more behind the count.
    fn tensor_of(self, class: &str, key: usize, count: i64, view: View, more: &[u8]) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"((")
            .text("storage")
            .global("torch", class)
            .text(&key.to_string())
            .text("cpu")
            .int(count)
            .raw(more)
            .raw(b"tQ")
            .int(view.offset)
            .tuple(view.shape)
            .tuple(view.strides)
            .raw(&[0x89])
            .global("collections", "OrderedDict")
            .raw(b")RtR")
    }

    /// The whole: a dictionary of one tensor under OpenAI's first name.
    pub(crate) fn state_dict(class: &str, count: i64, view: View) -> Self {
        Self::new().raw(b"}").text(NAME).tensor(class, 0, count, view).raw(b"s")
    }

    /// The archive with `data/0` of so many zeros.
    pub(crate) fn archive(&self, zeros: usize) -> Vec<u8> {
        let mut pickle = self.0.clone();
        pickle.push(b'.');
        archive(&[("model/data.pkl", &pickle), ("model/data/0", &vec![0; zeros])])
    }
}

/// The archive of a whole state dict in f32.
pub(crate) fn state_dict(tensors: &BTreeMap<String, Tensor>) -> Vec<u8> {
    let storages = Storages::of(tensors);
    storages.archive(storages.dict(Pickle::new(), ""))
}

/// The values of tensors in f32, each in an entry of its own.
pub(crate) struct Storages<'a>(&'a BTreeMap<String, Tensor>);

impl<'a> Storages<'a> {
    pub(crate) fn of(tensors: &'a BTreeMap<String, Tensor>) -> Self {
        Self(tensors)
    }

    /// A dictionary of the tensors, whose names begin with `prefix`.
    pub(crate) fn dict(&self, pickle: Pickle, prefix: &str) -> Pickle {
        self.dict_of(pickle, prefix, b"")
    }

    fn dict_of(&self, pickle: Pickle, prefix: &str, more: &[u8]) -> Pickle {
        let tensors = self.0.iter().enumerate();
        tensors.fold(pickle.raw(b"}"), |pickle, (key, (name, (shape, values)))| {
            let shape: Vec<_> = shape.iter().map(|length| *length as i64).collect();
            let strides: Vec<_> =
                (1..=shape.len()).map(|axis| shape[axis..].iter().product()).collect();
            let view = View::new(&shape, &strides);
            let pickle = pickle.text(&format!("{prefix}{name}"));
            pickle.tensor_of("FloatStorage", key, values.len() as i64, view, more).raw(b"s")
        })
    }

    /// The file as PyTorch wrote it before 1.6: the last storage comes first.
    pub(crate) fn legacy(&self) -> Vec<u8> {
        let mut bytes = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec();
        bytes.extend(Pickle::new().int(1001).raw(b".").0);
        bytes.extend(Pickle::new().raw(b"}.").0);
        bytes.extend(self.dict_of(Pickle::new(), "", b"N").raw(b".").0);
        let keys = (0..self.0.len()).rev().map(|key| key.to_string());
        bytes.extend(keys.fold(Pickle::new().raw(b"]("), |list, key| list.text(&key)).raw(b"e.").0);
        for (_, values) in self.0.values().rev() {
            bytes.extend((values.len() as u64).to_le_bytes());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }

    /// The archive of what the pickle made.
    pub(crate) fn archive(&self, pickle: Pickle) -> Vec<u8> {
        let pickle = pickle.raw(b".");
        let bytes = |(_, values): &Tensor| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let storages: Vec<(String, Vec<u8>)> = (0..)
            .zip(self.0.values())
            .map(|(key, tensor): (usize, _)| (format!("model/data/{key}"), bytes(tensor)))
            .collect();
        let storages = storages.iter().map(|(name, bytes)| (&**name, &**bytes));
        archive(&[("model/data.pkl", &*pickle.0)].into_iter().chain(storages).collect::<Vec<_>>())
    }
}

/// The tensor by which OpenAI's layout is known.
pub(crate) const NAME: &str = "visual.conv1.weight";

/// Which values of a storage a tensor has.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) offset: i64,
    pub(crate) shape: &'a [i64],
    pub(crate) strides: &'a [i64],
}

impl<'a> View<'a> {
    pub(crate) fn new(shape: &'a [i64], strides: &'a [i64]) -> Self {
        Self { offset: 0, shape, strides }
    }
}
