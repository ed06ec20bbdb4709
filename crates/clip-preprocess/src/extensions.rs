//! Which files are pictures, by the endings of their names. What is in a file is told by its content
//! alone (see [`crate::read`]); endings say which files of a folder are worth opening.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{format, heif};

/// A picture format, as the endings of files name it.
#[derive(Debug, PartialEq, Eq)]
pub struct FileFormat {
    /// What people call it.
    pub name: &'static str,
    /// In lower case.
    extensions: &'static [&'static str],
    support: Support,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    /// It is read.
    Always,
    /// It is read in builds with the feature `heif`.
    Heif,
    /// It is not read. A file with such an ending may be another format in truth.
    Never,
    /// As `Never`, and many of these files begin as a format that is read (TIFF) without being one.
    Raw,
}

use Support::{Always, Heif, Never, Raw};

const fn row(
    name: &'static str,
    support: Support,
    extensions: &'static [&'static str],
) -> FileFormat {
    FileFormat { name, extensions, support }
}

/// Every format that people have pictures in.
const FORMATS: &[FileFormat] = &[
    // Windows saves `jfif`, Chrome `pjpeg` and `pjp`; `mpo` is a JPEG with a second one behind it.
    row("JPEG", Always, &["jpg", "jpeg", "jpe", "jfif", "jif", "jfi", "pjpeg", "pjp", "mpo"]),
    row("PNG", Always, &["png", "apng"]),
    row("WebP", Always, &["webp"]),
    row("GIF", Always, &["gif"]),
    row("BMP", Always, &["bmp", "dib"]),
    row("TIFF", Always, &["tif", "tiff"]),
    row("QOI", Always, &["qoi"]),
    row("HEIC", Heif, &["heic", "heif", "hif", "heics", "heifs"]),
    row("AVIF", Heif, &["avif", "avifs"]),
    row("JPEG XL", Never, &["jxl"]),
    row("JPEG 2000", Never, &["jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm"]),
    row("JPEG XR", Never, &["jxr", "wdp", "hdp"]),
    row("Photoshop", Never, &["psd", "psb"]),
    row("GIMP", Never, &["xcf"]),
    row("SVG", Never, &["svg", "svgz"]),
    row("icon", Never, &["ico", "cur"]),
    row("TGA", Never, &["tga"]),
    row("PCX", Never, &["pcx"]),
    row("DDS", Never, &["dds"]),
    row("OpenEXR", Never, &["exr"]),
    row("Radiance HDR", Never, &["hdr"]),
    row("PNM", Never, &["pnm", "pbm", "pgm", "ppm", "pam", "pfm"]),
    row(
        "camera raw",
        Raw,
        &[
            "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "iiq", "kdc", "mef", "mos",
            "mrw", "nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
        ],
    ),
];

impl FileFormat {
    /// The format that the ending of a name says, whatever its case.
    pub fn of_name(path: &Path) -> Option<&'static Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        FORMATS.iter().find(|format| format.extensions.contains(&extension.as_str()))
    }

    /// Whether this build reads it.
    pub fn is_read(&self) -> bool {
        match self.support {
            Always => true,
            Heif => heif::IS_BUILT,
            Never | Raw => false,
        }
    }

    /// The feature that a build needs to read it, where this one is without.
    pub fn missing_feature(&self) -> Option<&'static str> {
        (self.support == Heif && !heif::IS_BUILT).then_some("heif")
    }

    /// Whether a file with such an ending is to be read: its format is, or it is another in truth, as
    /// JPEG files are that were named `.heic`. Camera raw is told by its ending alone.
    pub fn is_read_in(&self, path: &Path) -> bool {
        self.is_read() || self.support != Raw && begins_as_picture(path)
    }
}

/// The endings of the files that this build reads, in lower case.
pub fn extensions() -> impl Iterator<Item = &'static str> {
    let read = FORMATS.iter().filter(|format| format.is_read());
    read.flat_map(|format| format.extensions).copied()
}

/// Whether files of this ending are read, whatever its case.
pub fn is_read_extension(extension: impl AsRef<OsStr>) -> bool {
    let extension = extension.as_ref();
    extensions().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether the first bytes of a file are those of a format that is read.
fn begins_as_picture(path: &Path) -> bool {
    let head = || -> std::io::Result<Vec<u8>> {
        let mut head = Vec::new();
        File::open(path)?.take(format::HEAD).read_to_end(&mut head)?;
        Ok(head)
    };
    head().is_ok_and(|head| format::identify(&head, "").is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<&'static str> {
        FileFormat::of_name(Path::new(name)).map(|format| format.name)
    }

    #[test]
    fn endings_name_formats_whatever_their_case() {
        let names = ["a.jfif", "b.JPE", "c.Apng", "d.dib", "e.heic", "f.NEF", "g.jxl"];
        let found = names.map(|name| named(name).unwrap());
        assert_eq!(found, ["JPEG", "JPEG", "PNG", "BMP", "HEIC", "camera raw", "JPEG XL"]);
        assert_eq!([named("a.txt"), named("jpg"), named(".jpg"), named("a.")], [None; 4]);
    }

    #[test]
    fn no_ending_has_two_formats() {
        let mut all: Vec<&str> =
            FORMATS.iter().flat_map(|format| format.extensions).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|extension| *extension == extension.to_ascii_lowercase()));
    }

    #[test]
    fn what_is_read_is_as_the_build_is() {
        assert!(is_read_extension("JFIF") && is_read_extension("qoi") && !is_read_extension("nef"));
        assert_eq!(is_read_extension("heic"), cfg!(feature = "heif"));
        assert_eq!(extensions().any(|extension| extension == "avif"), cfg!(feature = "heif"));
        let heic = FileFormat::of_name(Path::new("a.heic")).unwrap();
        assert_eq!(heic.missing_feature().is_none(), cfg!(feature = "heif"));
    }

    /// A JPEG that somebody named otherwise is read; a camera raw file is none, though it begins as a
    /// TIFF.
    #[test]
    fn content_counts_where_the_ending_is_of_no_format_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, content: &[u8], expected| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let format = FileFormat::of_name(&path).unwrap();
            assert_eq!(format.is_read_in(&path), expected, "{name}");
        };
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
        for name in ["a.heic", "a.avif", "a.jxl", "a.ppm", "a.jpg"] {
            check(name, jpeg, true);
        }
        check("b.jxl", b"\xff\x0a", false);
        check("c.psd", b"", false);
        check("d.nef", b"II*\0\x08\0\0\0", false);
        let gone = FileFormat::of_name(Path::new("gone.jxl")).unwrap();
        assert!(!gone.is_read_in(&folder.path().join("gone.jxl")));
    }
}
