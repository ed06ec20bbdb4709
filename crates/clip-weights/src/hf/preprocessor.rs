//! `preprocessor_config.json`: from a picture to pixels, with the defaults of transformers'
//! `CLIPImageProcessorPil` and `SiglipImageProcessorPil`. Old files (`"size": 224`) and new ones (`"size": {"shortest_edge": 224}`)
//! say the same.

use std::path::Path;

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};

use crate::Result;
use crate::json::Fields;

const FILE: &str = "preprocessor_config.json";
/// Transformers 5 keeps the same fields under `image_processor` of this file, and prefers it.
const NESTED: &str = "processor_config.json";

/// What differs between the processors of one model and another's.
pub(super) struct Processor {
    /// Names of the classes.
    classes: &'static [(&'static str, ())],
    /// The defaults.
    mean: [f32; 3],
    std: [f32; 3],
    resize: ResizeMode,
}

pub(super) const CLIP: Processor = Processor {
    classes: &[
        ("CLIPImageProcessor", ()),
        ("CLIPImageProcessorFast", ()),
        ("CLIPImageProcessorPil", ()),
        ("CLIPFeatureExtractor", ()),
    ],
    mean: PreprocessConfig::OPENAI_MEAN,
    std: PreprocessConfig::OPENAI_STD,
    resize: ResizeMode::Shortest,
};

/// Both sides are given, and nothing is cut off.
pub(super) const SIGLIP: Processor = Processor {
    classes: &[
        ("SiglipImageProcessor", ()),
        ("SiglipImageProcessorFast", ()),
        ("SiglipImageProcessorPil", ()),
    ],
    mean: [0.5; 3],
    std: [0.5; 3],
    resize: ResizeMode::Squash,
};

pub(super) fn read(folder: &Path, processor: &Processor) -> Result<PreprocessConfig> {
    let nested = match Fields::open(folder, NESTED)? {
        Some(file) => file.object("image_processor")?,
        None => None,
    };
    let fields = match nested {
        Some(fields) => Some(fields),
        None => Fields::open(folder, FILE)?,
    };
    convert(&fields.ok_or_else(|| super::missing(folder, FILE))?, processor)
}

fn convert(fields: &Fields, processor: &Processor) -> Result<PreprocessConfig> {
    let Processor { classes, mean, std, resize } = *processor;
    fields.choice("image_processor_type", (), classes)?;
    fields.choice("feature_extractor_type", (), classes)?;
    for step in ["do_resize", "do_rescale", "do_convert_rgb"] {
        if !fields.flag(step, true)? {
            return Err(fields.unsupported(step, "true"));
        }
    }
    if (fields.number("rescale_factor", 1.0 / 255.0)? * 255.0 - 1.0).abs() > 1e-6 {
        return Err(fields.unsupported("rescale_factor", "1/255"));
    }
    let normalize = fields.flag("do_normalize", true)?;
    let (resize, [resize_size, crop_size]) = match resize {
        ResizeMode::Squash => (resize, squashed(fields)?),
        // `CLIPImageProcessor.resize`: both sides are given as well.
        _ if has_both_sides(fields) => (ResizeMode::Squash, squashed_and_cropped(fields)?),
        _ => (resize, cropped(fields)?),
    };
    Ok(PreprocessConfig {
        mode: PreprocessMode::HfPil,
        resize,
        resize_size,
        interpolation: interpolation(fields)?,
        crop_size,
        mean: if normalize { fields.channels("image_mean", mean)? } else { [0.0; 3] },
        std: if normalize { fields.channels("image_std", std)? } else { [1.0; 3] },
    })
}

/// The shorter side, then the side of the square that is cut from the center.
fn cropped(fields: &Fields) -> Result<[usize; 2]> {
    if !fields.flag("do_center_crop", true)? {
        return Err(fields.unsupported("do_center_crop", "true"));
    }
    let crop_size = side(fields, "crop_size", BOTH)?;
    let resize_size = side(fields, "size", &["shortest_edge"])?;
    if resize_size < crop_size {
        let supported = format!("a size of at least the crop's {crop_size}");
        return Err(fields.unsupported("size", &supported));
    }
    Ok([resize_size, crop_size])
}

/// Names of a square's sides.
const BOTH: &[&str] = &["height", "width"];

/// Whether the size is of both sides, and not of the shorter one.
fn has_both_sides(fields: &Fields) -> bool {
    let given = |name: &str| {
        let side = fields.get("size").and_then(|size| size.get(name));
        side.is_some_and(|side| !side.is_null())
    };
    given("height") && given("width") && !given("shortest_edge")
}

/// The side of the square that the picture becomes, twice: a crop that cuts something off it is none
/// that a card can express.
fn squashed_and_cropped(fields: &Fields) -> Result<[usize; 2]> {
    let resize_size = side(fields, "size", BOTH)?;
    if fields.flag("do_center_crop", true)? {
        let crop_size = side(fields, "crop_size", BOTH)?;
        if resize_size != crop_size {
            let supported = format!("the crop's {crop_size} as height = width");
            return Err(fields.unsupported("size", &supported));
        }
    }
    Ok([resize_size; 2])
}

/// The side of the square that the picture becomes, twice.
fn squashed(fields: &Fields) -> Result<[usize; 2]> {
    if fields.flag("do_center_crop", false)? {
        return Err(fields.unsupported("do_center_crop", "false"));
    }
    Ok([side(fields, "size", BOTH)?; 2])
}

/// A length that is a number, or an object with exactly these fields, all equal.
fn side(fields: &Fields, key: &str, names: &[&str]) -> Result<usize> {
    const DEFAULT: usize = 224;
    let Some(value) = fields.get(key) else { return Ok(DEFAULT) };
    let Some(object) = value.as_object() else { return fields.size(key, DEFAULT) };
    let inner = fields.object(key)?.unwrap_or_else(|| fields.empty(key));
    let given = object.iter().filter(|(_, value)| !value.is_null()).count();
    let unsupported = || fields.unsupported(key, &format!("one number, as {}", names.join(" = ")));
    let sides = names
        .iter()
        .map(|name| inner.get(name).map(|_| inner.size(name, DEFAULT)))
        .collect::<Option<Result<Vec<_>>>>()
        .ok_or_else(unsupported)??;
    match sides[..] {
        [side, ref rest @ ..] if given == names.len() && rest.iter().all(|s| *s == side) => {
            Ok(side)
        }
        _ => Err(unsupported()),
    }
}

/// Numbers of Pillow's `Image.Resampling`.
fn interpolation(fields: &Fields) -> Result<Interpolation> {
    match fields.get("resample").map(|value| value.as_u64()) {
        None | Some(Some(3)) => Ok(Interpolation::Bicubic),
        Some(Some(2)) => Ok(Interpolation::Bilinear),
        Some(_) => Err(fields.unsupported("resample", "2 (bilinear) or 3 (bicubic)")),
    }
}
