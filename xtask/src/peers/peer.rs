//! What a peer is: one line of the tables.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clip_kernels::Isa;
use clip_weights::Dtype;

use super::Setup;
use super::isa::Kernels;
use super::model::Model;
use super::python::Environment;
use super::roster::PEERS;
use super::work::Work;

/// One line of the tables.
#[derive(Debug)]
pub(crate) struct Peer {
    /// For the command line and messages.
    pub(crate) name: &'static str,
    /// For the tables.
    pub(crate) label: &'static str,
    pub(crate) program: Program,
    pub(crate) numbers: Numbers,
    pub(crate) kernels: Kernels,
    /// Without it the numbers are widened and every product is slow, so that nobody would run it.
    pub(crate) needs: Option<Isa>,
    pub(crate) models: &'static [Model],
    pub(crate) works: &'static [Work],
}

/// How a peer is started.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// Our towers with weights in a number format.
    Ours(Dtype),
    /// The products of our image tower alone.
    Products,
    Candle,
    Python(Script),
}

/// A script with its options.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) file: &'static str,
    pub(crate) options: &'static [&'static str],
    /// What it imports beside what all scripts do.
    pub(crate) packages: &'static [&'static str],
    pub(crate) environment: &'static Environment,
    /// Steps of `prepare.py` beside the weights, in their order.
    pub(crate) steps: &'static [&'static str],
}

/// The arithmetic of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    F32,
    /// Fewer bits, so that vectors differ; the table says how much.
    Fewer,
    /// No vectors: a part of the work, to measure the others by.
    Yardstick,
}

/// Reads names on the command line.
pub(crate) fn by_name() -> impl TypedValueParser<Value = &'static Peer> {
    PossibleValuesParser::new(PEERS.iter().map(|peer| peer.name))
        .try_map(|name| PEERS.iter().copied().find(|peer| peer.name == name).ok_or("no such peer"))
}

impl Peer {
    /// Whether it does the work with that model.
    pub(crate) fn does(&self, work: Work, model: Model) -> bool {
        self.works.contains(&work) && self.models.contains(&model)
    }

    /// Why it cannot take part in a run, whatever is installed: one sentence.
    pub(crate) fn excluded(&self, setup: &Setup<'_>) -> Option<String> {
        if let Some(isa) = self.needs
            && !setup.machine.has(isa, setup.limit)
        {
            return Some(format!("it computes with {isa}, which is not there"));
        }
        let limit = setup.limit?;
        self.kernels.variables(limit).is_none().then(|| {
            format!("it has no switch that would hold it down to {} on this processor", limit.isa)
        })
    }

    /// For the table of a work, with what a limit does not reach.
    pub(crate) fn label(&self, setup: &Setup<'_>, work: Work) -> String {
        // Both crates ask the processor for AVX-512 themselves, and use no more than that.
        let own = match (self.kernels, work) {
            (Kernels::Ours, Work::Train) => "the `gemm` crate",
            (Kernels::OpenVino, _) => "MLAS",
            _ => return self.label.to_owned(),
        };
        match setup.limit {
            Some(limit) if limit.isa < Isa::Avx512 => {
                format!("{} (products by {own} are not held down)", self.label)
            }
            _ => self.label.to_owned(),
        }
    }

    /// Its packages with their versions, as people write them.
    pub(crate) fn versions(&self) -> Vec<String> {
        let names: &[&str] = match self.program {
            Program::Ours(_) | Program::Products => &[],
            Program::Candle => &[CANDLE],
            Program::Python(script) => script.packages,
        };
        names.iter().map(|name| name.replace("==", " ")).collect()
    }
}

/// As candle's own manifest pins it.
const CANDLE: &str = "candle==0.11.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candle_is_the_version_of_its_manifest() {
        let manifest = include_str!("../../../benches/peers/candle/Cargo.toml");
        let version = CANDLE.replace("candle==", "candle-transformers = \"=");
        assert!(manifest.contains(&version), "{version}");
    }
}
