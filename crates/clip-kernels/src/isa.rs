//! Instruction sets by name, and the limit that a user sets on them.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// The environment variable that limits the instruction sets, as `ONEDNN_MAX_CPU_ISA` does for
/// oneDNN. It is read once, when the first kernel is selected.
pub const MAX_CPU_ISA: &str = "CLIP_MAX_CPU_ISA";

/// An instruction set that kernels are written for, from the oldest to the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// What every processor of the target has.
    Scalar,
    /// NEON (aarch64).
    Neon,
    /// AVX2 with FMA and F16C (x86-64-v3).
    Avx2,
    /// AVX-VNNI: products of 8-bit integers in 256-bit registers.
    Avx2Vnni,
    /// AVX-512 F, BW, CD, DQ and VL (x86-64-v4).
    Avx512,
    /// AVX-512 VNNI: products of 8-bit integers in 512-bit registers.
    Avx512Vnni,
    /// AVX-512 BF16: products of bfloat16.
    Avx512Bf16,
}

/// A name that is not that of an instruction set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no instruction set '{name}': set {MAX_CPU_ISA} to one of {}", names())]
pub struct UnknownIsa {
    /// What was asked for.
    pub name: String,
}

impl Isa {
    /// All of them, from the oldest to the newest.
    pub const ALL: [Self; 7] = [
        Self::Scalar,
        Self::Neon,
        Self::Avx2,
        Self::Avx2Vnni,
        Self::Avx512,
        Self::Avx512Vnni,
        Self::Avx512Bf16,
    ];

    /// As [`MAX_CPU_ISA`] spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx2Vnni => "avx2_vnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512_vnni",
            Self::Avx512Bf16 => "avx512_bf16",
        }
    }

    /// Whether the processor has it.
    pub fn is_detected(self) -> bool {
        /// Looked up once: every tile of a product asks.
        static DETECTED: LazyLock<[bool; Isa::ALL.len()]> =
            LazyLock::new(|| Isa::ALL.map(Isa::detect));
        DETECTED[self as usize]
    }

    fn detect(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Scalar => true,
            Self::Neon => false,
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            Self::Avx2Vnni => Self::Avx2.detect() && is_x86_feature_detected!("avxvnni"),
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            Self::Avx512Vnni => Self::Avx512.detect() && is_x86_feature_detected!("avx512vnni"),
            Self::Avx512Bf16 => Self::Avx512.detect() && is_x86_feature_detected!("avx512bf16"),
        };
        #[cfg(target_arch = "aarch64")]
        return match self {
            Self::Scalar => true,
            Self::Neon => pulp::aarch64::Neon::try_new().is_some(),
            _ => false,
        };
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        return self == Self::Scalar;
    }

    /// Whether kernels may use it: the processor has it and the limit allows it.
    pub fn is_enabled(self) -> bool {
        /// Looked up once: products ask each time.
        static ENABLED: LazyLock<[bool; Isa::ALL.len()]> = LazyLock::new(|| {
            let limit = Isa::limit().ok().flatten();
            Isa::ALL.map(|isa| isa.is_detected() && limit.is_none_or(|limit| isa <= limit))
        });
        ENABLED[self as usize]
    }

    /// All that kernels may use, from the oldest to the newest.
    pub fn enabled() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_enabled())
    }

    /// What [`MAX_CPU_ISA`] says, where it is set. Kernels take a name that is none as no limit:
    /// programs ask here first and tell their users.
    ///
    /// # Errors
    ///
    /// [`UnknownIsa`] where the variable holds something else than a name.
    pub fn limit() -> Result<Option<Self>, UnknownIsa> {
        match std::env::var_os(MAX_CPU_ISA) {
            None => Ok(None),
            Some(name) => name.to_string_lossy().parse().map(Some),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        let found = Self::ALL.into_iter().find(|isa| isa.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownIsa { name: name.to_owned() })
    }
}

fn names() -> String {
    Isa::ALL.map(Isa::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (i, isa) in Isa::ALL.into_iter().enumerate() {
            assert_eq!(isa as usize, i, "the order of the list is that of the type");
            assert_eq!(isa.name().to_uppercase().parse(), Ok(isa));
        }
        let error = "sse9".parse::<Isa>().unwrap_err().to_string();
        assert!(error.contains("'sse9'") && error.contains("avx512_vnni"), "{error}");
    }

    #[test]
    fn what_is_enabled_is_detected_and_within_the_limit() {
        let limit = Isa::limit().expect("a limit that is the name of an instruction set");
        for isa in Isa::ALL {
            let expected = isa.is_detected() && limit.is_none_or(|limit| isa <= limit);
            assert_eq!(isa.is_enabled(), expected, "{isa}");
        }
    }
}
