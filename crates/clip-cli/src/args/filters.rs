//! Which items of the library count.

use clap::{Args, ValueEnum};
use clip_retrieval::{Filter, Modality, Orientation, PathGlob};
use clip_search::date;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Pictures, texts of `index --texts`, or both
    #[arg(long, value_enum, default_value_t = ModalityArg::Image)]
    modality: ModalityArg,

    /// Files like *.png or 2019/**/*.jpg, in upper or lower case (repeatable: any of them)
    #[arg(short, long, value_name = "PATTERN")]
    glob: Vec<PathGlob>,

    /// With this tag, of the picture's own keywords (XMP, IPTC) or of `index --tag`; case counts
    /// (repeatable: all of them)
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// Taken at this date or later, by the camera's clock: 2019, 2019-07 or 2019-07-31
    #[arg(long, value_name = "DATE", value_parser = date::parse)]
    after: Option<i64>,

    /// Taken before this date
    #[arg(long, value_name = "DATE", value_parser = date::parse)]
    before: Option<i64>,

    /// With at least so many pixels on the longer side
    #[arg(long, value_name = "PIXELS")]
    min_side: Option<u32>,

    /// Of this shape
    #[arg(long, value_enum)]
    orientation: Option<OrientationArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModalityArg {
    /// Pictures
    Image,
    /// Texts
    Text,
    /// Pictures and texts
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrientationArg {
    /// Wider than high
    Landscape,
    /// Higher than wide
    Portrait,
    /// As wide as high
    Square,
}

impl FilterArgs {
    /// What is asked for, as the library takes it.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            modality: match self.modality {
                ModalityArg::Image => Some(Modality::Image),
                ModalityArg::Text => Some(Modality::Text),
                ModalityArg::Any => None,
            },
            globs: self.glob.clone(),
            tags: self.tag.clone(),
            taken_from: self.after,
            taken_before: self.before,
            min_side: self.min_side,
            orientation: self.orientation.map(|orientation| match orientation {
                OrientationArg::Landscape => Orientation::Landscape,
                OrientationArg::Portrait => Orientation::Portrait,
                OrientationArg::Square => Orientation::Square,
            }),
            ..Filter::default()
        }
    }
}
