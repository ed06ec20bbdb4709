//! The machine that was measured on.

use std::fmt;
use std::thread::available_parallelism;

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
    flags: Vec<String>,
    /// Processes that wanted to run in the minute before; none where the system does not say.
    load: Option<f64>,
}

impl Machine {
    /// As it is now.
    pub(crate) fn read() -> Self {
        let file = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cores = available_parallelism().map_or(1, usize::from);
        Self::parse(cores, &file("/proc/cpuinfo"), &file("/proc/loadavg"))
    }

    fn parse(cores: usize, cpuinfo: &str, loadavg: &str) -> Self {
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
            flags: FLAGS.iter().filter(has).map(|&flag| flag.to_owned()).collect(),
            load: loadavg.split_whitespace().next().and_then(|word| word.parse().ok()),
        }
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
    use super::*;

    #[test]
    fn a_line_says_what_matters() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni\n\nprocessor\t: 1\n";
        let shown = |loadavg| Machine::parse(2, cpuinfo, loadavg).to_string();
        let start = "2 cores of AMD EPYC (avx2, avx512f, avx512_vnni)";
        assert_eq!(shown("0.05 0.10 0.20 1/300 1234"), format!("{start}, quiet before the run"));
        assert_eq!(
            shown("2.71 3.24 2.90 1/300 1234"),
            format!("{start}, busy: a load of 2.71 before the run")
        );
        let unknown = Machine::parse(8, "", "");
        assert_eq!(unknown.to_string(), format!("8 cores of {}", std::env::consts::ARCH));
    }
}
