//! What a peer is: one line of the tables.

use clip_kernels::Isa;
use clip_weights::Dtype;

use super::isa::{Kernels, Limit};
use super::machine::Machine;
use super::model::Model;
use super::python::Environment;
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

impl Peer {
    /// Whether it does the work with that model.
    pub(crate) fn does(&self, work: Work, model: Model) -> bool {
        self.works.contains(&work) && self.models.contains(&model)
    }

    /// Why it cannot take part in a run, whatever is installed: one sentence.
    pub(crate) fn excluded(&self, machine: &Machine, limit: Option<&Limit>) -> Option<String> {
        if let Some(isa) = self.needs
            && !machine.has(isa, limit)
        {
            return Some(format!("it computes with {isa}, which is not there"));
        }
        let limit = limit?;
        self.kernels.variables(limit).is_none().then(|| {
            format!("it has no switch that would hold it down to {} on this processor", limit.isa)
        })
    }

    /// For the table of a work, with what a limit does not reach.
    pub(crate) fn label(&self, work: Work, limit: Option<&Limit>) -> String {
        // All of them ask the processor for AVX-512 themselves, and use no more than that.
        let own = match (self.kernels, self.program) {
            // Those of the loss; the towers' are held.
            (Kernels::Ours, _) if work == Work::Train => "Burn",
            // In 8 bits all products are oneDNN's.
            (Kernels::OpenVino, Program::Python(script)) if !script.steps.contains(&"nncf") => {
                "MLAS"
            }
            _ => return self.label.to_owned(),
        };
        match limit {
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
    use super::super::isa::limit;
    use super::super::roster::PEERS;
    use super::*;

    fn peer(name: &str) -> &'static Peer {
        PEERS.iter().find(|peer| peer.name == name).expect("a name of the roster")
    }

    #[test]
    fn candle_is_the_version_of_its_manifest() {
        let manifest = std::fs::read_to_string("../benches/peers/candle/Cargo.toml").unwrap();
        let version = CANDLE.replace("candle==", "candle-transformers = \"=");
        assert!(manifest.contains(&version), "{version}");
    }

    #[test]
    fn a_limit_leaves_out_those_that_it_cannot_hold() {
        let machine = Machine::with(&[Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16]);
        let left_out = |limit: Option<&Limit>| -> Vec<&str> {
            let excluded = PEERS.iter().filter(|peer| peer.excluded(&machine, limit).is_some());
            excluded.map(|peer| peer.name).collect()
        };
        assert_eq!(left_out(None), [""; 0]);
        let expected = [
            "products",
            "transformers-bf16",
            "transformers-compiled",
            "zentorch",
            "efficientnet-bf16",
            "efficientnet-compiled",
            "onnxruntime",
            "onnxruntime-int8",
            "onnxruntime-static",
            "usearch",
            "candle",
        ];
        assert_eq!(left_out(Some(limit("avx2"))), expected);
        let reason = peer("onnxruntime").excluded(&machine, Some(limit("avx2"))).unwrap();
        assert_eq!(reason, "it has no switch that would hold it down to avx2 on this processor");
        // Where nothing is above it nothing is held down, and bf16 is not there all the same.
        let machine = Machine::with(&[Isa::Scalar, Isa::Avx2]);
        assert_eq!(peer("onnxruntime").excluded(&machine, None), None);
        let reason = peer("transformers-bf16").excluded(&machine, None).unwrap();
        assert_eq!(reason, "it computes with avx512_bf16, which is not there");
    }

    #[test]
    fn a_row_says_what_its_limit_does_not_reach() {
        let label = |name, work, name_of_limit| peer(name).label(work, Some(limit(name_of_limit)));
        assert_eq!(
            label("openvino", Work::Image, "avx2"),
            "OpenVINO (products by MLAS are not held down)"
        );
        assert_eq!(label("openvino", Work::Image, "avx512"), "OpenVINO");
        assert_eq!(peer("openvino").label(Work::Image, None), "OpenVINO");
        assert_eq!(label("ours", Work::Image, "avx2"), "ours");
        assert_eq!(label("ours", Work::Train, "avx2"), "ours (products by Burn are not held down)");
    }
}
