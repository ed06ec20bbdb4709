//! PNG: chunks anywhere between the first and the last (PNG specification, third edition), and the
//! "raw profiles" that ImageMagick and GraphicsMagick write as text.

use std::borrow::Cow;

use super::{Exif, Metadata, exif_block, inflate, photoshop};
use crate::color::{Color, Gamma};

/// What the chunks hold, of each the first.
#[derive(Default)]
struct Chunks<'a> {
    exif: Option<Exif<'a>>,
    texts: Vec<Text<'a>>,
    code_points: Option<[u8; 4]>,
    profile: Option<Vec<u8>>,
    is_srgb: bool,
    gamma: Option<u32>,
    chromaticities: Option<[u32; 8]>,
}

pub(super) fn read(bytes: &[u8]) -> Metadata<'_> {
    let chunks = Chunks::read(bytes);
    let raw = |names: &[&str]| names.iter().find_map(|name| chunks.raw_profile(name));
    let app1 = || chunks.raw_profile("APP1").or_else(|| chunks.raw_profile("app1"));
    let exif = || exif_block(raw(&["exif"]).or_else(app1)?.into());
    let exif = chunks.exif.clone().or_else(exif);
    let xmp = chunks.texts.iter().find(|text| text.keyword == b"XML:com.adobe.xmp");
    let xmp = xmp.and_then(Text::content);
    let xmp = xmp.or_else(|| {
        let block = raw(&["xmp"]).or_else(app1).filter(|block| !block.starts_with(b"Exif\0"))?;
        let packet = block.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0").unwrap_or(&block);
        Some(packet.to_vec().into())
    });
    let iptc = raw(&["iptc", "8bim"]).map(|block| match photoshop::iptc(&block) {
        Some(iptc) => iptc.to_vec(),
        None => block,
    });
    let color = chunks.color().or_else(|| raw(&["icc", "icm"]).map(|icc| Color::Icc(icc.into())));
    Metadata { exif, xmp, iptc: iptc.map(Into::into), color }
}

impl<'a> Chunks<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        let mut chunks = Self::default();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((name, rest)) = rest.split_first_chunk::<4>() else { break };
            let Some((content, rest)) = rest.split_at_checked(length) else { break };
            match name {
                b"eXIf" => chunks.exif = chunks.exif.or_else(|| exif_block(content.into())),
                b"tEXt" | b"zTXt" | b"iTXt" => chunks.texts.extend(Text::new(*name, content)),
                b"cICP" => chunks.code_points = content.first_chunk().copied(),
                b"iCCP" => {
                    // The name of the profile and the method, of which there is one.
                    let end = content.iter().position(|byte| *byte == 0);
                    chunks.profile = end.and_then(|end| inflate(content.get(end + 2..)?));
                }
                b"sRGB" => chunks.is_srgb = true,
                b"gAMA" => {
                    chunks.gamma = content.first_chunk().map(|gamma| u32::from_be_bytes(*gamma))
                }
                b"cHRM" => {
                    let (numbers, _) = content.as_chunks::<4>();
                    let numbers = numbers.first_chunk::<8>();
                    chunks.chromaticities = numbers.map(|numbers| numbers.map(u32::from_be_bytes));
                }
                b"IEND" => break,
                _ => {}
            }
            // The checksum: decoders look at those that count.
            bytes = rest.get(4..).unwrap_or_default();
        }
        chunks
    }

    /// The color of the chunk that comes first in this order (PNG specification, 4.3).
    fn color(&self) -> Option<Color<'a>> {
        if let Some(code_points) = self.code_points {
            return Some(Color::CodePoints(code_points));
        }
        if let Some(profile) = &self.profile {
            return Some(Color::Icc(profile.clone().into()));
        }
        match self.gamma {
            Some(gamma) if !self.is_srgb => {
                Some(Color::Gamma(Gamma { gamma, chromaticities: self.chromaticities }))
            }
            _ => None,
        }
    }

    /// The bytes of `Raw profile type NAME`: an empty line, the name, the length, and hexadecimal digits.
    fn raw_profile(&self, name: &str) -> Option<Vec<u8>> {
        let is_it = |text: &&Text<'_>| {
            text.keyword
                .strip_prefix(b"Raw profile type ")
                .is_some_and(|kind| kind == name.as_bytes())
        };
        let text = self.texts.iter().find(is_it)?.content()?;
        let mut lines = text.trim_ascii_start().splitn(3, |byte| *byte == b'\n');
        let (_name, length, digits) = (lines.next()?, lines.next()?, lines.next()?);
        let length = std::str::from_utf8(length).ok()?.trim().parse::<usize>().ok()?;
        let digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace());
        let digits = digits.map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8));
        let digits = digits.take(length.checked_mul(2)?).collect::<Option<Vec<u8>>>()?;
        let (pairs, _) = digits.as_chunks::<2>();
        Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
    }
}

/// A text, not yet inflated.
struct Text<'a> {
    keyword: &'a [u8],
    text: &'a [u8],
    is_compressed: bool,
}

impl<'a> Text<'a> {
    /// The content of one of the three chunks of text (PNG specification, 11.3.3).
    fn new(name: [u8; 4], content: &'a [u8]) -> Option<Self> {
        let (keyword, rest) = until_zero(content)?;
        let (text, is_compressed) = match (&name, rest) {
            (b"tEXt", text) => (text, false),
            (b"zTXt", [0, text @ ..]) => (text, true),
            (b"iTXt", [compression, _, rest @ ..]) => {
                let (_language, rest) = until_zero(rest)?;
                let (_translated_keyword, text) = until_zero(rest)?;
                (text, *compression != 0)
            }
            _ => return None,
        };
        Some(Self { keyword, text, is_compressed })
    }

    fn content(&self) -> Option<Cow<'a, [u8]>> {
        match self.is_compressed {
            true => inflate(self.text).map(Cow::Owned),
            false => Some(self.text.into()),
        }
    }
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}
