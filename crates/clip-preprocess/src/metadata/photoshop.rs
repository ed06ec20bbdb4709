//! Photoshop's image resources, in which IPTC-IIM lies (Photoshop File Formats, "Image Resources").

/// The resource of IPTC-IIM.
const IPTC: u16 = 0x0404;

/// What resources begin with: Photoshop's own, and those of ImageReady and other programs.
const SIGNATURES: [&[u8; 4]; 5] = [b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"];

/// The IPTC-IIM among some resources.
pub(super) fn iptc(mut resources: &[u8]) -> Option<&[u8]> {
    loop {
        let (signature, rest) = resources.split_first_chunk::<4>()?;
        if !SIGNATURES.contains(&signature) {
            return None;
        }
        let (number, rest) = rest.split_first_chunk::<2>()?;
        // A name of one byte for its length, padded to an even length; so is the data.
        let name = usize::from(*rest.first()?) + 1;
        let rest = rest.get(name.next_multiple_of(2)..)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if u16::from_be_bytes(*number) == IPTC {
            return rest.get(..length);
        }
        resources = rest.get(length.checked_next_multiple_of(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::iptc;

    #[test]
    fn resources_are_passed_over() {
        let resources = b"MeSa\x03\xed\0\0\0\0\0\x03abc\0\
                          8BIM\x04\x04\x04name\0\0\0\0\x02\x1c\x028BIM";
        assert_eq!(iptc(resources), Some(&b"\x1c\x02"[..]));
        for length in 0..resources.len() - 4 {
            assert_eq!(iptc(&resources[..length]), None, "{length}");
        }
    }
}
