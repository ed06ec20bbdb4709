//! Holding a run down to an older instruction set: each library has a switch of its own, or none.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clip_kernels::{Isa, MAX_CPU_ISA};

/// The highest instruction set that a run may use, and how each library spells it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) isa: Isa,
    aten: &'static str,
    onednn: &'static str,
    mkl: &'static str,
    faiss: &'static str,
    openblas: &'static str,
}

/// What `--isa` takes. Libraries that have no such level are held down to the next lower one.
static LIMITS: [Limit; 5] = [
    Limit {
        isa: Isa::Avx2,
        aten: "avx2",
        onednn: "AVX2",
        mkl: "AVX2",
        faiss: "AVX2",
        openblas: "Haswell",
    },
    Limit {
        isa: Isa::Avx2Vnni,
        aten: "avx2",
        onednn: "AVX2_VNNI",
        mkl: "AVX2",
        faiss: "AVX2",
        openblas: "Haswell",
    },
    Limit {
        isa: Isa::Avx512,
        aten: "avx512",
        onednn: "AVX512_CORE",
        mkl: "AVX512",
        faiss: "AVX512",
        openblas: "SkylakeX",
    },
    Limit {
        isa: Isa::Avx512Vnni,
        aten: "avx512",
        onednn: "AVX512_CORE_VNNI",
        mkl: "AVX512_E1",
        faiss: "AVX512",
        openblas: "SkylakeX",
    },
    Limit {
        isa: Isa::Avx512Bf16,
        aten: "avx512",
        onednn: "AVX512_CORE_BF16",
        mkl: "AVX512_E3",
        faiss: "AVX512",
        openblas: "SkylakeX",
    },
];

/// Whose kernels a peer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernels {
    /// This project's.
    Ours,
    /// PyTorch's own, oneDNN's and MKL's.
    PyTorch,
    /// oneDNN's, in OpenVINO.
    OpenVino,
    /// faiss's own and OpenBLAS's.
    Faiss,
    /// Somebody's who has no switch.
    Unlimited,
}

/// An environment variable and its value.
pub(crate) type Variable = (&'static str, &'static str);

impl Kernels {
    /// What holds them down; nothing where they cannot be.
    pub(crate) fn variables(self, limit: &Limit) -> Option<Vec<Variable>> {
        let onednn = ("ONEDNN_MAX_CPU_ISA", limit.onednn);
        match self {
            Self::Ours => Some(vec![(MAX_CPU_ISA, limit.isa.name())]),
            Self::PyTorch => Some(vec![
                ("ATEN_CPU_CAPABILITY", limit.aten),
                onednn,
                ("MKL_ENABLE_INSTRUCTIONS", limit.mkl),
            ]),
            Self::OpenVino => Some(vec![onednn]),
            Self::Faiss => {
                Some(vec![("FAISS_SIMD_LEVEL", limit.faiss), ("OPENBLAS_CORETYPE", limit.openblas)])
            }
            Self::Unlimited => None,
        }
    }
}

/// A switch that is set already: it would hold down some peers and not others.
pub(crate) fn set_by_hand(is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    let all = [Kernels::Ours, Kernels::PyTorch, Kernels::OpenVino, Kernels::Faiss];
    let variables = all.into_iter().filter_map(|kernels| kernels.variables(&LIMITS[0])).flatten();
    variables.map(|(name, _)| name).find(|name| is_set(name))
}

/// Reads a name on the command line.
pub(crate) fn by_name() -> impl TypedValueParser<Value = &'static Limit> {
    PossibleValuesParser::new(LIMITS.iter().map(|limit| limit.isa.name()))
        .try_map(|name| of(&name).ok_or("no such instruction set"))
}

fn of(name: &str) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| limit.isa.name() == name)
}

/// The limit of that name.
#[cfg(test)]
pub(crate) fn limit(name: &str) -> &'static Limit {
    of(name).expect("the name of a limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_is_held_down_by_its_own_switch() {
        let check = |kernels: Kernels, name, expected: &[Variable]| {
            assert_eq!(kernels.variables(limit(name)).as_deref(), Some(expected), "{kernels:?}");
        };
        check(Kernels::Ours, "avx2", &[("CLIP_MAX_CPU_ISA", "avx2")]);
        check(
            Kernels::PyTorch,
            "avx2",
            &[
                ("ATEN_CPU_CAPABILITY", "avx2"),
                ("ONEDNN_MAX_CPU_ISA", "AVX2"),
                ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
            ],
        );
        check(Kernels::OpenVino, "avx512_vnni", &[("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")]);
        check(
            Kernels::Faiss,
            "avx2_vnni",
            &[("FAISS_SIMD_LEVEL", "AVX2"), ("OPENBLAS_CORETYPE", "Haswell")],
        );
        assert_eq!(Kernels::Unlimited.variables(limit("avx2")), None);
    }

    #[test]
    fn limits_are_in_the_order_of_the_sets() {
        assert!(LIMITS.is_sorted_by_key(|limit| limit.isa));
    }

    #[test]
    fn a_switch_that_is_set_is_noticed() {
        assert_eq!(set_by_hand(|name| name == "ONEDNN_MAX_CPU_ISA"), Some("ONEDNN_MAX_CPU_ISA"));
        assert_eq!(set_by_hand(|name| name == "OMP_NUM_THREADS"), None);
    }
}
