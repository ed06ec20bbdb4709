//! A build for a GPU.

use anyhow::Result;
use burn_cubecl::fusion::{BUILTIN_NAMES, remove};
use clip_model::Device;

/// The device's name and its driver, as far as they are known.
pub(crate) fn identify(device: &Device) -> (Option<String>, Option<String>) {
    let name = device.identity().map(|identity| identity.name);
    let driver = name.as_deref().and_then(driver);
    (name, driver)
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn driver(name: &str) -> Option<String> {
    use burn::tensor::wgpu::wgpu::{Backends, Instance};
    let instance = Instance::default();
    let adapters =
        burn_cubecl::cubecl::future::block_on(instance.enumerate_adapters(Backends::all()));
    let mut found = adapters.iter().map(|adapter| adapter.get_info());
    let info = found.find(|info| info.name == name)?;
    Some(format!("{} {} ({})", info.driver, info.driver_info, info.backend))
}

#[cfg(not(any(feature = "wgpu", feature = "vulkan", feature = "metal")))]
fn driver(_name: &str) -> Option<String> {
    None
}

/// Has each operation run by itself from now on. The feature of Burn stays on, and so does its queue: what goes are
/// the optimizations that it looks for.
///
/// # Errors
///
/// Where operations have run before.
pub(crate) fn unfuse() -> Result<()> {
    BUILTIN_NAMES.into_iter().try_for_each(|name| Ok(remove(name)?))
}
