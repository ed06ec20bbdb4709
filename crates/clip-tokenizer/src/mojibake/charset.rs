//! The encodings that UTF-8 is mistaken for.

use std::sync::LazyLock;

// Bytes 80 to FF of each (ISO 8859-2: from A0), as Python's codecs have them. U+0000 is a byte that
// stands for the character of its number, as all do in Latin-1: controls, the no-break space, and
// what a Windows encoding leaves unassigned.
const WINDOWS_1252: &str = "\
    €\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ\
    \0¡¢£¤¥¦§¨©ª«¬\0®¯°±²³´µ¶·¸¹º»¼½¾¿\
    ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
    àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";
const WINDOWS_1251: &str = "\
    ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\0™љ›њќћџ\
    \0ЎўЈ¤Ґ¦§Ё©Є«¬\0®Ї°±Ііґµ¶·ё№є»јЅѕї\
    АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
    абвгдежзийклмнопрстуфхцчшщъыьэюя";
const WINDOWS_1250: &str = "\
    €\0‚\0„…†‡\0‰Š‹ŚŤŽŹ\0‘’“”•–—\0™š›śťžź\
    \0ˇ˘Ł¤Ą¦§¨©Ş«¬\0®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";
const WINDOWS_1253: &str = "\
    €\0‚ƒ„…†‡\0‰\0‹\0\0\0\0\0‘’“”•–—\0™\0›\0\0\0\0\
    \0΅Ά£¤¥¦§¨©ª«¬\0®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ\
    ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήί\
    ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ";
const WINDOWS_1254: &str = "\
    €\0‚ƒ„…†‡ˆ‰Š‹Œ\0\0\0\0‘’“”•–—˜™š›œ\0\0Ÿ\
    \0¡¢£¤¥¦§¨©ª«¬\0®¯°±²³´µ¶·¸¹º»¼½¾¿\
    ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß\
    àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ";
const WINDOWS_1257: &str = "\
    €\0‚\0„…†‡\0‰\0‹\0¨ˇ¸\0‘’“”•–—\0™\0›\0¯˛\0\
    \0¡¢£¤¥¦§Ø©Ŗ«¬\0®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ\
    ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß\
    ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙";
const ISO_8859_2: &str = "\
    \0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\0ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";
const MACROMAN: &str = "\
    ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü\
    †°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
    ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ\
    ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
const CP437: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
    áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A single-byte encoding that contains ASCII.
pub(super) struct Charset {
    pub(super) kind: Kind,
    /// What bytes 80 to FF stand for.
    pub(super) high: [char; 128],
    /// The same from characters to bytes, in order.
    bytes: [(char, u8); 128],
}

/// What is special about an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Byte 1A is U+FFFD, the mark of a lost byte.
    Sloppy,
    /// Byte D0, which may begin a sequence, is an en dash, which may stand before a space.
    MacRoman,
}

/// In the order in which ftfy tries them.
pub(super) static CHARSETS: LazyLock<[Charset; 10]> = LazyLock::new(|| {
    [
        Charset::new(Kind::Plain, ""),
        Charset::new(Kind::Sloppy, WINDOWS_1252),
        Charset::new(Kind::Sloppy, WINDOWS_1251),
        Charset::new(Kind::Sloppy, WINDOWS_1250),
        Charset::new(Kind::Sloppy, WINDOWS_1253),
        Charset::new(Kind::Sloppy, WINDOWS_1254),
        Charset::new(Kind::Sloppy, WINDOWS_1257),
        Charset::new(Kind::Plain, ISO_8859_2),
        Charset::new(Kind::MacRoman, MACROMAN),
        Charset::new(Kind::Plain, CP437),
    ]
});

/// Reads a C1 control as Windows-1252, and leaves every other character.
pub(crate) fn windows_1252(c: char) -> char {
    match c {
        '\u{80}'..='\u{9f}' => CHARSETS[1].high[c as usize - 0x80],
        c => c,
    }
}

impl Charset {
    /// The encoding with these last characters; those before are Latin-1's.
    fn new(kind: Kind, last: &str) -> Self {
        let mut high: [char; 128] = std::array::from_fn(|index| char::from(0x80 | index as u8));
        for (slot, c) in high.iter_mut().rev().zip(last.chars().rev()).filter(|(_, c)| *c != '\0') {
            *slot = c;
        }
        let mut bytes = std::array::from_fn(|index| (high[index], 0x80 | index as u8));
        bytes.sort_unstable();
        Self { kind, high, bytes }
    }

    /// The bytes of a text, if it has no other characters than the encoding.
    pub(super) fn encode(&self, text: &str) -> Option<Vec<u8>> {
        text.chars().map(|c| self.byte(c)).collect()
    }

    fn byte(&self, c: char) -> Option<u8> {
        match c {
            '\u{1a}' if self.kind == Kind::Sloppy => None,
            '\u{fffd}' if self.kind == Kind::Sloppy => Some(0x1a),
            '\0'..='\u{7f}' => u8::try_from(c).ok(),
            c => {
                let index = self.bytes.binary_search_by_key(&c, |&(c, _)| c).ok()?;
                Some(self.bytes[index].1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let bytes: Vec<u8> = (0x80..=0xff).collect();
        for charset in CHARSETS.iter() {
            let text = String::from_iter(charset.high);
            assert_eq!(charset.encode(&text).as_deref(), Some(&bytes[..]), "{text}");
        }
    }

    #[test]
    fn tables_have_a_character_for_each_byte() {
        for table in [WINDOWS_1252, WINDOWS_1251, WINDOWS_1250, WINDOWS_1253, WINDOWS_1254] {
            assert_eq!(table.chars().count(), 128, "{table}");
        }
        for (table, count) in [(WINDOWS_1257, 128), (ISO_8859_2, 96), (MACROMAN, 128), (CP437, 128)]
        {
            assert_eq!(table.chars().count(), count, "{table}");
        }
    }
}
