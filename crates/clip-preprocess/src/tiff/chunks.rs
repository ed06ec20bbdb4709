//! Where the strips or tiles lie, in the picture and in the file (TIFF 6.0, sections 3 and 15).

use std::io::ErrorKind;

use image::{ImageError, ImageResult};

use super::damaged;
use super::directory::Directory;

/// The rectangles that a picture is stored in. A strip is as wide as the picture.
pub(super) struct Chunks {
    /// Of each but the last ones.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) across: u32,
    pub(super) down: u32,
    /// More than one where each channel is stored for itself: then all rectangles of the first come
    /// first.
    pub(super) planes: usize,
    /// Tiles at the edge of the picture are as large as the others.
    are_tiles: bool,
    offsets: Vec<u64>,
    /// How many bytes each has; not all writers say so.
    lengths: Vec<u64>,
}

/// One rectangle of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) x: u32,
    pub(super) y: u32,
    /// Rows that are stored.
    pub(super) rows: u32,
    /// Columns and rows within the picture.
    pub(super) visible: (u32, u32),
    index: usize,
}

impl Chunks {
    pub(super) fn new(
        fields: &Directory<'_>,
        (width, height): (u32, u32),
        planes: Option<usize>,
    ) -> ImageResult<Self> {
        let are_tiles = fields.integers(322)?.is_some();
        let (size, offsets, lengths) = if are_tiles {
            let size = (fields.required(322, "TileWidth")?, fields.required(323, "TileLength")?);
            // Some writers take the fields of strips.
            let field = |tile: u16, strip: u16| match fields.integers(tile)? {
                Some(values) => Ok(Some(values)),
                None => fields.integers(strip),
            };
            (size, field(324, 273)?, field(325, 279)?)
        } else {
            let rows = fields.integer(278, u64::from(height))?.min(u64::from(height)) as u32;
            ((width, rows), fields.integers(273)?, fields.integers(279)?)
        };
        let (wide, high) = size;
        let planes = planes.unwrap_or(1);
        let is_empty = width == 0 || height == 0;
        if !is_empty && (wide == 0 || high == 0) {
            return Err(damaged("its strips or tiles have no rows or columns"));
        }
        let (across, down) = (width.div_ceil(wide.max(1)), height.div_ceil(high.max(1)));
        let offsets = offsets.ok_or_else(|| damaged("it does not say where its pixels are"))?;
        let lengths = lengths.unwrap_or_default();
        Ok(Self { width: wide, height: high, across, down, planes, are_tiles, offsets, lengths })
    }

    /// The whole picture as one, for a method that knows where its pixels are.
    pub(super) fn one((width, height): (u32, u32)) -> Self {
        let (offsets, lengths) = (vec![0], Vec::new());
        let (across, down, planes, are_tiles) = (1, 1, 1, false);
        Self { width, height, across, down, planes, are_tiles, offsets, lengths }
    }

    /// Row by row, and for each the place in a picture of that size.
    pub(super) fn iter(&self, size: (u32, u32)) -> impl Iterator<Item = Chunk> {
        let (width, height) = size;
        (0..self.down).flat_map(move |j| {
            (0..self.across).map(move |i| {
                let (x, y) = (i * self.width, j * self.height);
                let visible = (self.width.min(width - x), self.height.min(height - y));
                let rows = if self.are_tiles { self.height } else { visible.1 };
                let index = j as usize * self.across as usize + i as usize;
                Chunk { x, y, rows, visible, index }
            })
        })
    }

    /// The bytes of a rectangle in a plane, as many of the `expected` as the file has. `expected` is
    /// None where they are compressed.
    pub(super) fn bytes<'a>(
        &self,
        file: &'a [u8],
        chunk: &Chunk,
        plane: usize,
        expected: Option<usize>,
    ) -> ImageResult<&'a [u8]> {
        let index = self.index(chunk, plane);
        let offset = self.offsets.get(index);
        let offset =
            offset.ok_or_else(|| damaged(format!("it has only {index} strips or tiles")))?;
        let from = usize::try_from(*offset).ok().and_then(|offset| file.get(offset..));
        let from = from.filter(|from| !from.is_empty());
        let from = from.ok_or(ImageError::IoError(ErrorKind::UnexpectedEof.into()))?;
        // Where pixels are not compressed their number says more than the field.
        let length = self.length(index).and_then(|length| usize::try_from(length).ok());
        let length = expected.or(length);
        Ok(&from[..length.unwrap_or(from.len()).min(from.len())])
    }

    fn index(&self, chunk: &Chunk, plane: usize) -> usize {
        chunk.index + plane * self.across as usize * self.down as usize
    }

    fn length(&self, index: usize) -> Option<u64> {
        self.lengths.get(index).copied().filter(|length| *length > 0)
    }

    /// Whether the file ends before the rectangle does.
    pub(super) fn is_cut_off(&self, file: &[u8], chunk: &Chunk, plane: usize) -> bool {
        let index = self.index(chunk, plane);
        let end = self.length(index).zip(self.offsets.get(index));
        end.is_some_and(|(length, offset)| offset.saturating_add(length) > file.len() as u64)
    }
}
