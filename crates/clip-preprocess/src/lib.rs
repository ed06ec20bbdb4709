//! Picture file to normalized f32 CHW pixels, the way each CLIP reference does it.
