//! The memory that peers share.

use std::path::Path;

/// What is free, in bytes; none where the system does not say.
pub(crate) fn free() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// What a peer takes at the most while it starts: its weights as they are read, as they are laid out, and once
/// more where it compiles them, beside its libraries.
pub(crate) fn need(folder: &Path) -> u64 {
    const LIBRARIES: u64 = 1 << 30;
    let size = |path: &str| std::fs::metadata(folder.join(path)).map_or(0, |file| file.len());
    LIBRARIES + 3 * size("hf/model.safetensors").max(size("model.safetensors"))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_what_can_be_had() {
        let meminfo = "MemTotal:       24683520 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(available(meminfo), Some(20_480_000_000));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn large_weights_need_more() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(need(folder.path()), 1 << 30);
        std::fs::create_dir(folder.path().join("hf")).unwrap();
        std::fs::write(folder.path().join("hf/model.safetensors"), [0; 1000]).unwrap();
        assert_eq!(need(folder.path()), (1 << 30) + 3000);
    }
}
