//! What steps say: one line of JSON each, PyTorch's too. A run's file of records is these lines.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Half of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tower {
    Image,
    Text,
}

/// The numbers of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dtype {
    F32,
    Bf16,
    F16,
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    Ours,
    /// Ours with each operation by itself.
    Unfused,
    Eager,
    Compiled,
}

/// Whether kernels were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// They are compiled, and the fastest of them chosen (autotune).
    Cold,
    /// What was chosen is run.
    Warm,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// What is measured.
    Device { name: String, driver: String, dtypes: Vec<Dtype> },
    /// The CPU's vectors: how long they took, and the mean cosine of an item to the next one, which says how much a
    /// mistake would show.
    Reference { tower: Tower, items: usize, seconds: f64, neighbors: f64 },
    /// The device's vectors.
    Check {
        who: Who,
        tower: Tower,
        dtype: Dtype,
        phase: Phase,
        items: usize,
        lowest: f64,
        mean: f64,
        /// The median batch.
        seconds: f64,
    },
    /// Items a second: the median pass, the slowest and the fastest.
    Rate {
        who: Who,
        tower: Tower,
        dtype: Dtype,
        batch: usize,
        first_seconds: f64,
        rate: f64,
        low: f64,
        high: f64,
        /// The lowest to the reference, for PyTorch's to its own in f32; nothing where that was not computed.
        cosine: Option<f64>,
    },
    /// Pictures with a text each a second.
    Train { who: Who, batch: usize, first_seconds: f64, rate: f64 },
    /// A vector, and how long its weights were drawn, which a user's program does not do.
    Vector { drawing_seconds: f64 },
    /// From the start of a process to its vector, drawing left out.
    Start { again: bool, seconds: f64 },
    /// A version that belongs to the figures.
    Version { name: String, version: String },
    /// What was not measured.
    LeftOut { what: String, reason: String },
}

impl fmt::Display for Tower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "images",
            Self::Text => "texts",
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Unfused => "ours, unfused",
            Self::Eager => "PyTorch",
            Self::Compiled => "PyTorch, compiled",
        })
    }
}

impl fmt::Display for Record {
    /// A line to read while the run goes on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device { name, driver, dtypes } => {
                let dtypes: Vec<_> = dtypes.iter().map(Dtype::to_string).collect();
                write!(f, "{name}, {driver}; computes in {}", dtypes.join(", "))
            }
            Self::Reference { tower, items, seconds, neighbors } => write!(
                f,
                "{items} {tower} on the CPU in {seconds:.1} s, mean cosine of neighbors {neighbors:.3}"
            ),
            Self::Check { who, tower, dtype, phase, items, lowest, seconds, .. } => write!(
                f,
                "{who}, {dtype}, {items} {tower}, {phase}: lowest cosine {lowest:.6}, {seconds:.3} s a batch"
            ),
            Self::Rate { who, tower, dtype, batch, first_seconds, rate, cosine, .. } => {
                write!(
                    f,
                    "{who}, {dtype}, {batch} {tower}: {rate:.1} a second, first pass {first_seconds:.2} s"
                )?;
                match cosine {
                    Some(cosine) => write!(f, ", lowest cosine {cosine:.6}"),
                    None => Ok(()),
                }
            }
            Self::Train { who, batch, first_seconds, rate } => write!(
                f,
                "{who}, training steps of {batch}: {rate:.1} pictures a second, first step {first_seconds:.2} s"
            ),
            Self::Vector { .. } => f.write_str("a vector"),
            Self::Start { again, seconds } => {
                let again = if *again { " once more" } else { "" };
                write!(f, "start to vector{again}: {seconds:.2} s")
            }
            Self::Version { name, version } => write!(f, "{name} {version}"),
            Self::LeftOut { what, reason } => write!(f, "left out: {what}: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let line = r#"{"kind":"rate","who":"compiled","tower":"text","dtype":"bf16","batch":256,"first_seconds":9.5,"rate":100.0,"low":90.0,"high":110.0,"cosine":null}"#;
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(
            record.to_string(),
            "PyTorch, compiled, bf16, 256 texts: 100.0 a second, first pass 9.50 s"
        );
    }
}
