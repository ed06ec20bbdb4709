//! Archives as `torch.save` writes them, or nearly so.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

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

/// A pickle under construction: the operations of Python's `pickletools`.
#[derive(Clone)]
pub(crate) struct Pickle(Vec<u8>);

impl Pickle {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
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

    /// `data/0` as a tensor: of `count` values, as the pickle claims.
    pub(crate) fn tensor(self, class: &str, count: i64, view: View) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"((")
            .text("storage")
            .global("torch", class)
            .text("0")
            .text("cpu")
            .int(count)
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
        Self::new().raw(b"}").text(NAME).tensor(class, count, view).raw(b"s")
    }

    /// The archive with `data/0` of so many zeros.
    pub(crate) fn archive(&self, zeros: usize) -> Vec<u8> {
        let mut pickle = self.0.clone();
        pickle.push(b'.');
        archive(&[("model/data.pkl", &pickle), ("model/data/0", &vec![0; zeros])])
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
