//! How much of everything is taken: all of it is checked before work is done for it.

use std::time::Duration;

/// How much of everything is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of all bodies that are being read or worked on.
    pub buffered_bytes: usize,
    /// Million pixels of an image, by its header.
    pub max_megapixels: u32,
    /// Bytes of all images that are being decoded, but for one alone.
    pub decoding_bytes: u64,
    /// Texts in a request.
    pub texts: usize,
    /// Images in a request.
    pub images: usize,
    /// Texts that wait for the model; an image takes the room of [`IMAGE_COST`] of them.
    pub waiting: usize,
    /// Texts whose vectors are kept for the next search.
    pub cached_texts: usize,
    /// How long a request may take from its last byte to its answer.
    pub deadline: Duration,
    /// How long a client may take to send the head of a request; also how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long a client may take between two parts of a body.
    pub body_timeout: Duration,
    /// Connections at once. Beyond, the one that was idle longest is closed.
    pub connections: usize,
    /// How long a stop waits for what was accepted.
    pub stop_timeout: Duration,
}

/// The room of the queue that an image takes, in texts: its pixels take a thousand times as much memory, and
/// its encoding some ten times as long.
pub const IMAGE_COST: usize = 16;

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            body_bytes: 64 * MIB,
            buffered_bytes: 512 * MIB,
            max_megapixels: 100,
            decoding_bytes: 384 << 20,
            texts: 2048,
            images: 128,
            waiting: 256 * IMAGE_COST,
            cached_texts: 4096,
            deadline: Duration::from_secs(60),
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(15),
            connections: 512,
            stop_timeout: Duration::from_secs(30),
        }
    }
}
