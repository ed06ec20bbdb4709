//! When a picture was taken.
//!
//! The camera's own fields come first, then what programs wrote for it. `DateTime` of EXIF is not
//! among them: it is when the file was last changed, and a picture of 2005 that was turned yesterday
//! is none of yesterday. immich leaves it out, too.

use clip::metadata::{Metadata, Tag};
use roxmltree::Document;

use super::{iptc, xmp};
use crate::date;

/// In seconds since 1970 of the camera's own clock. A field that says nothing (zeros, blanks, a day
/// that there is not) leaves it to the next.
pub(super) fn of(metadata: &Metadata<'_>, xmp: Option<&Document<'_>>) -> Option<i64> {
    let exif = [Tag::DATE_TIME_ORIGINAL, Tag::DATE_TIME_DIGITIZED].into_iter().find_map(|tag| {
        let text = metadata.exif.as_ref()?.field(tag)?.bytes();
        date::time(&String::from_utf8_lossy(text))
    });
    let of_xmp = || {
        let properties = [xmp::DATE_TIME_ORIGINAL, xmp::DATE_CREATED, xmp::CREATE_DATE];
        let mut values = properties
            .into_iter()
            .filter_map(|property| Some(xmp::values(xmp?, property)))
            .flatten();
        values.find_map(|text| date::time(&text))
    };
    let of_iptc = || {
        let text = |set| iptc::texts(metadata.iptc.as_ref()?, set).into_iter().next();
        let (date, time) = (text(iptc::DATE_CREATED)?, text(iptc::TIME_CREATED));
        date::time(&format!("{date} {}", time.unwrap_or_default()))
    };
    exif.or_else(of_xmp).or_else(of_iptc)
}
