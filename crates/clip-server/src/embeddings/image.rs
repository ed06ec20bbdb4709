//! Images in texts: data URIs and Base64. Nothing is fetched.

use axum::body::Bytes;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::errors::{ApiError, ApiResult};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The bytes of an image that stands in a text: `data:image/png;base64,..` or the Base64 alone, in either
/// alphabet, with padding or without. `param` is the field, for errors.
pub(crate) fn of_text(text: &str, param: &str) -> ApiResult<Bytes> {
    let wrong = |message: &str| ApiError::invalid(message).with_param(param);
    let text = text.trim();
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if ["http:", "https:", "file:", "ftp:", "s3:", "gs:"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
    {
        return Err(wrong(
            "this server fetches no addresses: send the image itself, as `data:image/jpeg;base64,..`",
        ));
    }
    let data = match lower.starts_with("data:") {
        false => text,
        true => {
            let (head, data) = text.split_once(',').unwrap_or((text, ""));
            if !head.to_ascii_lowercase().ends_with(";base64") {
                return Err(wrong(
                    "a data URI of an image has to be in Base64: `data:image/jpeg;base64,..`",
                ));
            }
            data
        }
    };
    // Lines of MIME.
    let data: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let is_url_safe = data.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = if is_url_safe { &URL_SAFE } else { &STANDARD };
    let bytes = GeneralPurpose::new(alphabet, LENIENT).decode(data).map_err(|_| {
        wrong("this is no image: send the bytes of an image file in Base64, or as a data URI")
    })?;
    if bytes.is_empty() {
        return Err(wrong("the image is empty: send the bytes of an image file"));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_in_texts() {
        let bytes = [0xfb_u8, 0xff, 0xfe, 1];
        for text in [
            "data:image/png;base64,+//+AQ==",
            "DATA:image/png;charset=x;BASE64,+//+AQ==",
            "data:;base64,+//+AQ",
            "+//+AQ==",
            "-__-AQ",
            " +//+\r\nAQ== ",
        ] {
            assert_eq!(of_text(text, "input").unwrap(), &bytes[..], "{text}");
        }
        for (text, part) in [
            ("https://example.com/a.png", "fetches no addresses"),
            ("HTTP://example.com/a.png", "fetches no addresses"),
            ("file:///etc/passwd", "fetches no addresses"),
            ("data:image/png,abc", "in Base64"),
            ("/etc/passwd!", "no image"),
            ("", "empty"),
        ] {
            let error = of_text(text, "input").unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
