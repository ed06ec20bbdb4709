//! The shape of a collection.

use std::collections::HashMap;

use milvus::v2::prelude::{
    CollectionDesc, CollectionSchema, DataType, FieldSchema, IndexParam, IndexType, MetricType,
};

use super::options::ClusterIndex;

/// The version of all that is said here.
pub(super) const FORMAT: u32 = 1;

/// The digits of a key.
pub(super) const KEY: usize = 32;

/// The most bytes of a text that Milvus stores.
pub(super) const TEXT: usize = 65_535;

/// The most bytes of JSON that Milvus stores.
pub(super) const JSON: usize = 65_536;

/// The partition of the files that could not be read, which no search looks into.
pub(super) const FAILED: &str = "failed";

/// The partition of the tags of files that have no item, which no search looks into either.
pub(super) const KEPT: &str = "kept";

/// The partitions of items, by the names of their modalities.
pub(super) const ITEMS: &[&str] = &["image", "text"];

/// Names of fields.
pub(super) mod field {
    pub(in super::super) const KEY: &str = "key";
    pub(in super::super) const ID: &str = "id";
    pub(in super::super) const IS_FILE: &str = "is_file";
    pub(in super::super) const PATH: &str = "path";
    pub(in super::super) const TEXT: &str = "text";
    pub(in super::super) const SIZE: &str = "size";
    pub(in super::super) const MODIFIED: &str = "modified";
    pub(in super::super) const HASH: &str = "hash";
    pub(in super::super) const WIDTH: &str = "width";
    pub(in super::super) const HEIGHT: &str = "height";
    pub(in super::super) const TAKEN: &str = "taken";
    pub(in super::super) const LATITUDE: &str = "latitude";
    pub(in super::super) const LONGITUDE: &str = "longitude";
    pub(in super::super) const TAGS: &str = "tags";
    pub(in super::super) const MODALITY: &str = "modality";
    pub(in super::super) const ERROR: &str = "error";
    pub(in super::super) const VECTOR: &str = "vector";
}

/// Whose vectors a collection holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) fingerprint: String,
    pub(super) model: String,
    pub(super) dimension: usize,
}

/// What a collection is that is not one of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// Of a later version of this program.
    Newer(u32),
    /// Something else, and why.
    Shape(String),
}

/// The fields, of which none may be missing from an item: old servers know no nulls.
pub(super) fn schema(dimension: usize) -> CollectionSchema {
    let field = |name: &str, kind: DataType| FieldSchema::new().name(name).data_type(kind);
    let text = |name: &str, length: usize| field(name, DataType::VarChar).max_length(length as u32);
    let fields = vec![
        text(field::KEY, KEY).primary_key(true),
        text(field::ID, TEXT),
        field(field::IS_FILE, DataType::Bool),
        text(field::PATH, TEXT),
        text(field::TEXT, TEXT),
        field(field::SIZE, DataType::Int64),
        field(field::MODIFIED, DataType::Int64),
        text(field::HASH, 64),
        field(field::WIDTH, DataType::Int64),
        field(field::HEIGHT, DataType::Int64),
        field(field::TAKEN, DataType::Int64),
        field(field::LATITUDE, DataType::Double),
        field(field::LONGITUDE, DataType::Double),
        // A list of texts would do, but the client cannot read empty ones of the servers of 2.3.
        field(field::TAGS, DataType::Json),
        text(field::MODALITY, 16),
        text(field::ERROR, TEXT),
        field(field::VECTOR, DataType::FloatVector).dimension(dimension as u32),
    ];
    CollectionSchema::new().fields(fields)
}

/// What the collection says of itself, for programs.
pub(super) fn properties(kind: &Kind) -> HashMap<String, String> {
    HashMap::from([
        ("clip.format".to_owned(), FORMAT.to_string()),
        ("clip.fingerprint".to_owned(), kind.fingerprint.clone()),
        ("clip.model".to_owned(), kind.model.clone()),
    ])
}

/// Whose vectors a collection holds, if it is one of ours.
pub(super) fn kind(found: &CollectionDesc) -> Result<Kind, Other> {
    let properties = found.get_properties();
    let property = |name: &str| {
        properties.get(name).ok_or_else(|| Other::Shape(format!("it has no property {name}")))
    };
    let format = property("clip.format")?;
    match format.parse() {
        Ok(FORMAT) => {}
        Ok(newer) if newer > FORMAT => return Err(Other::Newer(newer)),
        _ => return Err(Other::Shape(format!("its property clip.format is {format:?}"))),
    }
    let (fingerprint, model) = (property("clip.fingerprint")?, property("clip.model")?);
    let of =
        |name: &str| found.get_schema().get_fields().iter().find(|field| field.get_name() == name);
    for expected in schema(0).get_fields() {
        let name = expected.get_name();
        let field = of(name).ok_or_else(|| Other::Shape(format!("it has no field {name}")))?;
        if field.get_data_type() != expected.get_data_type() {
            return Err(Other::Shape(format!("its field {name} is of another type")));
        }
    }
    let dimension = of(field::VECTOR).map_or(0, |field| field.get_dimension() as usize);
    Ok(Kind { fingerprint: fingerprint.clone(), model: model.clone(), dimension })
}

/// How the vectors are looked for. 16 neighbors a vector, chosen from 200: what Milvus and its
/// relatives take where nothing is known of the vectors.
pub(super) fn index(index: ClusterIndex) -> IndexParam {
    let param = IndexParam::new().field_name(field::VECTOR).metric_type(MetricType::Ip);
    let graph = [("M", "16"), ("efConstruction", "200")];
    match index {
        ClusterIndex::Flat => param.index_type(IndexType::Flat),
        ClusterIndex::Hnsw => {
            let graph = graph.map(|(name, value)| (name.to_owned(), value.to_owned()));
            param.index_type(IndexType::Hnsw).extra_params(HashMap::from(graph))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Modality;

    fn description(
        properties: HashMap<String, String>,
        schema: CollectionSchema,
    ) -> CollectionDesc {
        CollectionDesc::new().properties(properties).schema(schema)
    }

    fn ours() -> Kind {
        Kind { fingerprint: "1".to_owned(), model: "tiny".to_owned(), dimension: 2 }
    }

    #[test]
    fn a_collection_of_ours_is_told_from_others() {
        let kind = |properties, schema| super::kind(&description(properties, schema));
        assert_eq!(kind(properties(&ours()), schema(2)), Ok(ours()));
        let missing = kind(HashMap::new(), schema(2));
        assert_eq!(missing, Err(Other::Shape("it has no property clip.format".to_owned())));
        let mut newer = properties(&ours());
        newer.insert("clip.format".to_owned(), "2".to_owned());
        assert_eq!(kind(newer, schema(2)), Err(Other::Newer(2)));
        let bare = kind(properties(&ours()), CollectionSchema::new());
        assert_eq!(bare, Err(Other::Shape("it has no field key".to_owned())));
    }

    #[test]
    fn every_modality_has_its_partition() {
        for partition in ITEMS {
            assert_eq!(Modality::named(partition).unwrap().name(), *partition);
        }
        assert_eq!((Modality::named(FAILED), Modality::named(KEPT)), (None, None));
    }
}
