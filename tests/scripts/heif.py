"""Writes crates/clip-preprocess/tests/data/heif.* and heif/: small HEIC and AVIF files, and libheif's pixels of them.

    pip install pillow==13.0.0 pillow_heif==1.8.1 numpy
    apt-get install libheif-examples           # heif-enc and heif-convert of Debian 12: libheif 1.15.1
    python tests/scripts/heif.py

The pictures are `samples/coffee.png`, made small; `heif/source.png` and `heif/tiles.png` are what was given to the
encoders. `heif.json` names each file, its source, how that was turned (an EXIF orientation) and the size as shown;
`heif.rgb` holds the pixels of heif-convert as RGB on white, one picture after the other.
"""

import ctypes
import io
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "crates/clip-preprocess/tests/data"
# Odd, so that a row of pixels fills no whole number of anything; so large that no encoder adds what is
# cropped again, which libheif 1.19 turns wrongly; and tiles of a grid, three by two.
SIZE, WHOLE, TILE, GRID = (37, 25), (72, 64), (32, 16), (3, 2)
LOSSLESS = ("-L", "-p", "chroma=444")


def small(size: tuple[int, int]) -> Image.Image:
    return Image.open(ROOT / "samples/coffee.png").convert("RGB").resize(size, Image.Resampling.LANCZOS)


def fading(image: Image.Image) -> Image.Image:
    """More and more opaque from left to right."""
    alpha = np.tile(np.linspace(0, 255, image.width).round().astype(np.uint8), (image.height, 1))
    image = image.copy()
    image.putalpha(Image.fromarray(alpha))
    return image


def multiplied(image: Image.Image) -> Image.Image:
    samples = np.asarray(image).astype(int)
    samples[..., :3] = (samples[..., :3] * samples[..., 3:] + 127) // 255
    return Image.fromarray(samples.astype(np.uint8))


def heif_enc(image: Image.Image | np.ndarray, ending: str, *options: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.png"), Path(folder, f"target.{ending}")
        if isinstance(image, np.ndarray):
            write_png16(image, source)
        else:
            image.save(source)
        subprocess.run(["heif-enc", *options, str(source), "-o", str(target)], check=True, capture_output=True)
        return target.read_bytes()


def write_png16(samples: np.ndarray, path: Path) -> None:
    """Pillow does not write color of 16 bits."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def turned(image: Image.Image, orientation: int, kind: str, **options) -> bytes:
    """As telephones write it: the orientation in EXIF too, which must not be applied once more."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2000:03:01 01:02:03"
    degrees = lambda *parts: tuple(TiffImagePlugin.IFDRational(part) for part in parts)
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: degrees(52, 30, 0), 3: "W", 4: degrees(13, 0, 36)})
    data = io.BytesIO()
    image.save(data, kind, exif=exif.tobytes(), **options)
    return data.getvalue()


class Outcome(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("subcode", ctypes.c_int), ("message", ctypes.c_char_p)]


def grid(image: Image.Image) -> bytes:
    """One picture of many, as telephones store theirs, by the libheif that pillow_heif brings."""
    library = Path(pillow_heif.__file__).parents[1].glob("pillow_heif.libs/libheif*")
    heif = ctypes.CDLL(str(next(library)))

    def call(name: str, *arguments) -> None:
        function = getattr(heif, name)
        function.restype = Outcome
        outcome = function(*arguments)
        assert outcome.code == 0, outcome.message

    heif.heif_context_alloc.restype = ctypes.c_void_p
    heif.heif_image_get_plane.restype = ctypes.c_void_p
    context, encoder, handle = (ctypes.c_void_p() for _ in range(3))
    context.value = heif.heif_context_alloc()
    call("heif_context_get_encoder_for_format", context, 1, ctypes.byref(encoder))
    call("heif_encoder_set_lossy_quality", encoder, 90)
    call("heif_encoder_set_parameter_string", encoder, b"chroma", b"444")
    tiles = []
    for row in range(GRID[1]):
        for column in range(GRID[0]):
            x, y = column * TILE[0], row * TILE[1]
            samples = np.asarray(image)[y : y + TILE[1], x : x + TILE[0]].tobytes()
            tile, stride = ctypes.c_void_p(), ctypes.c_int()
            call("heif_image_create", *TILE, 1, 10, ctypes.byref(tile))
            call("heif_image_add_plane", tile, 10, *TILE, 8)
            plane = heif.heif_image_get_plane(tile, 10, ctypes.byref(stride))
            for line in range(TILE[1]):
                ctypes.memmove(plane + line * stride.value, samples[line * TILE[0] * 3 :][: TILE[0] * 3], TILE[0] * 3)
            tiles.append(tile)
    tiles = (ctypes.c_void_p * len(tiles))(*tiles)
    columns, rows = (ctypes.c_uint16(number) for number in GRID)
    call("heif_context_encode_grid", context, tiles, columns, rows, encoder, None, ctypes.byref(handle))
    call("heif_context_set_primary_image", context, handle)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "grid.heic")
        call("heif_context_write_to_file", context, str(path).encode())
        return path.read_bytes()


def decoded(data: bytes, ending: str) -> np.ndarray:
    """The pixels of heif-convert on white, with what is multiplied divided again."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, f"source.{ending}"), Path(folder, "target.png")
        source.write_bytes(data)
        subprocess.run(["heif-convert", str(source), str(target)], check=True, capture_output=True)
        samples = np.asarray(Image.open(target)).astype(int)
    if samples.shape[2] == 3:
        return samples.astype(np.uint8)
    color, alpha = samples[..., :3], samples[..., 3:]
    if b"prem" in data:
        color = np.where(alpha == 0, color, np.minimum(255, 255 * color // np.maximum(alpha, 1)))
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def main() -> None:
    pillow_heif.register_heif_opener()
    source, whole, tiles = small(SIZE), small(WHOLE), small((TILE[0] * GRID[0], TILE[1] * GRID[1]))
    deep = np.asarray(source).astype(int) * 257
    files = {
        "lossless.heic": ("source", 1, heif_enc(source, "heic", *LOSSLESS)),
        "lossless.avif": ("source", 1, heif_enc(source, "avif", *LOSSLESS)),
        "lossy.heic": ("source", 1, heif_enc(source, "heic", "-q", "85")),
        "lossy.avif": ("source", 1, heif_enc(source, "avif", "-q", "85")),
        "gray.heic": ("gray", 1, heif_enc(source.convert("L"), "heic", "-q", "85")),
        "10-bits.heic": ("source", 1, heif_enc(deep, "heic", "-q", "95", "-p", "chroma=444")),
        "alpha.heic": ("fading", 1, heif_enc(fading(source), "heic", *LOSSLESS)),
        "alpha.avif": ("fading", 1, heif_enc(fading(source), "avif", *LOSSLESS)),
        "multiplied.heic": (
            "fading", 1, heif_enc(multiplied(fading(source)), "heic", "--premultiplied-alpha", *LOSSLESS)
        ),
        "turned-6.heic": ("whole", 6, turned(whole, 6, "HEIF", quality=90)),
        "turned-7.heic": ("whole", 7, turned(whole, 7, "HEIF", quality=90)),
        "turned-8.avif": ("whole", 8, turned(whole, 8, "AVIF", quality=90, speed=0)),
        "grid.heic": ("tiles", 1, grid(tiles)),
    }
    sources = {"source": source, "whole": whole, "tiles": tiles, "gray": source.convert("L").convert("RGB")}
    white = Image.new("RGBA", SIZE, "white")
    sources["fading"] = Image.alpha_composite(white, fading(source)).convert("RGB")
    (DATA / "heif").mkdir(exist_ok=True)
    for name, image in sources.items():
        image.save(DATA / f"heif/{name}.png")
    pictures, pixels = [], []
    for name, (kind, orientation, data) in files.items():
        (DATA / "heif" / name).write_bytes(data)
        rgb = decoded(data, name.rsplit(".")[-1])
        stored = sources[kind].copy()
        stored.getexif()[ExifTags.Base.Orientation] = orientation
        expected = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
        assert rgb.shape == expected.shape, (name, rgb.shape, expected.shape)
        off = np.abs(rgb - expected)
        print(f"{name}: {len(data)} bytes, off the source by {off.mean():.2f}, at most {off.max()}")
        height, width, _ = rgb.shape
        pictures.append(
            {"file": name, "source": f"{kind}.png", "orientation": orientation, "width": width, "height": height}
        )
        pixels.append(rgb.tobytes())
    (DATA / "heif.rgb").write_bytes(b"".join(pixels))
    lines = ",\n".join(json.dumps(picture) for picture in pictures)
    (DATA / "heif.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
