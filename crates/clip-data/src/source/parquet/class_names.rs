//! Names of classes as the Hub's `datasets` keeps them: JSON under the key `huggingface`, in which
//! the features of type `ClassLabel` list their names.

use parquet::file::metadata::FileMetaData;
use serde_json::Value;

/// A column of class numbers, and the name of each number.
pub(super) type Feature = (String, Vec<String>);

/// The columns of class numbers that the file names.
pub(super) fn read(metadata: &FileMetaData) -> Vec<Feature> {
    let pairs = metadata.key_value_metadata().into_iter().flatten();
    let json = pairs.filter(|pair| pair.key == "huggingface").find_map(|pair| pair.value.as_ref());
    let json: Option<Value> = json.and_then(|json| serde_json::from_str(json).ok());
    let features = json.as_ref().and_then(|json| json.get("info")?.get("features")?.as_object());
    let feature = |(column, feature): (&String, &Value)| {
        let is_class = feature.get("_type").and_then(Value::as_str) == Some("ClassLabel");
        let names = feature.get("names").filter(|_| is_class)?.as_array()?;
        let names: Vec<String> =
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Some((column.clone(), names))
    };
    features.into_iter().flatten().filter_map(feature).collect()
}
