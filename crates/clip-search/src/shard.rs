//! Parts of many images, for several machines.

use std::path::Path;
use std::str::FromStr;

use crate::{Error, Result};

/// One part of some equal ones, written `2/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    number: u64,
    of: u64,
}

impl Shard {
    /// Whether a path belongs to the part: by its name alone, so that all machines agree.
    pub fn has(self, path: &Path) -> bool {
        let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
        let first = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        first % self.of == self.number
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').map(|(number, of)| (number.parse(), of.parse()));
        match numbers {
            Some((Ok(number), Ok(of))) if (1..=of).contains(&number) => {
                let number: u64 = number;
                Ok(Self { number: number - 1, of })
            }
            _ => Err(Error::Shard { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_is_in_one_part() {
        let parts: Vec<Shard> = (1..=3).map(|i| format!("{i}/3").parse().unwrap()).collect();
        let mut counts = [0; 3];
        for i in 0..300 {
            let path = format!("/photos/{i}.jpg");
            let of: Vec<usize> = (0..3).filter(|part| parts[*part].has(path.as_ref())).collect();
            let [part] = of.try_into().unwrap();
            counts[part] += 1;
        }
        assert!(counts.iter().all(|count| (70..130).contains(count)), "{counts:?}");
        // On every machine and in every version.
        assert!("2/3".parse::<Shard>().unwrap().has("/photos/0.jpg".as_ref()));
    }

    #[test]
    fn other_texts_are_no_parts() {
        for text in ["", "1", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
