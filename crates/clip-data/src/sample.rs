use serde::{Deserialize, Serialize};

/// What is known about one picture, without the picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Identifies the picture: the `id` of its metadata, or its name in the shard or folder.
    pub key: String,
    /// What the picture shows; where the data has only captions, the first of them.
    pub name: String,
    /// Other words for it, the best first.
    pub keywords: Vec<String>,
    /// Whole sentences about it.
    pub captions: Vec<String>,
    /// What kind of picture it is.
    pub kind: Kind,
    /// The collection that it is from, where the data says so.
    pub source: Option<String>,
    /// The license, where the data says so.
    pub license: Option<String>,
    /// Number of its class, in data made for classification.
    pub class: Option<usize>,
    /// Which of the captions is the `.txt` file of a shard.
    pub(crate) text_file: Option<usize>,
}

/// What kind of picture one is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A photograph.
    Photo,
    /// An emoji or icon, usually cut out.
    Emoji,
    /// A drawing, usually cut out.
    Drawing,
    /// The data does not say, or says something else.
    #[default]
    #[serde(other)]
    Other,
}

impl Kind {
    pub(crate) fn from_word(word: &str) -> Self {
        match word.trim().to_lowercase().as_str() {
            "photo" | "photograph" => Self::Photo,
            "emoji" => Self::Emoji,
            "drawing" => Self::Drawing,
            _ => Self::Other,
        }
    }
}

impl Sample {
    /// The captions one by one. A `.txt` file in a shard has one a line, as CLIP_benchmark keeps
    /// several of them; a line end in any other caption belongs to it.
    pub fn single_captions(&self) -> impl Iterator<Item = &str> {
        self.captions.iter().enumerate().flat_map(|(at, caption)| {
            let (lines, whole) = match self.text_file == Some(at) {
                true => (Some(caption.lines()), None),
                false => (None, Some(caption.as_str())),
            };
            let captions = lines.into_iter().flatten().chain(whole);
            captions.map(str::trim).filter(|caption| !caption.is_empty())
        })
    }

    /// Whether the name is a concept of its own, not a caption in place of one.
    pub fn has_concept(&self) -> bool {
        self.captions.first() != Some(&self.name)
    }
}
