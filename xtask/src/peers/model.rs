//! The models that are compared.

use clap::ValueEnum;

/// A model with random weights, made by `prepare.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// OpenAI's smallest; works beside the towers are measured with it alone
    #[value(name = "vit-b-32")]
    VitB32,
    /// OpenAI's large one
    #[value(name = "vit-l-14")]
    VitL14,
    /// SigLIP 2's base model for pictures of 224 pixels
    #[value(name = "siglip2-b-16")]
    Siglip2B16,
    /// The convolutional stem EfficientNet-Lite0 at 192 pixels, an image tower alone
    #[value(name = "efficientnet-lite0-192")]
    EfficientNetLite0,
}

impl Model {
    /// As the command line and the folder of its files have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VitB32 => "vit-b-32",
            Self::VitL14 => "vit-l-14",
            Self::Siglip2B16 => "siglip2-b-16",
            Self::EfficientNetLite0 => "efficientnet-lite0-192",
        }
    }

    /// As people write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::VitB32 => "ViT-B/32",
            Self::VitL14 => "ViT-L/14",
            Self::Siglip2B16 => "SigLIP 2 B/16",
            Self::EfficientNetLite0 => "EfficientNet-Lite0 at 192 pixels",
        }
    }

    /// What its files are made with, beside what all scripts have.
    pub(crate) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::VitB32 | Self::VitL14 | Self::EfficientNetLite0 => &[],
            Self::Siglip2B16 => &["open_clip_torch==3.3.0", "sentencepiece==0.2.3", "protobuf"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_the_names() {
        for model in Model::value_variants() {
            assert_eq!(model.to_possible_value().unwrap().get_name(), model.name());
        }
    }
}
