//! What is compared.

use clap::ValueEnum;

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
}

impl Work {
    pub(crate) const ALL: [Self; 7] = [
        Self::Image,
        Self::Text,
        Self::Folder,
        Self::Search,
        Self::Graph,
        Self::Start,
        Self::Memory,
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
        }
    }

    /// Items that run through the model at once, a column of the table each; none where processes are
    /// started and watched.
    pub(crate) fn batches(self) -> &'static [usize] {
        match self {
            Self::Image => &[1, 8, 32],
            Self::Text => &[1, 64],
            Self::Folder => &[32],
            Self::Search | Self::Graph => &[1, 64],
            Self::Start | Self::Memory => &[],
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
        !matches!(self, Self::Search | Self::Graph)
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
