//! An item as files have it.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Error, Result};
use crate::{Content, Facts, FileStamp, Item, Modality, Snapshot, UserTags};

/// An item of a library and its vector.
#[derive(Debug)]
pub struct Entry {
    /// The item.
    pub item: Item,
    /// Its vector, of length 1.
    pub vector: Vec<f32>,
}

/// Whose vectors a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// What people call the model.
    pub model: String,
    /// What tells its weights from all others.
    pub fingerprint: String,
}

impl Provenance {
    /// That of what a library holds.
    pub fn of(snapshot: &dyn Snapshot) -> Self {
        let (model, fingerprint) = (snapshot.model_name(), snapshot.fingerprint());
        Self { model: model.to_owned(), fingerprint: fingerprint.to_owned() }
    }
}

/// An item as files have it. What a file does not say is missing; names in brackets are those of
/// clip-retrieval.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// What tells it from others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `image` or `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// The file (`image_path`).
    #[serde(alias = "image_path", skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The text (`caption`).
    #[serde(alias = "caption", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Bytes of the file when it was encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Its time of change in nanoseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// BLAKE3 of it, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Pixels from left to right, upright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Pixels from top to bottom, upright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// Seconds since 1970 of the camera's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<i64>,
    /// Degrees north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// All that it is tagged with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The keywords that stand in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Tags that a user added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added_tags: Vec<String>,
    /// Keywords of the file that a user removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed_tags: Vec<String>,
    /// The model of the vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What tells its weights from all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The vector; empty where a row has none though the file has some.
    #[serde(deserialize_with = "embedding", skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Vec<f32>>,
}

/// Takes `null` for a row without an embedding, and a number that is `null` for NaN, as pandas
/// writes it.
fn embedding<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<f32>>, D::Error> {
    let values: Option<Vec<Option<f32>>> = Deserialize::deserialize(from)?;
    let values = values.unwrap_or_default().into_iter();
    Ok(Some(values.map(|value| value.unwrap_or(f32::NAN)).collect()))
}

impl Record {
    /// An item without its vector.
    pub fn new(item: &Item, provenance: &Provenance) -> Self {
        let Item { id, content, modality, stamp, facts, user_tags } = item;
        let Facts { hash, size, taken, place, tags: keywords } = facts;
        let (path, text) = match content {
            // Files are Unicode; the id has the true bytes.
            Content::Path(path) => (Some(path.to_string_lossy().into_owned()), None),
            Content::Text(text) => (None, Some(text.clone())),
        };

        Self {
            id: Some(id.clone()),
            modality: Some(modality.name().to_owned()),
            path,
            text,
            size: stamp.and_then(|stamp| i64::try_from(stamp.size).ok()),
            modified: stamp.map(|stamp| stamp.modified),
            hash: hash.map(hex::encode),
            width: size.map(|[width, _]| width.into()),
            height: size.map(|[_, height]| height.into()),
            taken: *taken,
            latitude: place.map(|[north, _]| north),
            longitude: place.map(|[_, east]| east),
            tags: item.tags().into_iter().map(str::to_owned).collect(),
            keywords: keywords.clone(),
            added_tags: user_tags.added.iter().cloned().collect(),
            removed_tags: user_tags.removed.iter().cloned().collect(),
            model: Some(provenance.model.clone()),
            fingerprint: Some(provenance.fingerprint.clone()),
            embedding: None,
        }
    }

    /// The item of the record.
    ///
    /// # Errors
    ///
    /// [`Error::Modality`], [`Error::NoContent`].
    pub fn item(&self) -> Result<Item> {
        // Tables have an empty text where they have none.
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (path, text) = (given(&self.path), given(&self.text));
        let modality = match self.modality.as_deref() {
            Some(name) => match Modality::named(name) {
                Some(modality) => modality,
                None => return Err(Error::Modality { found: name.to_owned() }),
            },
            None if path.is_some() => Modality::Image,
            None => Modality::Text,
        };
        let own = self.id.as_deref().and_then(Item::path_of_id);
        let content = match (path, text) {
            (_, Some(text)) if modality == Modality::Text => Content::Text(text),
            (Some(path), _) => Content::Path(own.unwrap_or_else(|| PathBuf::from(path))),
            (None, Some(text)) => Content::Text(text),
            (None, None) => return Err(Error::NoContent),
        };
        let item = Item::new(content, modality);
        let side = |side: Option<i64>| side.and_then(|side| u32::try_from(side).ok());
        let mut hash = [0; 32];
        let has_hash =
            self.hash.as_ref().is_some_and(|hex| hex::decode_to_slice(hex, &mut hash).is_ok());
        let size = self.size.and_then(|size| u64::try_from(size).ok());
        Ok(Item {
            id: self.id.clone().unwrap_or(item.id),
            stamp: size.zip(self.modified).map(|(size, modified)| FileStamp { size, modified }),
            facts: Facts {
                hash: has_hash.then_some(hash),
                size: side(self.width).zip(side(self.height)).map(<[u32; 2]>::from),
                taken: self.taken,
                place: self.latitude.zip(self.longitude).map(<[f64; 2]>::from),
                tags: self.keywords.clone(),
            },
            user_tags: self.user_tags(),
            content: item.content,
            modality,
        })
    }
}

impl Record {
    /// Tags that a file does not account for, as those of other programs, are the user's.
    fn user_tags(&self) -> UserTags {
        let accounted = |tag: &&String| self.keywords.contains(tag);
        let others = self.tags.iter().filter(|tag| !accounted(tag));
        UserTags {
            added: self.added_tags.iter().chain(others).cloned().collect(),
            removed: self.removed_tags.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provenance() -> Provenance {
        Provenance { model: "tiny".to_owned(), fingerprint: "40d365".to_owned() }
    }

    #[test]
    fn items_survive() {
        let facts = Facts {
            hash: Some([7; 32]),
            size: Some([640, 480]),
            taken: Some(-5),
            place: Some([-12.5, 170.25]),
            tags: vec!["Anna".to_owned(), "sea".to_owned()],
        };
        let stamp = Some(FileStamp { size: 9, modified: -1 });
        let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        let user_tags = UserTags { added: list(&["mine", "sea"]), removed: list(&["Anna"]) };
        for item in [
            Item { facts, user_tags, ..Item::picture("/a/dog.jpg", stamp) },
            Item::picture("b.png", None).with_id("42"),
            Item::text("a dog"),
            Item::text("a dog").with_id("7"),
        ] {
            let record = Record::new(&item, &provenance());
            let line = serde_json::to_string(&record).unwrap();
            let read: Record = serde_json::from_str(&line).unwrap();
            assert_eq!(read.item().unwrap(), item);
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_are_no_text_survive() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let item = Item::picture(OsStr::from_bytes(b"/caf\xe9%.jpg"), None);
        assert_eq!(Record::new(&item, &provenance()).item().unwrap(), item);
    }

    #[test]
    fn what_others_write_is_read() {
        let record: Record =
            serde_json::from_str(r#"{"image_path": "x/1.jpg", "caption": "a dog", "nsfw": 1}"#)
                .unwrap();
        assert_eq!(record.item().unwrap(), Item::picture("x/1.jpg", None));
        let tagged = Record { tags: vec!["sea".to_owned()], ..record.clone() };
        assert_eq!(tagged.item().unwrap().tags(), ["sea"]);
        assert_eq!(tagged.item().unwrap().facts, Facts::default());
        let text = Record { modality: Some("text".to_owned()), ..record };
        assert_eq!(text.item().unwrap(), Item::text("a dog"));
        let refused = |record: Record| record.item().unwrap_err().to_string();
        assert!(refused(Record::default()).contains("neither a path nor a text"));
        let empty = Record { text: Some(" ".to_owned()), ..Record::default() };
        assert!(refused(empty).contains("neither a path nor a text"));
        let sound = Record { modality: Some("sound".to_owned()), ..Record::default() };
        assert!(refused(sound).contains("sound"));
    }
}
