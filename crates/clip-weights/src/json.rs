//! JSON files whose fields have defaults, with errors that name the field and its value.

use std::path::Path;

use serde_json::{Map, Value};

use crate::path::file_name;
use crate::{Error, Result};

/// No size of a model is larger; keeps a damaged file from asking for all memory.
const MAX_SIZE: u64 = 1 << 20;

/// Reads a JSON file.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::Json { path: path.to_owned(), reason: error.to_string() })
}

/// One JSON object of a file.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    file: String,
    /// Path of the object in the file, with a point at its end.
    prefix: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The top of a file; `None` where the file is not there.
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Option<Self>> {
        let path = folder.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        match read(&path)? {
            Value::Object(map) => {
                Ok(Some(Self { file: file_name(&path), prefix: String::new(), map }))
            }
            _ => Err(Error::Json { path, reason: "it is not an object".to_owned() }),
        }
    }

    /// Names of all fields, sorted.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// The file, and the field's path in it.
    pub(crate) fn place(&self, key: &str) -> (String, String) {
        (self.file.clone(), format!("{}{key}", self.prefix))
    }

    /// The field; `null` is as good as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A field that is an object itself.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self {
                file: self.file.clone(),
                prefix: format!("{}{key}.", self.prefix),
                map: map.clone(),
            })),
            Some(_) => Err(self.unsupported(key, "an object")),
        }
    }

    /// An object without fields in the place of one that is absent.
    pub(crate) fn empty(&self, key: &str) -> Self {
        let prefix = format!("{}{key}.", self.prefix);
        Self { file: self.file.clone(), prefix, map: Map::new() }
    }

    /// A whole number from 1.
    pub(crate) fn size(&self, key: &str, default: usize) -> Result<usize> {
        self.at_most(key, default, MAX_SIZE)
    }

    /// A whole number from 1 to `max`.
    pub(crate) fn at_most(&self, key: &str, default: usize, max: u64) -> Result<usize> {
        let Some(value) = self.get(key) else { return Ok(default) };
        match value.as_u64() {
            Some(size) if (1..=max).contains(&size) => Ok(size as usize),
            _ => Err(self.unsupported(key, &format!("a whole number from 1 to {max}"))),
        }
    }

    /// A token id.
    pub(crate) fn id(&self, key: &str, default: u32) -> Result<u32> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| self.unsupported(key, "one token id"))
    }

    pub(crate) fn number(&self, key: &str, default: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_f64().ok_or_else(|| self.unsupported(key, "a number"))
    }

    /// Three numbers, one for each channel.
    pub(crate) fn channels(&self, key: &str, default: [f32; 3]) -> Result<[f32; 3]> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let numbers: Option<Vec<f32>> = value
            .as_array()
            .and_then(|list| list.iter().map(|v| v.as_f64().map(|v| v as f32)).collect());
        let channels = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
        channels.ok_or_else(|| self.unsupported(key, "three numbers"))
    }

    /// A text out of a choice, each with its meaning.
    pub(crate) fn choice<T: Copy>(&self, key: &str, default: T, choice: &[(&str, T)]) -> Result<T> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let found = choice.iter().find(|(name, _)| value.as_str() == Some(name));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let names: Vec<_> = choice.iter().map(|(name, _)| *name).collect();
            self.unsupported(key, &names.join(" or "))
        })
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.unsupported(key, "true or false"))
    }

    /// The error for a field that is not `supported`.
    pub(crate) fn unsupported(&self, key: &str, supported: &str) -> Error {
        let (file, field) = self.place(key);
        Error::Unsupported {
            file,
            field,
            value: self.map.get(key).unwrap_or(&Value::Null).to_string(),
            supported: supported.to_owned(),
        }
    }
}
