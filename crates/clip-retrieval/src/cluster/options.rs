//! What may be chosen in an [`Address`](super::Address).

/// What a reader of a cluster sees of what was written last, from the surest to the quickest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// Everything that any program has committed. Every question waits for the next tick of the
    /// cluster's clock, some 0.2 s.
    #[default]
    Strong,
    /// Everything that this program has committed; of others, what has arrived, which is what is
    /// older than a fraction of a second unless the cluster is busy.
    Session,
    /// Everything that is older than a few seconds.
    Bounded,
    /// What has arrived.
    Eventually,
}

/// How a cluster finds the nearest vectors; chosen where the collection is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ClusterIndex {
    /// A graph of near neighbors: fast for millions, and now and then misses one of the nearest.
    #[default]
    Hnsw,
    /// Every vector is compared: exact.
    Flat,
}

impl Consistency {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "strong" => Some(Self::Strong),
            "session" => Some(Self::Session),
            "bounded" => Some(Self::Bounded),
            "eventually" => Some(Self::Eventually),
            _ => None,
        }
    }
}

impl ClusterIndex {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "hnsw" => Some(Self::Hnsw),
            "flat" => Some(Self::Flat),
            _ => None,
        }
    }
}
