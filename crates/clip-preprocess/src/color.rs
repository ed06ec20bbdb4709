//! Colors of any space into those of sRGB, which the references take all pixels for.
//!
//! A telephone stores Display P3, a camera Adobe RGB: taken for sRGB, their colors are too pale. What
//! is sRGB already stays as it is, to the last bit. A profile that is damaged, or of another kind
//! than the pixels, is left out of account.

use std::borrow::Cow;
use std::sync::Arc;

use image::{ColorType, DynamicImage};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace,
    Layout, MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformExecutor,
    TransformOptions,
};

/// How a file says that its colors are stored.
#[derive(Debug, Clone)]
pub(crate) enum Color<'a> {
    /// An ICC profile.
    Icc(Cow<'a, [u8]>),
    /// Code points of ITU-T H.273: primaries, transfer, matrix, whether the range is full.
    CodePoints([u8; 4]),
    /// The chunks of PNG that came before profiles.
    Gamma(Gamma),
}

/// The exponent of the file and the colors of white, red, green and blue, all times 100,000 (PNG
/// specification, 11.3.2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gamma {
    pub(crate) gamma: u32,
    pub(crate) chromaticities: Option<[u32; 8]>,
}

/// How amounts of four inks become colors of sRGB.
pub(crate) struct Inks(Arc<dyn TransformExecutor<u8> + Send + Sync>);

impl Inks {
    /// Cyan, magenta, yellow and black of each pixel, 255 for the most, to red, green and blue.
    pub(crate) fn to_srgb(&self, inks: &[u8], colors: &mut [u8]) -> Option<()> {
        self.0.transform(inks, colors).ok()
    }
}

impl Color<'_> {
    /// How inks become colors, where that is what the profile is about.
    pub(crate) fn inks(&self) -> Option<Inks> {
        let profile =
            self.profile().filter(|profile| profile.color_space == DataColorSpace::Cmyk)?;
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        // Four inks have the layout of three colors and alpha.
        profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options).ok().map(Inks)
    }

    /// The profile, or nothing where it cannot be followed.
    fn profile(&self) -> Option<ColorProfile> {
        match self {
            Self::Icc(profile) => ColorProfile::new_from_slice(profile).ok(),
            Self::CodePoints(code_points) => of_code_points(*code_points),
            Self::Gamma(gamma) => gamma.profile(),
        }
    }
}

/// Curves of television, which are shown much like sRGB's.
const TELEVISION: [u8; 4] = [1, 6, 14, 15];

/// The curves of pictures brighter than white (PQ, HLG), which have to be mapped and not converted.
const HIGH_RANGE: [u8; 2] = [16, 18];

fn of_code_points([primaries, transfer, _, _]: [u8; 4]) -> Option<ColorProfile> {
    if HIGH_RANGE.contains(&transfer) {
        return None;
    }
    let color_primaries = CicpColorPrimaries::try_from(primaries).ok()?;
    let transfer_characteristics = match TELEVISION.contains(&transfer) {
        true => TransferCharacteristics::Srgb,
        false => TransferCharacteristics::try_from(transfer).ok()?,
    };
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics,
        // The decoder has made RGB of all ranges.
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    // What is unspecified has no curve.
    profile.red_trc.is_some().then_some(profile)
}

impl Gamma {
    /// What the chunk has where colors are sRGB's: 1 / 2.2.
    const SRGB: u32 = 45_455;

    fn profile(self) -> Option<ColorProfile> {
        let Self { gamma, chromaticities } = self;
        let mut profile = ColorProfile::new_srgb();
        if gamma.abs_diff(Self::SRGB) > Self::SRGB / 50 {
            if gamma == 0 {
                return None;
            }
            let curve = ToneReprCurve::Parametric(vec![100_000.0 / gamma as f32]);
            profile.cicp = None;
            profile.red_trc = Some(curve.clone());
            profile.green_trc = Some(curve.clone());
            profile.blue_trc = Some(curve);
        }
        if let Some(chromaticities) = chromaticities {
            let (pairs, _) = chromaticities.as_chunks::<2>();
            let color = |i: usize| {
                let [x, y] = pairs[i].map(|number| number as f32 / 100_000.0);
                Chromaticity { x, y }
            };
            if pairs.iter().any(|[_, y]| *y == 0) {
                return None;
            }
            let primaries = ColorPrimaries { red: color(1), green: color(2), blue: color(3) };
            profile.update_rgb_colorimetry(color(0).to_xyyb(), primaries);
        }
        let matrix = profile.colorant_matrix();
        matrix.v.as_flattened().iter().all(|value| value.is_finite()).then_some(profile)
    }
}

/// The picture in the colors of sRGB.
pub(crate) fn to_srgb(mut picture: DynamicImage, color: &Color<'_>) -> DynamicImage {
    if let Some(profile) = color.profile() {
        convert(&mut picture, &profile);
    }
    picture
}

fn convert(picture: &mut DynamicImage, profile: &ColorProfile) -> Option<()> {
    let layout = match picture.color() {
        ColorType::L8 | ColorType::L16 => Layout::Gray,
        ColorType::La8 | ColorType::La16 => Layout::GrayAlpha,
        ColorType::Rgb8 | ColorType::Rgb16 => Layout::Rgb,
        ColorType::Rgba8 | ColorType::Rgba16 => Layout::Rgba,
        _ => return None,
    };
    let is_gray = matches!(layout, Layout::Gray | Layout::GrayAlpha);
    let (space, opaque) = match is_gray {
        true => (DataColorSpace::Gray, Layout::Gray),
        false => (DataColorSpace::Rgb, Layout::Rgb),
    };
    if profile.color_space != space {
        return None;
    }
    let (srgb, options) = (target(is_gray), TransformOptions::default());
    let eight = |layout| profile.create_transform_8bit(layout, &srgb, layout, options).ok();
    let sixteen = || profile.create_transform_16bit(layout, &srgb, layout, options).ok();
    let plain = eight(opaque)?;
    if is_identity(&*plain, is_gray) {
        return None;
    }
    match picture {
        DynamicImage::ImageLuma8(gray) => apply(&*plain, gray, 1),
        DynamicImage::ImageRgb8(rgb) => apply(&*plain, rgb, 3),
        DynamicImage::ImageLumaA8(gray) => apply(&*eight(layout)?, gray, 2),
        DynamicImage::ImageRgba8(rgba) => apply(&*eight(layout)?, rgba, 4),
        DynamicImage::ImageLuma16(gray) => apply(&*sixteen()?, gray, 1),
        DynamicImage::ImageLumaA16(gray) => apply(&*sixteen()?, gray, 2),
        DynamicImage::ImageRgb16(rgb) => apply(&*sixteen()?, rgb, 3),
        DynamicImage::ImageRgba16(rgba) => apply(&*sixteen()?, rgba, 4),
        _ => None,
    }
}

/// sRGB, or gray with its curve.
fn target(is_gray: bool) -> ColorProfile {
    let srgb = ColorProfile::new_srgb();
    if !is_gray {
        return srgb;
    }
    let mut gray = ColorProfile::new_gray_with_gamma(2.2);
    gray.gray_trc = srgb.red_trc;
    gray
}

/// Whether a transform changes no color by more than a level, so that there is nothing to do: the
/// profile is one of the many of sRGB.
fn is_identity(transform: &(dyn TransformExecutor<u8> + Send + Sync), is_gray: bool) -> bool {
    /// From one level that is tried to the next: 0, 51, .. 255.
    const STEP: usize = 51;
    let levels = || (0..=255).step_by(STEP);
    let samples: Vec<u8> = match is_gray {
        true => levels().collect(),
        false => {
            let pairs = levels().flat_map(|red| levels().map(move |green| (red, green)));
            pairs.flat_map(|(r, g)| levels().flat_map(move |b| [r, g, b])).collect()
        }
    };
    let mut converted = vec![0; samples.len()];
    transform.transform(&samples, &mut converted).is_err()
        || samples.iter().zip(&converted).all(|(before, after)| before.abs_diff(*after) <= 1)
}

/// Some pixels at a time, so that there are not two pictures in memory.
fn apply<T: Copy + Default>(
    transform: &(dyn TransformExecutor<T> + Send + Sync),
    samples: &mut [T],
    channels: usize,
) -> Option<()> {
    const PIXELS: usize = 1 << 14;
    let mut before = Vec::with_capacity(channels * PIXELS);
    for samples in samples.chunks_mut(channels * PIXELS) {
        before.clear();
        before.extend_from_slice(samples);
        transform.transform(&before, samples).ok()?;
    }
    Some(())
}
