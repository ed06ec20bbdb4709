//! Devices by name. Only this module knows which backends were compiled in.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A device as a user names it: `auto`, `flex`, `ndarray`, `wgpu`, `vulkan`, `metal`, `cuda`, the
/// GPU backends with `:N` for the device of that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The first GPU of a compiled backend that is there, or else the CPU.
    #[default]
    Auto,
    /// A backend, and the number of the device.
    On(Backend, usize),
}

/// What runs the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// CPU, pure Rust.
    Flex,
    /// CPU, the older backend of Burn.
    NdArray,
    /// GPU through whichever of Vulkan, Metal, DirectX and OpenGL is there.
    Wgpu,
    /// GPU through Vulkan, SPIR-V kernels.
    Vulkan,
    /// GPU of a Mac.
    Metal,
    /// GPU of NVIDIA.
    Cuda,
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not a name of a device.
    #[error(
        "there is no device '{name}': choose auto, flex, ndarray, wgpu, vulkan, metal or cuda, the last four also with a number as in cuda:1"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The program was built without the backend.
    #[error(
        "this program was built without the {backend} backend: build it with `--features {backend}`{}", built_with(.compiled)
    )]
    NotCompiled {
        /// What was asked for.
        backend: Backend,
        /// What is there instead.
        compiled: Vec<Backend>,
    },
    /// No hardware answers.
    #[error("no {backend} device of number {number} on this machine: {found} found")]
    NotFound {
        /// What was asked for.
        backend: Backend,
        /// Number asked for.
        number: usize,
        /// How many devices the backend lists.
        found: usize,
    },
}

fn built_with(compiled: &[Backend]) -> String {
    match compiled {
        [] => String::new(),
        some => {
            let names: Vec<_> = some.iter().map(Backend::to_string).collect();
            format!(", or choose one it has ({})", names.join(", "))
        }
    }
}

impl Backend {
    /// All backends, those first that `auto` prefers.
    pub const ALL: [Self; 6] =
        [Self::Cuda, Self::Metal, Self::Vulkan, Self::Wgpu, Self::Flex, Self::NdArray];

    /// The backends this program was built with.
    pub fn compiled() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|backend| backend.is_compiled())
    }

    fn is_compiled(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Metal => cfg!(feature = "metal"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    fn is_gpu(self) -> bool {
        !matches!(self, Self::Flex | Self::NdArray)
    }

    /// The backend's driver that computes on the CPU (Mesa's llvmpipe): for tests, and much slower
    /// than the CPU backends.
    fn software(self) -> Option<Device> {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Device::wgpu(burn::tensor::DeviceKind::Cpu)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(Device::vulkan(burn::tensor::DeviceKind::Cpu)),
            _ => None,
        }
    }

    /// The devices of the backend on this machine; none where it was not compiled in.
    pub fn devices(self) -> Vec<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => vec![Device::flex()],
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "offered beside Flex as long as Burn has it")]
            Self::NdArray => vec![Device::ndarray()],
            #[cfg(feature = "wgpu")]
            Self::Wgpu => enumerate(burn::tensor::DeviceType::Wgpu),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => enumerate(burn::tensor::DeviceType::Vulkan),
            #[cfg(feature = "metal")]
            Self::Metal => enumerate(burn::tensor::DeviceType::Metal),
            #[cfg(feature = "cuda")]
            Self::Cuda => enumerate(burn::tensor::DeviceType::Cuda),
            #[cfg(not(all(
                feature = "flex",
                feature = "ndarray",
                feature = "wgpu",
                feature = "vulkan",
                feature = "metal",
                feature = "cuda"
            )))]
            _ => Vec::new(),
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda"))]
fn enumerate(kind: burn::tensor::DeviceType) -> Vec<Device> {
    // Burn panics where a driver library is missing; for us that is a machine without the device.
    std::panic::catch_unwind(|| Device::enumerate(kind).into_vec()).unwrap_or_default()
}

impl DeviceName {
    /// The device of that name.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NotCompiled`] or [`DeviceError::NotFound`].
    pub fn open(self) -> Result<Device, DeviceError> {
        let (backend, number) = match self {
            Self::Auto => return auto(),
            Self::On(backend, number) => (backend, number),
        };
        if !backend.is_compiled() {
            return Err(DeviceError::NotCompiled {
                backend,
                compiled: Backend::compiled().collect(),
            });
        }
        let devices = backend.devices();
        let found = devices.len();
        devices.into_iter().nth(number).ok_or(DeviceError::NotFound { backend, number, found })
    }
}

fn auto() -> Result<Device, DeviceError> {
    let devices = || Backend::compiled().flat_map(|b| b.devices().into_iter().map(move |d| (b, d)));
    devices()
        .find(|(backend, device)| backend.software().as_ref() != Some(device))
        .or_else(|| devices().next())
        .map(|(_, device)| device)
        .ok_or(DeviceError::NotCompiled { backend: Backend::Flex, compiled: Vec::new() })
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
        })
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::On(backend, 0) => backend.fmt(f),
            Self::On(backend, number) => write!(f, "{backend}:{number}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { name: name.to_owned() };
        if name == "auto" {
            return Ok(Self::Auto);
        }
        let (backend, number) = match name.split_once(':') {
            Some((backend, number)) => (backend, Some(number.parse().map_err(|_| unknown())?)),
            None => (name, None),
        };
        let found = Backend::ALL.into_iter().find(|candidate| candidate.to_string() == backend);
        let backend = found.ok_or_else(unknown)?;
        if number.is_some() && !backend.is_gpu() {
            return Err(unknown());
        }
        Ok(Self::On(backend, number.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_back() {
        for name in ["auto", "flex", "ndarray", "wgpu", "vulkan", "metal", "cuda", "cuda:1"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn other_names_are_refused_with_the_choice() {
        for name in ["gpu", "cuda:", "cuda:x", "flex:1", "CUDA", ""] {
            let error = name.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{name}'")) && error.contains("choose"), "{error}");
        }
    }

    #[test]
    fn every_backend_that_is_not_compiled_names_its_feature() {
        for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_compiled()) {
            let error = DeviceName::On(backend, 0).open().unwrap_err().to_string();
            assert!(error.contains(&format!("--features {backend}")), "{error}");
        }
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn a_software_driver_is_known_and_comes_last() {
        let software = Backend::Wgpu.software().unwrap();
        let only_software = Backend::Wgpu.devices().iter().all(|device| *device == software);
        let chosen = DeviceName::Auto.open().unwrap();
        assert_eq!(chosen == software, only_software && Backend::compiled().count() == 1);
    }

    #[test]
    fn auto_opens_something() {
        assert_eq!(DeviceName::Auto.open().is_ok(), Backend::compiled().next().is_some());
    }
}
