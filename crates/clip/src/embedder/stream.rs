//! Many pictures, decoded while the tower runs.

use std::path::Path;

use clip_preprocess::{ColorManagement, Detail, Picture, ReadOptions};

use super::Embedder;
use crate::pipeline::Pipeline;
use crate::room::Room;
use crate::{Embedding, Result};

/// What decoded pictures may take up together, in bytes: ten photographs of 12 megapixels, or one
/// of 134.
const ROOM: u64 = 384 << 20;

/// An item of [`Embedder::stream`] with its unit vector or what is wrong with it; or why there are
/// no more.
pub type Streamed<I, E> = Result<(I, std::result::Result<Embedding, E>)>;

impl Embedder {
    /// The unit vectors of picture files, in their order. Files are decoded on all cores while the
    /// tower runs; one that cannot be read fails alone.
    ///
    /// # Errors
    ///
    /// As [`Embedder::pictures`]; what is wrong with a single file is in its place in the list.
    pub fn files<P: AsRef<Path> + Sync>(
        &self,
        paths: &[P],
        options: &ReadOptions,
    ) -> Result<Vec<Result<Embedding>>> {
        let read = |path: &&P, room: &Room<'_>| room.read(path.as_ref(), options);
        self.stream(paths, read, |results| results.map(|made| Ok(made?.1)).collect())
    }

    /// The unit vectors of pictures that `read` gets from wherever they are, in the order of
    /// `items`. `read` is called on all cores; what it cannot read fails alone.
    ///
    /// # Errors
    ///
    /// As [`Embedder::pictures`]; what is wrong with a single picture is in its place in the list.
    pub fn pictures_from<I: Sync, P: Into<Picture>, E: Send>(
        &self,
        items: &[I],
        read: impl Fn(&I) -> std::result::Result<P, E> + Sync,
    ) -> Result<Vec<std::result::Result<Embedding, E>>> {
        let read = |item: &&I, _: &Room<'_>| read(item);
        self.stream(items, read, |results| results.map(|made| Ok(made?.1)).collect())
    }

    /// Gives `consume` the unit vectors of pictures while further ones are read and encoded.
    ///
    /// Items are asked for as they are needed, and their results come in the same order. `read` is
    /// called on all cores while the tower runs; what it cannot read fails alone and takes no place
    /// in a batch. Two batches at most are read ahead, and pictures that `read` waits for
    /// [`Room`] for take up 384 MiB together while they are decoded, whatever their sizes and the
    /// number of cores. When `consume` returns, no further picture is begun.
    ///
    /// ```
    /// # #[cfg(all(feature = "flex", feature = "embedded-model"))]
    /// # fn main() -> clip::Result<()> {
    /// use clip::{Device, Embedder};
    ///
    /// let clip = Embedder::embedded(&Device::flex())?;
    /// let reading = clip.reading();
    /// # let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    /// let files = ["cat.webp", "no.jpg", "dog.webp"].map(|name| folder.join(name));
    /// let read = clip.stream(
    ///     files,
    ///     |file, room| room.read(file, &reading),
    ///     |results| -> clip::Result<usize> {
    ///         let mut read = 0;
    ///         for result in results {
    ///             match result? {
    ///                 (file, Ok(vector)) => read += 1,
    ///                 (_, Err(error)) => eprintln!("{error}"),
    ///             }
    ///         }
    ///         Ok(read)
    ///     },
    /// )?;
    /// assert_eq!(read, 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(feature = "flex", feature = "embedded-model")))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// In place of a result, as the last: as [`Embedder::pictures`].
    ///
    /// # Panics
    ///
    /// Panics where `items` or `read` panicked.
    pub fn stream<I: Send, P: Into<Picture>, E: Send, R>(
        &self,
        items: impl IntoIterator<Item = I, IntoIter: Send>,
        read: impl Fn(&I, &Room<'_>) -> std::result::Result<P, E> + Sync,
        consume: impl FnOnce(&mut dyn Iterator<Item = Streamed<I, E>>) -> R,
    ) -> R {
        let pipeline =
            Pipeline { batch: self.batch, threads: rayon::current_num_threads(), bytes: ROOM };
        let prepare = |item: &I, room: &Room<'_>| {
            Ok(self.preprocessor.picture_pixels(&read(item, room)?.into()))
        };
        let forward = |pixels: Vec<Vec<f32>>| self.pixels(&pixels);
        pipeline.run(items.into_iter(), prepare, forward, consume)
    }

    /// How much of a picture shows in its unit vector, for [`ReadOptions::detail`]: a large
    /// photograph is read in half the time or less, and its vector has a cosine of 0.9995 on average,
    /// of 0.995 at least, to that of the whole (the built-in model, with half of each side, which is
    /// the most that can be missing of what it sees).
    pub fn enough_detail(&self) -> Detail {
        self.preprocessor.enough()
    }

    /// How files are read for indexing and searching: upright, in the colors of sRGB, with
    /// transparency on white, and [as much detail as shows](Self::enough_detail).
    pub fn reading(&self) -> ReadOptions {
        ReadOptions {
            color: ColorManagement::ToSrgb,
            detail: self.enough_detail(),
            ..ReadOptions::default()
        }
    }
}
