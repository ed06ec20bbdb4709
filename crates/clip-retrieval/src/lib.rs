//! Stores unit vectors with metadata and returns ranked hits.
