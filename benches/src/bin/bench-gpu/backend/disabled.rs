//! A build for the CPU.

use anyhow::{Result, bail};
use clip_model::Device;

/// The device's name and its driver, as far as they are known.
pub(crate) fn identify(_device: &Device) -> (Option<String>, Option<String>) {
    (None, None)
}

/// Has each operation run by itself from now on.
///
/// # Errors
///
/// Always: backends of the CPU fuse nothing.
pub(crate) fn unfuse() -> Result<()> {
    bail!("this program was built for the CPU, where operations are not fused")
}
