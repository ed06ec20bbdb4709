//! Who takes part.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clip_kernels::Isa;
use clip_weights::Dtype;

use super::isa::Kernels;
use super::model::Model;
use super::peer::{Numbers, Peer, Program, Script};
use super::python::{COMMON, ZENTORCH};
use super::work::Work;

const ALL: &[Model] = &[Model::VitB32, Model::VitL14, Model::Siglip2B16, Model::EfficientNetLite0];
const TRANSFORMERS: &[Model] = &[Model::VitB32, Model::VitL14, Model::Siglip2B16];
const CLIP: &[Model] = &[Model::VitB32, Model::VitL14];
const B32: &[Model] = &[Model::VitB32];
const STEM: &[Model] = &[Model::EfficientNetLite0];

const TOWERS: &[Work] = &[Work::Image, Work::Text];

const ONNX: &str = "onnx==1.23.2";
const ONNXSCRIPT: &str = "onnxscript==0.7.2";
const ONNXRUNTIME: &str = "onnxruntime==1.32.0";
const OPENVINO: &str = "openvino==2026.4.1";
const FAISS: &str = "faiss-cpu==1.15.1";

/// This project.
pub(crate) static OURS: Peer = ours("ours", "ours", Dtype::F32, &Work::ALL);

/// The peer that the others must agree with where the model is run.
pub(crate) static REFERENCE: Peer = Peer {
    works: &[Work::Image, Work::Text, Work::Folder, Work::Start, Work::Memory, Work::Train],
    ..pytorch("transformers", "transformers (PyTorch, sdpa)", &[])
};

/// The peer that the others must agree with in searches.
static FLAT: Peer = faiss("faiss", "faiss, f32", &[]);

/// The peer that the others must agree with where the model is a convolutional stem.
static STEM_REFERENCE: Peer = stem("efficientnet", "PyTorch", &[]);

/// The peer that says what is right.
pub(crate) fn reference(work: Work, model: Model) -> &'static Peer {
    match model {
        _ if work.searches() => &FLAT,
        Model::EfficientNetLite0 => &STEM_REFERENCE,
        _ => &REFERENCE,
    }
}

/// Reads names on the command line.
pub(crate) fn by_name() -> impl TypedValueParser<Value = &'static Peer> {
    PossibleValuesParser::new(PEERS.iter().map(|peer| peer.name))
        .try_map(|name| PEERS.iter().copied().find(|peer| peer.name == name).ok_or("no such peer"))
}

/// All, in the order of the tables.
pub(crate) static PEERS: &[&Peer] = &[
    &OURS,
    &Peer {
        numbers: Numbers::Fewer,
        ..ours("ours-bf16", "ours, bf16", Dtype::Bf16, &[Work::Image, Work::Text, Work::Train])
    },
    &Peer {
        numbers: Numbers::Fewer,
        ..ours("ours-int8", "ours, int8", Dtype::Int8, &[Work::Image, Work::Text, Work::Folder])
    },
    &Peer {
        name: "products",
        label: "the tower's products alone, by the `gemm` crate",
        program: Program::Products,
        numbers: Numbers::Yardstick,
        kernels: Kernels::Unlimited,
        needs: None,
        models: B32,
        works: &[Work::Image],
    },
    &REFERENCE,
    &Peer {
        works: &[Work::Folder],
        ..pytorch("transformers-pillow", "transformers, pictures by Pillow", &["--pillow"])
    },
    &Peer {
        works: &[Work::Image, Work::Text, Work::Train],
        ..pytorch_bf16("transformers-bf16", "transformers, bf16", &["--bf16"])
    },
    &pytorch_bf16(
        "transformers-compiled",
        "transformers, bf16, `torch.compile`",
        &["--bf16", "--compile", "inductor"],
    ),
    &Peer {
        program: Program::Python(Script {
            packages: &["zentorch==2.14.0.1", "torch==2.14.0"],
            environment: &ZENTORCH,
            ..script("peer_transformers.py", &["--bf16", "--compile", "zentorch"])
        }),
        kernels: Kernels::Unlimited,
        ..pytorch_bf16("zentorch", "transformers, bf16, `torch.compile` by zentorch", &[])
    },
    &Peer {
        program: Program::Python(Script {
            packages: &["open_clip_torch==3.3.0"],
            ..script("peer_open_clip.py", &[])
        }),
        models: CLIP,
        ..pytorch("open-clip", "OpenCLIP (PyTorch)", &[])
    },
    &STEM_REFERENCE,
    &Peer {
        numbers: Numbers::Fewer,
        needs: Some(Isa::Avx512Bf16),
        ..stem("efficientnet-bf16", "PyTorch, bf16", &["--bf16"])
    },
    &Peer {
        numbers: Numbers::Fewer,
        needs: Some(Isa::Avx512Bf16),
        ..stem("efficientnet-compiled", "PyTorch, bf16, `torch.compile`", &["--bf16", "--compile"])
    },
    &Peer {
        works: &[Work::Image, Work::Text, Work::Folder],
        models: ALL,
        ..onnxruntime("onnxruntime", "ONNX Runtime", &["onnx"], &[])
    },
    &Peer {
        numbers: Numbers::Fewer,
        ..onnxruntime(
            "onnxruntime-int8",
            "ONNX Runtime, int8, dynamic",
            &["onnx", "onnx-dynamic"],
            &["--files", "onnx-dynamic"],
        )
    },
    &Peer {
        numbers: Numbers::Fewer,
        ..onnxruntime(
            "onnxruntime-static",
            "ONNX Runtime, int8, static",
            &["onnx", "onnx-static"],
            &["--files", "onnx-static"],
        )
    },
    &Peer { models: ALL, ..openvino("openvino", "OpenVINO", &["--precision", "f32"]) },
    &Peer {
        numbers: Numbers::Fewer,
        models: ALL,
        ..openvino("openvino-default", "OpenVINO as it comes", &[])
    },
    &Peer {
        program: Program::Python(Script {
            packages: &[ONNX, ONNXSCRIPT, OPENVINO, "nncf==3.4.0"],
            steps: &["onnx", "nncf"],
            ..script("peer_openvino.py", &["--files", "nncf"])
        }),
        numbers: Numbers::Fewer,
        ..openvino("openvino-int8", "OpenVINO, int8, static by NNCF", &[])
    },
    &FLAT,
    &Peer {
        numbers: Numbers::Fewer,
        works: &[Work::Search],
        ..faiss("faiss-fp16", "faiss, fp16", &["--fp16"])
    },
    &Peer {
        name: "usearch",
        label: "usearch, exact, f16",
        program: Program::Python(Script {
            packages: &["usearch==2.26.6"],
            ..script("peer_usearch.py", &[])
        }),
        numbers: Numbers::Fewer,
        kernels: Kernels::Unlimited,
        needs: None,
        models: B32,
        works: &[Work::Search],
    },
    &Peer {
        name: "candle",
        label: "candle",
        program: Program::Candle,
        numbers: Numbers::F32,
        kernels: Kernels::Unlimited,
        needs: None,
        models: B32,
        works: TOWERS,
    },
];

const fn ours(
    name: &'static str,
    label: &'static str,
    dtype: Dtype,
    works: &'static [Work],
) -> Peer {
    Peer {
        name,
        label,
        program: Program::Ours(dtype),
        numbers: Numbers::F32,
        kernels: Kernels::Ours,
        needs: None,
        models: ALL,
        works,
    }
}

const fn script(file: &'static str, options: &'static [&'static str]) -> Script {
    Script { file, options, packages: &[], environment: &COMMON, steps: &[] }
}

const fn pytorch(
    name: &'static str,
    label: &'static str,
    options: &'static [&'static str],
) -> Peer {
    Peer {
        name,
        label,
        program: Program::Python(script("peer_transformers.py", options)),
        numbers: Numbers::F32,
        kernels: Kernels::PyTorch,
        needs: None,
        models: TRANSFORMERS,
        works: TOWERS,
    }
}

const fn stem(name: &'static str, label: &'static str, options: &'static [&'static str]) -> Peer {
    Peer {
        program: Program::Python(script("peer_efficientnet.py", options)),
        models: STEM,
        works: &[Work::Image],
        ..pytorch(name, label, &[])
    }
}

const fn pytorch_bf16(
    name: &'static str,
    label: &'static str,
    options: &'static [&'static str],
) -> Peer {
    Peer { numbers: Numbers::Fewer, needs: Some(Isa::Avx512Bf16), ..pytorch(name, label, options) }
}

/// `steps` make the files that `options` name.
const fn onnxruntime(
    name: &'static str,
    label: &'static str,
    steps: &'static [&'static str],
    options: &'static [&'static str],
) -> Peer {
    Peer {
        program: Program::Python(Script {
            packages: &[ONNX, ONNXSCRIPT, ONNXRUNTIME],
            steps,
            ..script("peer_onnxruntime.py", options)
        }),
        kernels: Kernels::Unlimited,
        ..pytorch(name, label, &[])
    }
}

const fn openvino(
    name: &'static str,
    label: &'static str,
    options: &'static [&'static str],
) -> Peer {
    Peer {
        program: Program::Python(Script {
            packages: &[ONNX, ONNXSCRIPT, OPENVINO],
            steps: &["onnx"],
            ..script("peer_openvino.py", options)
        }),
        kernels: Kernels::OpenVino,
        ..pytorch(name, label, &[])
    }
}

const fn faiss(name: &'static str, label: &'static str, options: &'static [&'static str]) -> Peer {
    Peer {
        name,
        label,
        program: Program::Python(Script { packages: &[FAISS], ..script("peer_faiss.py", options) }),
        numbers: Numbers::F32,
        kernels: Kernels::Faiss,
        needs: None,
        models: B32,
        works: &[Work::Search, Work::Graph],
    }
}
