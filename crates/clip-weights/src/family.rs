//! Kinds of sources.

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// The layout of Hugging Face transformers.
    HuggingFace,
    /// The tensor names of OpenAI's code.
    OpenAi,
    /// The same names with a configuration of OpenCLIP's beside them.
    OpenClip,
    /// A file of ours, in another number format.
    Canonical,
}

impl Family {
    /// Name as users know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HuggingFace => "Hugging Face transformers",
            Self::OpenAi => "OpenAI",
            Self::OpenClip => "OpenCLIP",
            Self::Canonical => "converted before",
        }
    }
}
