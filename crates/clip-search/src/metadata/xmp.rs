//! XMP: properties of RDF in XML (ISO 16684-1).

use roxmltree::{Document, Node};

/// A name space and the name of a property in it.
pub(super) type Property = (&'static str, &'static str);

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const EXIF: &str = "http://ns.adobe.com/exif/1.0/";

/// When the picture was taken, as programs write it that leave EXIF alone.
pub(super) const DATE_TIME_ORIGINAL: Property = (EXIF, "DateTimeOriginal");
/// When what the picture shows was made.
pub(super) const DATE_CREATED: Property = ("http://ns.adobe.com/photoshop/1.0/", "DateCreated");
/// When the file was made.
pub(super) const CREATE_DATE: Property = ("http://ns.adobe.com/xap/1.0/", "CreateDate");
/// Keywords, as all programs write them.
pub(super) const SUBJECT: Property = ("http://purl.org/dc/elements/1.1/", "subject");
/// Keywords of Windows.
pub(super) const LAST_KEYWORD: Property = ("http://ns.microsoft.com/photo/1.0/", "LastKeywordXMP");
/// Keywords below others, of Lightroom (`People|Anna`).
pub(super) const HIERARCHICAL_SUBJECT: Property =
    ("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject");
/// Keywords below others, of digiKam (`People/Anna`).
pub(super) const TAGS_LIST: Property = ("http://www.digikam.org/ns/1.0/", "TagsList");

/// The values of a property: of the items of a list, or the one that there is, whether it is written
/// as an element or as an attribute.
pub(super) fn values(document: &Document<'_>, property: Property) -> Vec<String> {
    let mut values = Vec::new();
    for node in document.descendants() {
        if node.has_tag_name((RDF, "Description")) {
            values.extend(node.attribute(property).map(str::to_owned));
        }
        if node.has_tag_name(property) {
            let items: Vec<Node<'_, '_>> =
                node.descendants().filter(|node| node.has_tag_name((RDF, "li"))).collect();
            match items.is_empty() {
                true => values.extend(node.text().map(str::to_owned)),
                false => values.extend(items.iter().filter_map(Node::text).map(str::to_owned)),
            }
        }
    }
    values
}

/// The XML of a packet. Room is left behind its end for programs that write more into it.
pub(super) fn text(packet: &[u8]) -> String {
    let text = String::from_utf8_lossy(packet);
    text.trim_matches(|c: char| matches!(c, '\0' | '\u{feff}') || c.is_whitespace()).to_owned()
}
