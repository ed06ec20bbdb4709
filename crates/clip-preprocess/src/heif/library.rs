//! The functions of libheif that are needed, found when the program runs, and what owns their memory.
//!
//! All are in version 1.12 (2021) and unchanged since; `libheif/heif.h` declares them. A context may
//! be used by one thread at a time, which is why [`Still`] stays with its own; different contexts do
//! not know of each other. The library is never unloaded.

use std::error::Error as _;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use libloading::Library;

/// Where the library is looked for. Names without a folder are looked up where the system keeps
/// libraries and never in the working folder, which may be one of strangers' pictures; macOS would
/// look there.
const NAMES: &[&str] = if cfg!(windows) {
    &["heif.dll", "libheif.dll"]
} else if cfg!(target_os = "macos") {
    &[
        "/opt/homebrew/lib/libheif.dylib",
        "/usr/local/lib/libheif.dylib",
        "/opt/local/lib/libheif.dylib",
    ]
} else {
    &["libheif.so.1"]
};

/// `enum heif_compression_format`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compression(c_int);

impl Compression {
    pub(super) const HEVC: Self = Self(1);
    pub(super) const AV1: Self = Self(4);
}

/// What a pixel is made of: 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    Rgb = 3,
    Rgba = 4,
}

impl Samples {
    /// `enum heif_chroma`.
    fn chroma(self) -> c_int {
        match self {
            Self::Rgb => 10,
            Self::Rgba => 11,
        }
    }
}

/// `heif_colorspace_RGB`, and the one channel of interleaved pixels.
const RGB: c_int = 1;
const INTERLEAVED: c_int = 10;

/// `struct heif_error`.
#[repr(C)]
struct Outcome {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

/// Types of which libheif alone knows the fields.
#[repr(C)]
struct Context([u8; 0]);
#[repr(C)]
struct Handle([u8; 0]);
#[repr(C)]
struct Image([u8; 0]);

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        #[derive(Debug)]
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of `libheif/heif.h`.
                unsafe { Ok(Self { $($name: *library.get(stringify!($name))?,)* }) }
            }
        }
    };
}

functions! {
    heif_have_decoder_for_format: fn(c_int) -> c_int;
    heif_context_alloc: fn() -> *mut Context;
    heif_context_free: fn(*mut Context);
    heif_context_read_from_memory_without_copy:
        fn(*mut Context, *const c_void, usize, *const c_void) -> Outcome;
    heif_context_get_primary_image_handle: fn(*mut Context, *mut *mut Handle) -> Outcome;
    heif_image_handle_release: fn(*mut Handle);
    heif_image_handle_get_width: fn(*const Handle) -> c_int;
    heif_image_handle_get_height: fn(*const Handle) -> c_int;
    heif_image_handle_has_alpha_channel: fn(*const Handle) -> c_int;
    heif_image_handle_is_premultiplied_alpha: fn(*const Handle) -> c_int;
    heif_decode_image: fn(*const Handle, *mut *mut Image, c_int, c_int, *const c_void) -> Outcome;
    heif_image_release: fn(*mut Image);
    heif_image_get_width: fn(*const Image, c_int) -> c_int;
    heif_image_get_height: fn(*const Image, c_int) -> c_int;
    heif_image_get_bits_per_pixel: fn(*const Image, c_int) -> c_int;
    heif_image_get_plane_readonly: fn(*const Image, c_int, *mut c_int) -> *const u8;
}

/// libheif, loaded.
#[derive(Debug)]
pub(super) struct Libheif {
    functions: Functions,
    /// Keeps the functions where they are.
    _library: Library,
}

impl Libheif {
    /// Loads it, or says why not.
    pub(super) fn load() -> Result<Self, String> {
        Self::load_one_of(NAMES)
    }

    fn load_one_of(names: &[&str]) -> Result<Self, String> {
        let mut reasons = Vec::new();
        for name in names {
            match Self::load_as(name) {
                Ok(loaded) => return Ok(loaded),
                // What the system said, which names the file or the function.
                Err(error) => reasons.push(error.source().unwrap_or(&error).to_string()),
            }
        }
        Err(reasons.join(", "))
    }

    fn load_as(name: &str) -> Result<Self, libloading::Error> {
        let library = open(name)?;
        let functions = Functions::find(&library)?;
        // SAFETY: the type is that of `libheif/heif.h`. Versions before 1.13 need no such call; later
        // ones load their plugins in it. NULL stands for the defaults, and the outcome is of no use:
        // without its plugins the library lacks decoders, which it will say.
        unsafe {
            let init = library.get::<unsafe extern "C" fn(*const c_void) -> Outcome>("heif_init");
            if let Ok(init) = init {
                init(ptr::null());
            }
        }
        Ok(Self { functions, _library: library })
    }

    /// Whether it, or one of its plugins, decodes that.
    pub(super) fn decodes(&self, Compression(format): Compression) -> bool {
        // SAFETY: takes a number, and any will do.
        unsafe { (self.functions.heif_have_decoder_for_format)(format) != 0 }
    }

    /// Reads the header of a file, and finds the picture that it is about.
    pub(super) fn open<'a>(&'static self, bytes: &'a [u8]) -> Result<Still<'a>, Refusal> {
        let functions = &self.functions;
        // SAFETY: takes nothing; what it gives goes back by that function.
        let context =
            unsafe { Owned::new((functions.heif_context_alloc)(), functions.heif_context_free)? };
        // SAFETY: the context was allocated; `Still` does not outlive the bytes, and drops the context
        // as its last. NULL stands for the default options.
        let outcome = unsafe {
            (functions.heif_context_read_from_memory_without_copy)(
                context.pointer(),
                bytes.as_ptr().cast(),
                bytes.len(),
                ptr::null(),
            )
        };
        check(&outcome)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the context was allocated, and `handle` is where a pointer may be written.
        let outcome = unsafe {
            (functions.heif_context_get_primary_image_handle)(context.pointer(), &raw mut handle)
        };
        check(&outcome)?;
        // SAFETY: a handle goes back by that function.
        let handle = unsafe { Owned::new(handle, functions.heif_image_handle_release)? };
        Ok(Still { functions, handle, _context: context, _bytes: PhantomData })
    }
}

/// Not the folders that the system would look into besides: one of them is the working folder.
#[cfg(windows)]
fn open(name: &str) -> Result<Library, libloading::Error> {
    use libloading::os::windows::{LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, Library as Dll};
    // SAFETY: libheif and what it depends on may be loaded at any time, by any thread.
    unsafe { Dll::load_with_flags(name, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS).map(Library::from) }
}

#[cfg(not(windows))]
fn open(name: &str) -> Result<Library, libloading::Error> {
    // SAFETY: libheif and what it depends on may be loaded at any time, by any thread.
    unsafe { Library::new(name) }
}

/// Something of libheif's that is to be given back.
struct Owned<T> {
    pointer: NonNull<T>,
    release: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// # Safety
    ///
    /// The pointer is NULL, or from libheif and nobody else's; the function takes it back.
    unsafe fn new(pointer: *mut T, release: unsafe extern "C" fn(*mut T)) -> Result<Self, Refusal> {
        let pointer = NonNull::new(pointer).ok_or_else(|| Refusal::own("no memory"))?;
        Ok(Self { pointer, release })
    }

    fn pointer(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` was promised that this is its function.
        unsafe { (self.release)(self.pointer()) }
    }
}

/// A still picture in a file, of which the header has been read.
pub(super) struct Still<'a> {
    functions: &'static Functions,
    handle: Owned<Handle>,
    _context: Owned<Context>,
    _bytes: PhantomData<&'a [u8]>,
}

impl Still<'_> {
    /// Width and height as it is shown.
    pub(super) fn size(&self) -> (u32, u32) {
        let (width, height) = (
            self.functions.heif_image_handle_get_width,
            self.functions.heif_image_handle_get_height,
        );
        // SAFETY: the handle was not released.
        let (width, height) =
            unsafe { (width(self.handle.pointer()), height(self.handle.pointer())) };
        (side(width), side(height))
    }

    pub(super) fn has_alpha(&self) -> bool {
        // SAFETY: the handle was not released.
        unsafe { (self.functions.heif_image_handle_has_alpha_channel)(self.handle.pointer()) != 0 }
    }

    /// Whether the colors have been multiplied with alpha.
    pub(super) fn is_premultiplied(&self) -> bool {
        let premultiplied = self.functions.heif_image_handle_is_premultiplied_alpha;
        // SAFETY: the handle was not released.
        self.has_alpha() && unsafe { premultiplied(self.handle.pointer()) != 0 }
    }

    /// Decodes it, turned and cropped as the file says.
    pub(super) fn decode(&self, samples: Samples) -> Result<Pixels, Refusal> {
        let functions = self.functions;
        let mut image = ptr::null_mut();
        // SAFETY: the handle was not released, `image` is where a pointer may be written, and NULL
        // stands for the default options.
        let outcome = unsafe {
            (functions.heif_decode_image)(
                self.handle.pointer(),
                &raw mut image,
                RGB,
                samples.chroma(),
                ptr::null(),
            )
        };
        check(&outcome)?;
        // SAFETY: an image goes back by that function.
        let image = unsafe { Owned::new(image, functions.heif_image_release)? };
        Pixels::new(functions, image, samples)
    }
}

/// Decoded pixels, interleaved.
pub(super) struct Pixels {
    _image: Owned<Image>,
    width: u32,
    height: u32,
    /// The first row, and from each to the next.
    plane: NonNull<u8>,
    stride: usize,
    /// The bytes of a row that are pixels.
    row: usize,
}

impl Pixels {
    fn new(functions: &Functions, image: Owned<Image>, samples: Samples) -> Result<Self, Refusal> {
        let pointer = image.pointer();
        let mut stride = 0;
        // SAFETY: the image was not released, and asking for a channel that it lacks is allowed.
        let (width, height, bits, plane) = unsafe {
            (
                (functions.heif_image_get_width)(pointer, INTERLEAVED),
                (functions.heif_image_get_height)(pointer, INTERLEAVED),
                (functions.heif_image_get_bits_per_pixel)(pointer, INTERLEAVED),
                (functions.heif_image_get_plane_readonly)(pointer, INTERLEAVED, &raw mut stride),
            )
        };
        let (width, height, stride) = (side(width), side(height), side(stride) as usize);
        let row = (width as usize).saturating_mul(samples as usize);
        match NonNull::new(plane.cast_mut()) {
            Some(plane) if bits == 8 * samples as c_int && stride >= row => {
                Ok(Self { _image: image, width, height, plane, stride, row })
            }
            _ => Err(Refusal::own("no pixels of 8 bits")),
        }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The pixels of each row, without what lies between it and the next.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.height as usize).map(|row| {
            // SAFETY: libheif made so many rows of that stride, which is not less than the pixels of
            // a row, and they stay as they are as long as the image.
            unsafe {
                std::slice::from_raw_parts(self.plane.as_ptr().add(row * self.stride), self.row)
            }
        })
    }
}

/// libheif has -1 for what there is not.
fn side(length: c_int) -> u32 {
    length.try_into().unwrap_or(0)
}

/// What libheif says of a file that it does not read.
#[derive(Debug)]
pub(super) struct Refusal {
    code: c_int,
    subcode: c_int,
    message: String,
}

impl Refusal {
    fn own(message: &str) -> Self {
        Self { code: -1, subcode: 0, message: message.to_owned() }
    }

    /// Whether the file ends too early: `heif_suberror_End_of_data`.
    pub(super) fn is_end(&self) -> bool {
        self.subcode == 100
    }

    /// Whether the file may be as it should be all the same: `heif_error_Unsupported_filetype`,
    /// `heif_error_Unsupported_feature`, `heif_suberror_Security_limit_exceeded`.
    pub(super) fn is_unsupported(&self) -> bool {
        matches!(self.code, 3 | 4) || self.subcode == 1000
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

fn check(outcome: &Outcome) -> Result<(), Refusal> {
    let Outcome { code, subcode, message } = *outcome;
    if code == 0 {
        return Ok(());
    }
    let message = if message.is_null() {
        "for no stated reason".into()
    } else {
        // SAFETY: a text of libheif's, which stays until the next call for the same context.
        unsafe { CStr::from_ptr(message) }.to_string_lossy()
    };
    Err(Refusal { code, subcode, message: message.into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program goes on without the library, and with another of its name.
    #[test]
    fn a_library_that_is_not_there() {
        let missing = Libheif::load_one_of(&["libheif-none.so.1"]).unwrap_err();
        assert!(missing.contains("libheif-none.so.1"), "{missing}");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let library = Box::leak(Box::new(Libheif::load().unwrap()));
        for bytes in [&b""[..], b"\0\0\0\x0cftypheic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"] {
            assert!(library.open(bytes).is_err(), "{bytes:?}");
        }
    }
}
