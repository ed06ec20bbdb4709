"""Writes crates/clip-preprocess/tests/data: what CLIPImageProcessorPil makes of pictures.

    pip install torch torchvision transformers pillow numpy
    python tests/scripts/pixels.py

Pictures are lossless files of this repository (where decoders cannot differ) and small PNGs made
here. `goldens.json` names each picture, the configuration, the SHA-256 of the 8-bit crop (RGB, row
by row) and of the normalized values (f32, little-endian, CHW), and a few of those values;
`*.rgb` are some of the crops themselves. `rgb.json` has the SHA-256 of each lossless file as RGB.
Decoders of lossy files may differ a little: `lossy.json` lists those, and `lossy.rgb` holds the
center of each, one after the other, as Pillow decodes it.
"""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers import CLIPImageProcessorPil

ROOT = Path(__file__).resolve().parents[2]
FORMATS = "crates/clip-testkit/formats"
DATA = "crates/clip-preprocess/tests/data"
LOSSLESS = (".png", ".bmp", ".gif", ".tiff", "-lossless.webp")
LOSSY = ("-baseline.jpg", "-progressive.jpg", "-exif6.jpg", "-gray.jpg", "-cmyk.jpg", "-lossy.webp")
BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR

# resize_size, crop_size, filter
CONFIGS = [
    (224, 224, BICUBIC),
    (336, 336, BICUBIC),
    (72, 64, BICUBIC),
    (30, 30, BICUBIC),
    (50, 77, BICUBIC),
    (64, 64, BILINEAR),
    (51, 48, BILINEAR),
]
# The crops that are stored whole, to see where one differs: name of the picture, configuration.
STORED = [("noise-37x301", 2), ("noise-301x37", 4), ("noise-5x3", 3), ("checks-90x61", 5)]
# Side of the centers of lossy pictures.
CENTER = 32
# Positions whose normalized values are stored.
SAMPLED = 7


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def synthetic() -> list[str]:
    """Small pictures of extreme shape; noise and hard edges overshoot, so clipping shows."""
    random = np.random.default_rng(2)
    names = []

    def save(name: str, pixels: np.ndarray) -> None:
        names.append(f"{DATA}/{name}.png")
        Image.fromarray(pixels).save(ROOT / names[-1], optimize=True)

    # 40x80 and 40x81 to 30 are on either side of where Pillow 13 changes the order of the axes.
    sizes = [(37, 301), (301, 37), (1, 1), (5, 3), (3, 7), (63, 64), (72, 72), (1, 400), (400, 1), (40, 80), (40, 81)]
    for width, height in sizes:
        noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        # Mostly black and white, so that the cubic overshoots at both ends.
        noise[random.random((height, width)) < 0.3] = 255
        noise[random.random((height, width)) < 0.3] = 0
        save(f"noise-{width}x{height}", noise)
    y, x = np.mgrid[:61, :90]
    checks = ((x // 3 + y // 5) % 2 * 255).astype(np.uint8)
    save("checks-90x61", np.stack([checks, 255 - checks, checks], axis=-1))
    # What a decoder can get wrong before any resize: 16-bit kinds, bilevel, gray with alpha.
    ramp = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)
    for name, pixels in [("gray16", ramp * 3), ("bilevel", ramp % 3 == 0)]:
        save(f"{name}-16x16", pixels)
    sixteen = random.integers(0, 65536, (6, 8, 4), dtype=np.uint16)
    for name, color_type, channels in [("rgb16", 2, 3), ("gray-alpha16", 4, 2), ("rgba16", 6, 4)]:
        names.append(f"{DATA}/{name}-8x6.png")
        (ROOT / names[-1]).write_bytes(png16(color_type, sixteen[..., :channels]))
    # Pillow turns TIFF upright, and nothing else.
    names.append(f"{DATA}/turned-5x3.tiff")
    turned = Image.fromarray(random.integers(0, 256, (3, 5, 3), dtype=np.uint8))
    turned.save(ROOT / names[-1], tiffinfo={274: 6})
    la = np.stack([ramp, ramp[::-1]], axis=-1).astype(np.uint8)
    save("gray-alpha-16x16", la)
    return names


def png16(color_type: int, samples: np.ndarray) -> bytes:
    """A PNG of a kind that Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def processor(resize: int, crop: int, resample: int, **kwargs) -> CLIPImageProcessorPil:
    return CLIPImageProcessorPil(
        size={"shortest_edge": resize},
        crop_size={"height": crop, "width": crop},
        resample=resample,
        **kwargs,
    )


def cases(path: str) -> list[dict]:
    picture = Image.open(ROOT / path)
    found = []
    for number, (resize, crop, resample) in enumerate(CONFIGS):
        raw = processor(resize, crop, resample, do_rescale=False, do_normalize=False)
        levels = raw(picture)["pixel_values"][0]
        assert levels.dtype == np.uint8 and levels.shape == (3, crop, crop)
        rgb = np.ascontiguousarray(levels.transpose(1, 2, 0)).tobytes()
        values = processor(resize, crop, resample)(picture)["pixel_values"][0]
        assert values.dtype == np.float32
        flat = np.ascontiguousarray(values).reshape(-1)
        positions = np.linspace(0, flat.size - 1, SAMPLED).astype(int)
        case = {
            "picture": path,
            "resize_size": resize,
            "crop_size": crop,
            "interpolation": resample.name.lower(),
            "sha256": sha256(rgb),
            "pixels_sha256": sha256(flat.astype("<f4").tobytes()),
            "pixels": [[int(i), float(flat[i])] for i in positions],
        }
        if (Path(path).stem, number) in STORED:
            case["stored"] = f"{Path(path).stem}.{resize}-{crop}.rgb"
            (ROOT / DATA / case["stored"]).write_bytes(rgb)
        found.append(case)
    return found


def center(path: str) -> tuple[dict, bytes]:
    picture = Image.open(ROOT / path).convert("RGB")
    left, top = (picture.width - CENTER) // 2, (picture.height - CENTER) // 2
    patch = picture.crop((left, top, left + CENTER, top + CENTER))
    return {"picture": path, "left": left, "top": top, "side": CENTER}, patch.tobytes()


def repository(*folders: str) -> list[str]:
    files = sorted(path for folder in folders for path in (ROOT / folder).iterdir())
    return [path.relative_to(ROOT).as_posix() for path in files]


def main() -> None:
    (ROOT / DATA).mkdir(parents=True, exist_ok=True)
    made = synthetic()
    files = repository(FORMATS, "samples")
    lossless = [path for path in files if path.endswith(LOSSLESS)]

    rgb = []
    for path in lossless + made:
        picture = Image.open(ROOT / path).convert("RGB")
        width, height = picture.size
        rgb.append({"picture": path, "width": width, "height": height, "sha256": sha256(picture.tobytes())})
    goldens = [case for path in lossless + made for case in cases(path)]
    lossy, centers = zip(*(center(path) for path in files if path.startswith(FORMATS) and path.endswith(LOSSY)))
    (ROOT / DATA / "lossy.rgb").write_bytes(b"".join(centers))
    versions = {"transformers": transformers.__version__, "pillow": PIL.__version__}
    for name, rows in [("rgb", rgb), ("goldens", goldens), ("lossy", lossy)]:
        lines = ",\n".join(json.dumps(row) for row in rows)
        text = f'{{"made_with": {json.dumps(versions)}, "cases": [\n{lines}\n]}}\n'
        (ROOT / DATA / f"{name}.json").write_text(text)
    print(f"{len(rgb)} pictures, {len(goldens)} crops")


if __name__ == "__main__":
    main()
