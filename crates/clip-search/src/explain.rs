//! Heat maps of what makes an image fit a text.

mod bitmap_font;
mod figure;
mod heat;

use std::path::{Path, PathBuf};

use clip::{ColorManagement, Device, Embedder, Explainer, ReadOptions, RgbImage};

use crate::{Error, NewFile, Result};
use figure::Panel;

/// Side of a heat map in pixels, at least.
const SIDE: usize = 512;

/// An image, and where it speaks for each of some texts.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The part of the image that the model sees.
    pub view: RgbImage,
    /// One for each text, of the size of the view.
    pub heatmaps: Vec<Heatmap>,
}

/// Where an image speaks for a text.
#[derive(Debug, Clone)]
pub struct Heatmap {
    /// The text.
    pub text: String,
    /// Cosine similarity of image and text.
    pub cosine: f32,
    /// The image in gray, and in color how much each part speaks for the text. Each heat map has a scale
    /// of its own: compare places within one.
    pub image: RgbImage,
}

/// Explains an image for each of some texts, by gradient-weighted attention.
///
/// # Errors
///
/// [`Error::Clip`](crate::Error::Clip) for a text that cannot be encoded, and a model that cannot be
/// loaded.
pub fn explain<T: AsRef<str>>(
    embedder: &Embedder,
    device: &Device,
    image: &RgbImage,
    texts: &[T],
) -> Result<Explained> {
    let embeddings = embedder.texts(texts)?;
    let explainer = Explainer::load(embedder.checkpoint(), device)?;
    let view = explainer.view(image, SIDE)?;
    let heatmap = |(text, embedding): (&T, &clip::Embedding)| {
        let explanation = explainer.explain(image, embedding);
        let text = text.as_ref().to_owned();
        Heatmap { text, cosine: explanation.cosine, image: heat::overlay(&view, &explanation) }
    };
    let heatmaps = texts.iter().zip(&embeddings).map(heatmap).collect();
    Ok(Explained { view, heatmaps })
}

/// As [`explain`], for a file, in the colors of sRGB.
///
/// # Errors
///
/// As there, also for a file that cannot be read.
pub fn explain_file<T: AsRef<str>>(
    embedder: &Embedder,
    device: &Device,
    path: &Path,
    texts: &[T],
) -> Result<Explained> {
    let options = ReadOptions { color: ColorManagement::ToSrgb, ..ReadOptions::default() };
    explain(
        embedder,
        device,
        &clip::read_picture(path, &options).map_err(clip::Error::from)?,
        texts,
    )
}

/// The file for the sheet of an image, in the current folder unless somebody says otherwise; never the
/// image itself.
///
/// # Errors
///
/// [`Error::OutputIsInput`], otherwise as [`NewFile::new`].
pub fn figure_file(image: &Path, output: Option<PathBuf>, replace: bool) -> Result<NewFile> {
    let path = output.unwrap_or_else(|| {
        let mut name = image.file_stem().unwrap_or_default().to_owned();
        name.push("-explained.png");
        name.into()
    });
    if let (Ok(image), Ok(output)) = (image.canonicalize(), path.canonicalize())
        && image == output
    {
        return Err(Error::OutputIsInput { path });
    }
    NewFile::new(path, "png", replace)
}

impl Explained {
    /// A sheet with a titled panel for the image and for each text, as a PNG file.
    ///
    /// # Errors
    ///
    /// [`Error::Png`](crate::Error::Png).
    pub fn png(&self, title: &str) -> Result<Vec<u8>> {
        let mut panels = vec![Panel::new(title, "what the model sees", self.view.clone())];
        panels.extend(self.heatmaps.iter().map(|Heatmap { text, cosine, image }| {
            Panel::new(text, &format!("cosine {cosine:.3}"), image.clone())
        }));
        figure::png(&panels)
    }
}
