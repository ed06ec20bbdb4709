//! Reads foreign CLIP checkpoints, downloads them, and writes the canonical file.
