//! What the reference computed, stage by stage.

use std::path::{Path, PathBuf};

use crate::paths::goldens_dir;
use crate::tensors::{GoldenIds, GoldenTensor, TensorFile};

/// A folder with a checkpoint in Hugging Face layout and what transformers computes with it.
///
/// The tensors, in which B counts pictures or texts, L tokens:
///
/// - `pixel_values` `[B, 3, S, S]`: [`Golden::pictures`] through `CLIPImageProcessorPil`
/// - `vision.embeddings`, `vision.ln_pre`, `vision.block.{i}` `[B, L, width]`: before and after the
///   first layer norm, and after each block
/// - `vision.pooled` `[B, width]`: the class token after the last layer norm
/// - `input_ids` `[B, L]`: see [`Golden::text_batches`]
/// - `text.embeddings`, `text.block.{i}`, `text.ln_final` `[B, L, width]`, `text.pooled` `[B, width]`
/// - `image_embeds`, `text_embeds` `[B, embed]`: projected, unit length
/// - `logits_per_image` `[pictures, texts]`, `logit_scale` `[1]` (the stored logarithm)
#[derive(Debug)]
pub struct Golden {
    folder: PathBuf,
    file: TensorFile,
}

/// All committed goldens, by name.
///
/// # Panics
///
/// Where there is none, or one cannot be read.
pub fn goldens() -> impl Iterator<Item = Golden> {
    let dir = goldens_dir();
    let entries = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
    let folders = entries.map(|entry| entry.expect("a readable folder entry").path());
    let mut folders: Vec<_> =
        folders.filter(|folder| folder.join("golden.safetensors").is_file()).collect();
    assert!(!folders.is_empty(), "no golden in {}", dir.display());
    folders.sort();
    folders.into_iter().map(|folder| Golden::at(&folder))
}

impl Golden {
    /// The committed golden of that name.
    ///
    /// # Panics
    ///
    /// Where there is none, or it cannot be read.
    pub fn open(name: &str) -> Self {
        Self::at(&goldens_dir().join(name))
    }

    /// The golden in any folder, for instance in one below [`reference_dir`](crate::reference_dir).
    ///
    /// # Panics
    ///
    /// Where the folder has no readable `golden.safetensors`.
    pub fn at(folder: &Path) -> Self {
        let file = TensorFile::open(&folder.join("golden.safetensors"));
        Self { folder: folder.to_owned(), file }
    }

    /// Name of the folder.
    pub fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// The folder with `config.json`, `preprocessor_config.json` and `model.safetensors`.
    pub fn checkpoint_dir(&self) -> &Path {
        &self.folder
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> Vec<String> {
        self.file.names()
    }

    /// A tensor of numbers.
    ///
    /// # Panics
    ///
    /// Where there is none of that name or it holds something else.
    pub fn f32(&self, name: &str) -> GoldenTensor {
        self.file.f32(name)
    }

    /// A batch of token ids.
    ///
    /// # Panics
    ///
    /// As [`Golden::f32`].
    pub fn ids(&self, name: &str) -> GoldenIds {
        self.file.ids(name)
    }

    /// Every batch of token ids with its unit embeddings, `input_ids` first. The others are named by
    /// their length: `input_ids_1` (an end token alone), `input_ids_2`, `input_ids_77`.
    pub fn text_batches(&self) -> Vec<(String, GoldenIds, GoldenTensor)> {
        let names = self.names().into_iter().filter(|name| name.starts_with("input_ids"));
        let embeds = |name: &str| self.f32(&name.replacen("input_ids", "text_embeds", 1));
        names.map(|name| (name.clone(), self.ids(&name), embeds(&name))).collect()
    }

    /// The stages of one kind in order, such as `vision.block.0`, `vision.block.1`, for `vision.block`.
    pub fn stages(&self, kind: &str) -> Vec<GoldenTensor> {
        let names = self.names();
        let stage = |i: usize| Some(format!("{kind}.{i}")).filter(|name| names.contains(name));
        (0..).map_while(stage).map(|name| self.f32(&name)).collect()
    }

    /// The pictures behind `pixel_values`.
    ///
    /// # Panics
    ///
    /// Where the file's metadata does not name them.
    pub fn pictures(&self) -> Vec<PathBuf> {
        self.file.paths("pictures")
    }

    /// The sentences behind `input_ids`; empty where the ids are random.
    pub fn texts(&self) -> Vec<String> {
        self.file.list("texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_close, max_difference};

    #[test]
    fn every_golden_is_whole() {
        for golden in goldens() {
            let name = golden.name();
            for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
                assert!(golden.checkpoint_dir().join(file).is_file(), "{name}: no {file}");
            }
            let pixels = golden.f32("pixel_values").shape;
            assert_eq!(pixels[0], golden.pictures().len(), "{name}");
            for picture in golden.pictures() {
                assert!(picture.is_file(), "{name}: no {}", picture.display());
            }
            let images = golden.f32("image_embeds");
            let batches = golden.text_batches();
            assert_eq!(batches[0].0, "input_ids", "{name}");
            assert!(batches.iter().any(|(_, ids, _)| ids.shape[1] == 1), "{name}");
            for (batch, ids, embeds) in batches {
                assert_eq!(ids.shape[0] * ids.shape[1], ids.values.len(), "{name}: {batch}");
                assert_eq!(embeds.shape, [ids.shape[0], images.shape[1]], "{name}: {batch}");
            }
        }
    }

    /// The last stage follows from the ones before: cosines times the exponential of the scale.
    #[test]
    fn logits_follow_from_the_embeddings() {
        for golden in goldens() {
            let (images, texts) = (golden.f32("image_embeds"), golden.f32("text_embeds"));
            let scale = golden.f32("logit_scale").values[0].exp();
            let width = images.shape[1];
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let logits = images.values.chunks(width).flat_map(|image| {
                texts.values.chunks(width).map(move |text| scale * dot(image, text))
            });
            let logits: Vec<f32> = logits.collect();
            let expected = golden.f32("logits_per_image");
            assert_eq!(expected.shape, [images.shape[0], texts.shape[0]]);
            assert_close(golden.name(), &logits, &expected.values, 1e-4);
        }
    }

    #[test]
    fn together_they_cover_the_layouts() {
        let names: Vec<_> = goldens().map(|golden| golden.name().to_owned()).collect();
        let lengths: Vec<_> = goldens()
            .flat_map(|golden| golden.text_batches())
            .map(|(_, ids, _)| ids.shape[1])
            .collect();
        assert!(names.len() >= 8, "{names:?}");
        for length in [1, 2, 77] {
            assert!(lengths.contains(&length), "no text of {length} tokens");
        }
        let deep = Golden::open("deep");
        assert_eq!((deep.stages("vision.block").len(), deep.stages("text.block").len()), (4, 5));
        let blocks = deep.stages("vision.block");
        assert!(max_difference(&blocks[0].values, &blocks[3].values).0 > 0.1);
    }

    #[test]
    #[should_panic(
        expected = "deep/golden.safetensors: no tensor `image_embed`, there are [\"image_embeds\", "
    )]
    fn names_what_there_is() {
        Golden::open("deep").f32("image_embed");
    }
}
