//! Panels with captions, and the scale of their colors.

use std::io::Cursor;

use clip::RgbImage;
use image::imageops::replace;
use image::{ImageFormat, Rgb};

use super::{bitmap_font, heat};
use crate::{Error, Result};

const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [20; 3];
const PALE: [u8; 3] = [110; 3];

/// Space around panels, in pixels.
const GAP: u32 = 20;
/// Lines of a title.
const LINES: usize = 3;
/// Width and height of the scale in pixels.
const SCALE: [u32; 2] = [256, 14];

/// A square picture with what stands above it.
#[derive(Debug)]
pub(super) struct Panel {
    title: Vec<String>,
    note: String,
    picture: RgbImage,
}

impl Panel {
    pub(super) fn new(title: &str, note: &str, picture: RgbImage) -> Self {
        let columns = (picture.width() / bitmap_font::WIDTH) as usize;
        Self { title: bitmap_font::wrap(title, columns, LINES), note: note.to_owned(), picture }
    }
}

/// All panels, of one size, on one sheet, as a PNG file.
pub(super) fn png(panels: &[Panel]) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    draw(panels)
        .write_to(&mut file, ImageFormat::Png)
        .map_err(|error| Error::Png { reason: error.to_string() })?;
    Ok(file.into_inner())
}

fn draw(panels: &[Panel]) -> RgbImage {
    let side = panels.iter().map(|panel| panel.picture.width()).max().unwrap_or(1);
    let columns = columns(panels.len());
    let caption = bitmap_font::HEIGHT
        * (1 + panels.iter().map(|panel| panel.title.len()).max().unwrap_or(0) as u32);
    let (across, down) = (side + GAP, caption + side + GAP);
    let rows = (panels.len() as u32).div_ceil(columns);
    let legend = bitmap_font::HEIGHT + GAP;
    let (width, height) = (GAP + columns * across, GAP + rows * down + legend);
    let mut sheet = RgbImage::from_pixel(width, height, Rgb(PAPER));
    for (i, panel) in (0..).zip(panels) {
        let (x, y) = (GAP + i % columns * across, GAP + i / columns * down);
        // Captions stand on the picture: short ones begin lower.
        let lines = panel.title.iter().map(|line| (line, INK)).chain([(&panel.note, PALE)]);
        let top = y + caption - bitmap_font::HEIGHT * (panel.title.len() as u32 + 1);
        for (row, (line, ink)) in (0..).zip(lines) {
            bitmap_font::draw(&mut sheet, x, top - 4 + row * bitmap_font::HEIGHT, line, ink);
        }
        replace(&mut sheet, &panel.picture, x.into(), (y + caption).into());
    }
    draw_scale(&mut sheet, GAP, height - legend);
    sheet
}

/// The colors from least to most, as they are over white and black alike: the heat alone.
fn draw_scale(sheet: &mut RgbImage, x: u32, y: u32) {
    let [width, height] = SCALE;
    let (before, after) = ("least", "most relevant for the text, in each panel");
    bitmap_font::draw(sheet, x, y, before, PALE);
    let left = x + (before.len() as u32 + 1) * bitmap_font::WIDTH;
    let top = y + (bitmap_font::HEIGHT - height) / 2;
    for (dx, dy) in (0..height).flat_map(|dy| (0..width).map(move |dx| (dx, dy))) {
        if let Some(pixel) = sheet.get_pixel_mut_checked(left + dx, top + dy) {
            *pixel = Rgb(heat::color(dx as f32 / (width - 1) as f32));
        }
    }
    bitmap_font::draw(sheet, left + width + bitmap_font::WIDTH, y, after, PALE);
}

/// A row of up to three; more make a sheet about as wide as high.
fn columns(panels: usize) -> u32 {
    match panels {
        0..=3 => panels.max(1) as u32,
        more => (more as f64).sqrt().ceil() as u32,
    }
}
