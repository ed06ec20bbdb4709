//! Text to CLIP token ids, the way each CLIP reference does it.
