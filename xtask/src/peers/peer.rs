//! Who takes part.

use clap::builder::{PossibleValuesParser, TypedValueParser};

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
    pub(crate) works: &'static [Work],
}

/// How a peer is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Ours {
        options: &'static [&'static str],
    },
    Candle,
    /// A script with its options.
    Python {
        script: &'static str,
        options: &'static [&'static str],
        /// What it imports beside what all scripts do.
        packages: &'static [&'static str],
        towers: Towers,
    },
}

/// What a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towers {
    HuggingFace,
    Onnx,
    /// None: it searches vectors.
    Without,
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

/// What the towers are written as ONNX with.
pub(crate) const ONNX: &[&str] = &["onnx==1.23.2", "onnxscript==0.7.2", ONNXRUNTIME];

const ONNXRUNTIME: &str = "onnxruntime==1.32.0";

const TOWERS: &[Work] = &[Work::Image, Work::Text];

/// This project.
pub(crate) static OURS: Peer = Peer {
    name: "ours",
    label: "ours",
    program: Program::Ours { options: &[] },
    numbers: Numbers::F32,
    works: &Work::ALL,
};

/// The peer that the others must agree with where the model is run.
pub(crate) static REFERENCE: Peer = Peer {
    name: "transformers",
    label: "transformers (PyTorch, sdpa)",
    program: Program::Python {
        script: "peer_transformers.py",
        options: &[],
        packages: &[],
        towers: Towers::HuggingFace,
    },
    numbers: Numbers::F32,
    works: &[Work::Image, Work::Text, Work::Folder, Work::Start, Work::Memory],
};

const FAISS: &str = "faiss-cpu==1.15.1";

/// The peer that the others must agree with in searches.
static FLAT: Peer = Peer {
    name: "faiss",
    label: "faiss, f32",
    program: Program::Python {
        script: "peer_faiss.py",
        options: &[],
        packages: &[FAISS],
        towers: Towers::Without,
    },
    numbers: Numbers::F32,
    works: &[Work::Search, Work::Graph],
};

/// The peer that says what is right.
pub(crate) fn reference(work: Work) -> &'static Peer {
    if work.runs_towers() { &REFERENCE } else { &FLAT }
}

/// All, in the order of the tables.
pub(crate) static PEERS: &[&Peer] = &[
    &OURS,
    &Peer {
        name: "ours-int8",
        label: "ours, int8",
        program: Program::Ours { options: &["--int8"] },
        numbers: Numbers::Fewer,
        works: &[Work::Image, Work::Folder],
    },
    &Peer {
        name: "products",
        label: "the tower's products alone, by the `gemm` crate",
        program: Program::Ours { options: &["--products"] },
        numbers: Numbers::Yardstick,
        works: &[Work::Image],
    },
    &REFERENCE,
    &Peer {
        name: "transformers-pillow",
        label: "transformers, pictures by Pillow",
        program: Program::Python {
            script: "peer_transformers.py",
            options: &["--pillow"],
            packages: &[],
            towers: Towers::HuggingFace,
        },
        numbers: Numbers::F32,
        works: &[Work::Folder],
    },
    &Peer {
        name: "open-clip",
        label: "OpenCLIP (PyTorch)",
        program: Program::Python {
            script: "peer_open_clip.py",
            options: &[],
            packages: &["open_clip_torch==3.3.0"],
            towers: Towers::HuggingFace,
        },
        numbers: Numbers::F32,
        works: TOWERS,
    },
    &Peer {
        name: "onnxruntime",
        label: "ONNX Runtime",
        program: Program::Python {
            script: "peer_onnxruntime.py",
            options: &[],
            packages: &[ONNXRUNTIME],
            towers: Towers::Onnx,
        },
        numbers: Numbers::F32,
        works: &[Work::Image, Work::Text, Work::Folder],
    },
    &Peer {
        name: "onnxruntime-int8",
        label: "ONNX Runtime, int8",
        program: Program::Python {
            script: "peer_onnxruntime.py",
            options: &["--int8"],
            packages: &[ONNXRUNTIME],
            towers: Towers::Onnx,
        },
        numbers: Numbers::Fewer,
        works: TOWERS,
    },
    &Peer {
        name: "openvino",
        label: "OpenVINO",
        program: Program::Python {
            script: "peer_openvino.py",
            options: &[],
            packages: &["openvino==2026.4.1"],
            towers: Towers::Onnx,
        },
        numbers: Numbers::F32,
        works: TOWERS,
    },
    &Peer {
        name: "openvino-bf16",
        label: "OpenVINO, bf16",
        program: Program::Python {
            script: "peer_openvino.py",
            options: &["--precision", "bf16"],
            packages: &["openvino==2026.4.1"],
            towers: Towers::Onnx,
        },
        numbers: Numbers::Fewer,
        works: TOWERS,
    },
    &FLAT,
    &Peer {
        name: "faiss-fp16",
        label: "faiss, fp16",
        program: Program::Python {
            script: "peer_faiss.py",
            options: &["--fp16"],
            packages: &[FAISS],
            towers: Towers::Without,
        },
        numbers: Numbers::Fewer,
        works: &[Work::Search],
    },
    &Peer {
        name: "usearch",
        label: "usearch, exact, f16",
        program: Program::Python {
            script: "peer_usearch.py",
            options: &[],
            packages: &["usearch==2.26.6"],
            towers: Towers::Without,
        },
        numbers: Numbers::Fewer,
        works: &[Work::Search],
    },
    &Peer {
        name: "candle",
        label: "candle",
        program: Program::Candle,
        numbers: Numbers::F32,
        works: TOWERS,
    },
];

/// Reads names on the command line.
pub(crate) fn by_name() -> impl TypedValueParser<Value = &'static Peer> {
    PossibleValuesParser::new(PEERS.iter().map(|peer| peer.name))
        .try_map(|name| PEERS.iter().copied().find(|peer| peer.name == name).ok_or("no such peer"))
}

impl Peer {
    /// Whether it runs the towers as ONNX.
    pub(crate) fn reads_onnx(&self) -> bool {
        matches!(self.program, Program::Python { towers: Towers::Onnx, .. })
    }

    /// Its packages with their versions, as people write them.
    pub(crate) fn versions(&self) -> Vec<String> {
        let names: &[&str] = match self.program {
            Program::Ours { .. } => &[],
            Program::Candle => &[CANDLE],
            Program::Python { packages, .. } => packages,
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
