//! Text in a picture, in one bitmap font.

use std::sync::LazyLock;

use clip::RgbImage;
use image::{GrayImage, ImageFormat, Rgb};

/// Width of a letter in pixels.
pub(super) const WIDTH: u32 = 10;
/// Height of a line in pixels.
pub(super) const HEIGHT: u32 = 20;

/// The font "misc-fixed" of X11 (public domain): U+0020 to U+00FF, sixteen in a row.
static SHEET: LazyLock<GrayImage> = LazyLock::new(|| {
    image::load_from_memory_with_format(include_bytes!("bitmap_font.png"), ImageFormat::Png)
        .map(|sheet| sheet.into_luma8())
        .unwrap_or_default()
});

/// Draws one line. What the font does not have becomes a question mark.
pub(super) fn draw(picture: &mut RgbImage, x: u32, y: u32, text: &str, color: [u8; 3]) {
    for (i, letter) in text.chars().enumerate() {
        let (left, top) = place(letter).or_else(|| place('?')).unwrap_or_default();
        for (dx, dy) in (0..HEIGHT).flat_map(|dy| (0..WIDTH).map(move |dx| (dx, dy))) {
            let inked = SHEET.get_pixel_checked(left + dx, top + dy).is_some_and(|p| p.0[0] > 0);
            let to = picture.get_pixel_mut_checked(x + i as u32 * WIDTH + dx, y + dy);
            if let (true, Some(to)) = (inked, to) {
                *to = Rgb(color);
            }
        }
    }
}

/// Where a letter is on the sheet.
fn place(letter: char) -> Option<(u32, u32)> {
    match u32::from(letter) {
        code @ (0x20..0x7f | 0xa0..=0xff) => {
            Some(((code - 0x20) % 16 * WIDTH, (code - 0x20) / 16 * HEIGHT))
        }
        _ => None,
    }
}

/// Cuts a text into at most `lines` lines of `columns` letters, at spaces where there are any; dots
/// stand for what is left out.
pub(super) fn wrap(text: &str, columns: usize, lines: usize) -> Vec<String> {
    let mut wrapped = vec![String::new()];
    for word in text.split_whitespace() {
        // A word longer than a line is cut.
        let letters: Vec<char> = word.chars().collect();
        for (i, part) in letters.chunks(columns.max(1)).enumerate() {
            let line = wrapped.last_mut().expect("one line at least");
            let room = columns.saturating_sub(line.chars().count() + 1);
            if line.is_empty() {
                line.extend(part);
            } else if i == 0 && part.len() <= room {
                line.push(' ');
                line.extend(part);
            } else {
                wrapped.push(part.iter().collect());
            }
        }
    }
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        let last = wrapped.last_mut().expect("one line at least");
        while last.chars().count() + 3 > columns {
            last.pop();
        }
        last.push_str("...");
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, columns: usize, lines: usize, expected: &[&str]) {
        assert_eq!(wrap(text, columns, lines), expected, "{text}");
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        check("a dog", 10, 3, &["a dog"]);
        check("a dog on a beach", 10, 3, &["a dog on a", "beach"]);
        check("a dog on a beach", 10, 1, &["a dog o..."]);
        check("abcdefghijkl", 5, 3, &["abcde", "fghij", "kl"]);
        check("a abcdefgh", 5, 2, &["a", "ab..."]);
        check("  ", 5, 2, &[""]);
    }

    #[test]
    fn letters_are_where_they_belong() {
        let ink = |letter: &str| {
            let mut picture = RgbImage::new(WIDTH, HEIGHT);
            draw(&mut picture, 0, 0, letter, [255; 3]);
            picture.pixels().filter(|pixel| pixel.0[0] > 0).count()
        };
        assert_eq!(ink(" "), 0);
        assert!(ink(".") < ink("i") && ink("i") < ink("W"));
        assert!(ink("é") > ink("e"));
        assert_eq!(ink("犬"), ink("?"));
    }
}
