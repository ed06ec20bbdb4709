use clip_checkpoint::PreprocessMode;

use crate::Detail;

/// How a picture file becomes RGB.
///
/// The default is for searching and indexing; [`ReadOptions::reference`] is for comparing with the
/// references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// What the orientation that a camera noted is good for.
    pub orientation: Orientation,
    /// What the color profile of a file is good for.
    pub color: ColorManagement,
    /// What is seen through transparent parts.
    pub transparency: Transparency,
    /// How 16-bit gray becomes 8-bit.
    pub gray16: Gray16,
    /// When a picture becomes RGB.
    pub conversion: Conversion,
    /// How much of a large picture is kept, where it becomes RGB before the resize.
    pub detail: Detail,
    /// The largest picture to decode, in millions of pixels; a larger one is refused from its
    /// header.
    pub max_megapixels: u32,
}

/// What the orientation that a camera noted (EXIF) is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// The picture is turned upright.
    Apply,
    /// The pixels stay as stored. TIFF is turned all the same, as Pillow turns it: there the
    /// orientation is a field of the format. So it is in HEIC and AVIF.
    Ignore,
}

/// What the color profile of a file is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorManagement {
    /// The numbers in the file are taken for those of sRGB, as the references do: colors of a wider
    /// space come out too pale.
    Ignore,
    /// Colors are converted to those of sRGB, as browsers and viewers do: by the ICC profile, in PNG
    /// by `cICP`, `iCCP` or `gAMA` and `cHRM`, in HEIC and AVIF by `colr`. What is sRGB stays as it
    /// is. A profile that is damaged or of another kind than the pixels is ignored.
    ToSrgb,
}

/// What is seen through transparent parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transparency {
    /// White paper: `(color · alpha + 255 · (255 − alpha)) / 255`, rounded to the nearest level,
    /// which is what `alpha_composite` of Pillow gives.
    OnWhite,
    /// Whatever color is stored there, usually black; alpha is dropped.
    Drop,
}

/// How 16-bit gray becomes 8-bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gray16 {
    /// The upper 8 bits, as for 16-bit color.
    Scale,
    /// Values above 255 become white, as Pillow converts mode `I;16` to `RGB`: most of such a
    /// picture is lost.
    Clip,
}

/// When a picture becomes RGB. The order shows for palettes, bits, 16-bit gray that is clipped and
/// transparency that is dropped; everything else is RGB from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Before the resize, so that palettes are interpolated too.
    BeforeResize,
    /// After the resize, where it is read as a [`Picture`](crate::Picture). Pillow then takes the
    /// nearest pixel of modes `P` and `1`, and weighs the colors of `RGBA` and `LA` by alpha.
    AfterResize,
}

impl ReadOptions {
    /// As the reference of the mode reads a file, for comparing with its numbers.
    ///
    /// `Image.open(file)` of Pillow, given to the reference. All ignore EXIF. Transformers 5 puts
    /// transparency on white (`image_transforms.convert_to_rgb`); its earlier versions, OpenAI's
    /// and OpenCLIP's code drop it.
    pub fn reference(mode: PreprocessMode) -> Self {
        let (transparency, conversion) = match mode {
            PreprocessMode::HfPil | PreprocessMode::HfTorchvision => {
                (Transparency::OnWhite, Conversion::BeforeResize)
            }
            _ => (Transparency::Drop, Conversion::AfterResize),
        };
        Self {
            orientation: Orientation::Ignore,
            color: ColorManagement::Ignore,
            transparency,
            gray16: Gray16::Clip,
            conversion,
            ..Self::default()
        }
    }

    /// What is left of the detail: a picture that is resized in its own kind is compared with the
    /// references, to the last pixel.
    pub(crate) fn detail(&self) -> Detail {
        match self.conversion {
            Conversion::BeforeResize => self.detail,
            Conversion::AfterResize => Detail::Full,
        }
    }

    pub(crate) fn max_pixels(&self) -> u64 {
        u64::from(self.max_megapixels) * 1_000_000
    }
}

impl Default for ReadOptions {
    /// Upright, on white, every pixel, up to 256 megapixels: the largest telephone cameras have 200.
    /// Colors are those that the references see.
    fn default() -> Self {
        Self {
            orientation: Orientation::Apply,
            color: ColorManagement::Ignore,
            transparency: Transparency::OnWhite,
            gray16: Gray16::Scale,
            conversion: Conversion::BeforeResize,
            detail: Detail::Full,
            max_megapixels: 256,
        }
    }
}
