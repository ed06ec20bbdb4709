//! `preprocess_cfg` of `open_clip_config.json`: from a picture to pixels, as `image_transform` in
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/transform.py> does it. Fields
//! that it does not know are ignored there too, and the size is always the tower's.

use clip_checkpoint::{Interpolation, PreprocessConfig, ResizeMode};

use crate::Result;
use crate::json::Fields;
use crate::openai;

const RESIZE_MODES: [(&str, ResizeMode); 3] = [
    ("shortest", ResizeMode::Shortest),
    ("longest", ResizeMode::Longest),
    ("squash", ResizeMode::Squash),
];

/// Random filters are for training; what comes after it is bicubic.
const INTERPOLATIONS: [(&str, Interpolation); 3] = [
    ("bicubic", Interpolation::Bicubic),
    ("bilinear", Interpolation::Bilinear),
    ("random", Interpolation::Bicubic),
];

pub(super) fn read(file: &Fields, image_size: usize) -> Result<PreprocessConfig> {
    const KEY: &str = "preprocess_cfg";
    let fields = file.object(KEY)?.unwrap_or_else(|| file.empty(KEY));
    fields.choice("mode", (), &[("RGB", ())])?;
    let resize = fields.choice("resize_mode", ResizeMode::Shortest, &RESIZE_MODES)?;
    if resize == ResizeMode::Longest && fields.number("fill_color", 0.0)? != 0.0 {
        return Err(fields.unsupported("fill_color", "0"));
    }
    // OpenCLIP's defaults are OpenAI's transform.
    let default = openai::preprocess(image_size);
    Ok(PreprocessConfig {
        resize,
        interpolation: fields.choice("interpolation", default.interpolation, &INTERPOLATIONS)?,
        mean: fields.channels("mean", default.mean)?,
        std: fields.channels("std", default.std)?,
        ..default
    })
}
