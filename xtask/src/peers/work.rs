//! What is compared.

use clap::ValueEnum;

use super::model::Model;

/// A work that peers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// The image tower: prepared pixels to vectors
    Image,
    /// The text tower: token ids to vectors
    Text,
    /// A folder of 12-megapixel JPEGs to vectors
    Folder,
    /// The ten nearest of a million vectors
    Search,
    /// Most of the ten nearest of a million vectors, by a graph
    Graph,
    /// A search from the start of its process to the answer
    Start,
    /// The memory that indexing 12-megapixel JPEGs takes
    Memory,
    /// Steps of training with 256 pictures and texts each
    Train,
}

impl Work {
    pub(crate) const ALL: [Self; 8] = [
        Self::Image,
        Self::Text,
        Self::Folder,
        Self::Search,
        Self::Graph,
        Self::Start,
        Self::Memory,
        Self::Train,
    ];

    /// As the command line and the marks of the page have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Text => "text",
            Self::Folder => "folder",
            Self::Search => "search",
            Self::Graph => "graph",
            Self::Start => "start",
            Self::Memory => "memory",
            Self::Train => "train",
        }
    }

    /// What its section of a page is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Image => "Image tower",
            Self::Text => "Text tower",
            Self::Folder => "Folder of pictures",
            Self::Search => "Search",
            Self::Graph => "Search by a graph",
            Self::Start => "Start to answer",
            Self::Memory => "Memory of indexing",
            Self::Train => "Training step",
        }
    }

    /// What is measured with a model.
    pub(crate) fn of(model: Model) -> &'static [Self] {
        match model {
            Model::VitB32 => &Self::ALL,
            Model::VitL14 | Model::Siglip2B16 => &[Self::Image, Self::Text],
            Model::EfficientNetLite0 => &[Self::Image],
        }
    }

    /// Items that run through the model at once, a column of the table each; none where processes are
    /// started and watched.
    pub(crate) fn batches(self, model: Model) -> &'static [usize] {
        match self {
            // 32 of a large model take half a minute by the slower peers.
            Self::Image if model == Model::VitL14 => &[1, 8],
            Self::Image => &[1, 8, 32],
            Self::Text | Self::Search | Self::Graph => &[1, 64],
            Self::Folder => &[32],
            Self::Start | Self::Memory | Self::Train => &[],
        }
    }

    /// What is counted.
    pub(crate) fn items(self) -> &'static str {
        match self {
            Self::Text => "texts",
            Self::Search | Self::Graph => "queries",
            _ => "pictures",
        }
    }

    /// Whether it runs the model.
    pub(crate) fn runs_towers(self) -> bool {
        !matches!(self, Self::Search | Self::Graph | Self::Train)
    }

    /// Whether peers are loaded at the same time and answer in turn.
    pub(crate) fn is_contest(self) -> bool {
        !matches!(self, Self::Start | Self::Memory | Self::Train)
    }

    /// Whether it searches vectors.
    pub(crate) fn searches(self) -> bool {
        matches!(self, Self::Search | Self::Graph)
    }

    /// Whether it reads the JPEGs.
    pub(crate) fn reads_files(self) -> bool {
        matches!(self, Self::Folder | Self::Memory)
    }

    /// The least cosine that vectors of the same arithmetic may have to the reference's; of a search, the
    /// scores of each query are its vector. Files are decoded and resized by each peer's own library,
    /// which moves pixels by some levels.
    pub(crate) fn least_cosine(self) -> f64 {
        match self {
            Self::Folder => 0.99,
            Self::Graph => 0.999,
            _ => 0.9999,
        }
    }
}
