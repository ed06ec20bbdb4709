//! The machine that was measured on.

use std::fmt;
use std::thread::available_parallelism;

use anyhow::{Result, ensure};
use clip_kernels::Isa;

use super::isa::Limit;

/// What of a processor's instructions makes a model fast.
const FLAGS: [&str; 9] = [
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimddp",
    "bf16",
];

/// Above this others were at work.
const BUSY: f64 = 0.5;

/// A description in a line.
#[derive(Debug, PartialEq)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    model: String,
    /// Those that kernels of ours are written for, from the oldest to the newest.
    isas: Vec<Isa>,
    flags: Vec<String>,
    /// Processes that wanted to run in the minute before; none where the system does not say.
    load: Option<f64>,
}

impl Machine {
    /// As it is now.
    pub(crate) fn read() -> Self {
        let file = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cores = available_parallelism().map_or(1, usize::from);
        let isas = Isa::ALL.into_iter().filter(|isa| isa.is_detected()).collect();
        Self::parse(cores, isas, &file("/proc/cpuinfo"), &file("/proc/loadavg"))
    }

    fn parse(cores: usize, isas: Vec<Isa>, cpuinfo: &str, loadavg: &str) -> Self {
        let field = |name: &str| {
            let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
        };
        // Arm's kernels call them features.
        let all = field("flags").or_else(|| field("Features")).unwrap_or_default();
        let has = |flag: &&&str| all.split_whitespace().any(|word| word == **flag);
        Self {
            cores,
            model: field("model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            isas,
            flags: FLAGS.iter().filter(has).map(|&flag| flag.to_owned()).collect(),
            load: loadavg.split_whitespace().next().and_then(|word| word.parse().ok()),
        }
    }

    /// One with these instruction sets.
    #[cfg(test)]
    pub(crate) fn with(isas: &[Isa]) -> Self {
        Self::parse(2, isas.to_vec(), "", "")
    }

    /// The highest instruction set that somebody's kernels are written for: the kind of processor.
    pub(crate) fn kind(&self) -> &'static str {
        // Peers have kernels for AMX, ours have not.
        match self.flags.iter().any(|flag| flag.starts_with("amx")) {
            true => "amx",
            false => self.isas.last().map_or(Isa::Scalar.name(), |isa| isa.name()),
        }
    }

    /// What a limit means here: nothing, where the processor has nothing above it.
    ///
    /// # Errors
    ///
    /// Where the processor does not have what the limit allows.
    pub(crate) fn hold(&self, limit: &'static Limit) -> Result<Option<&'static Limit>> {
        let names: Vec<_> = self.isas.iter().map(|isa| isa.name()).collect();
        ensure!(
            self.isas.contains(&limit.isa),
            "this processor cannot be held down to {}, which it does not have: it has {}",
            limit.isa,
            names.join(", ")
        );
        Ok((self.kind() != limit.isa.name()).then_some(limit))
    }

    /// Whether a run that is held down so has the instruction set.
    pub(crate) fn has(&self, isa: Isa, limit: Option<&Limit>) -> bool {
        self.isas.contains(&isa) && limit.is_none_or(|limit| isa <= limit.isa)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cores of {}", self.cores, self.model)?;
        if !self.flags.is_empty() {
            write!(f, " ({})", self.flags.join(", "))?;
        }
        match self.load {
            Some(load) if load > BUSY => write!(f, ", busy: a load of {load} before the run"),
            Some(_) => write!(f, ", quiet before the run"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::limit;
    use super::*;

    const AVX2: [Isa; 2] = [Isa::Scalar, Isa::Avx2];
    const ZEN4: [Isa; 5] = [Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Vnni, Isa::Avx512Bf16];

    fn machine(isas: &[Isa], flags: &str) -> Machine {
        Machine::parse(2, isas.to_vec(), &format!("flags\t: fpu {flags}\n"), "")
    }

    #[test]
    fn a_line_says_what_matters() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni\n\nprocessor\t: 1\n";
        let shown = |loadavg| Machine::parse(2, Vec::new(), cpuinfo, loadavg).to_string();
        let start = "2 cores of AMD EPYC (avx2, avx512f, avx512_vnni)";
        assert_eq!(shown("0.05 0.10 0.20 1/300 1234"), format!("{start}, quiet before the run"));
        assert_eq!(
            shown("2.71 3.24 2.90 1/300 1234"),
            format!("{start}, busy: a load of 2.71 before the run")
        );
        let unknown = Machine::parse(8, Vec::new(), "", "");
        assert_eq!(unknown.to_string(), format!("8 cores of {}", std::env::consts::ARCH));
    }

    #[test]
    fn the_kind_is_the_highest_set_that_anybody_uses() {
        assert_eq!(machine(&AVX2, "avx2").kind(), "avx2");
        assert_eq!(machine(&ZEN4, "avx2 avx512f avx512_bf16").kind(), "avx512_bf16");
        assert_eq!(machine(&ZEN4, "avx512_bf16 amx_bf16 amx_int8").kind(), "amx");
        assert_eq!(machine(&[], "").kind(), "scalar");
    }

    #[test]
    fn a_limit_counts_where_the_processor_has_more() {
        let held = |isas: &[Isa], name| machine(isas, "").hold(limit(name)).unwrap();
        assert_eq!(held(&ZEN4, "avx2"), Some(limit("avx2")));
        assert_eq!(held(&ZEN4, "avx512_bf16"), None);
        assert_eq!(held(&AVX2, "avx2"), None);
        let sapphire_rapids = machine(&ZEN4, "amx_bf16");
        let limit = limit("avx512_bf16");
        assert_eq!(sapphire_rapids.hold(limit).unwrap(), Some(limit));
    }

    #[test]
    fn a_limit_that_the_processor_does_not_reach_is_refused() {
        let refused =
            |isas: &[Isa], name| machine(isas, "").hold(limit(name)).unwrap_err().to_string();
        assert_eq!(
            refused(&AVX2, "avx512"),
            "this processor cannot be held down to avx512, which it does not have: it has scalar, avx2"
        );
        // AVX-512 without AVX-VNNI.
        assert!(refused(&ZEN4, "avx2_vnni").contains("avx2_vnni, which it does not have"));
    }

    #[test]
    fn what_lies_above_the_limit_is_not_there() {
        let machine = machine(&ZEN4, "");
        assert!(machine.has(Isa::Avx512Bf16, None));
        assert!(!machine.has(Isa::Avx512Bf16, Some(limit("avx512"))));
        assert!(!machine.has(Isa::Neon, None));
    }
}
