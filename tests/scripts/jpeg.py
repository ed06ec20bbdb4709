"""Writes crates/clip-preprocess/tests/data/jpeg.*: small JPEGs of many kinds, and Pillow's pixels.

    pip install pillow==13.0.0 numpy
    apt-get install libjpeg-turbo-progs        # cjpeg, for what Pillow does not write
    python tests/scripts/jpeg.py

`jpeg/*.jpg` are a part of `samples/coffee.png` with noise in one corner. `jpeg.json` names them under
`small`, with their sizes; `jpeg.rgb` holds their pixels as RGB, one picture after the other. `whole` has
the SHA-256 of the pixels of larger files of this repository.
"""

import hashlib
import io
import json
import subprocess
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, features

ROOT = Path(__file__).resolve().parents[2]
DATA = "crates/clip-preprocess/tests/data"
FOLDERS = ("crates/clip-testkit/formats", "samples")
# Odd, and more than one block of 16 each way.
BOX = (300, 150, 335, 179)


def picture() -> Image.Image:
    samples = np.asarray(Image.open(ROOT / "samples/coffee.png").convert("RGB").crop(BOX)).copy()
    samples[:13, :13] = np.random.default_rng(7).integers(0, 2, (13, 13, 3)) * 255
    return Image.fromarray(samples)


def pillow(image: Image.Image, **options) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


def cjpeg(image: Image.Image, *options: str) -> bytes:
    data = io.BytesIO()
    image.save(data, "PPM")
    return subprocess.run(["cjpeg", *options], input=data.getvalue(), capture_output=True, check=True).stdout


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


def small() -> dict[str, bytes]:
    color = picture()
    gray = color.convert("L")
    inks = Image.merge("CMYK", (*color.split(), gray))
    cmyk = pillow(inks, quality=90)
    # Pillow writes 0, the last byte of the segment, for inks stored as they are; 2 is YCCK.
    adobe = b"Adobe\0\x64\0\0\0\0"
    blocks = pillow(color, quality=90, subsampling=2)
    return {
        "444": pillow(color, quality=95, subsampling=0),
        "422": pillow(color, quality=90, subsampling=1),
        "420": blocks,
        "420-poor": pillow(color, quality=10, subsampling=2),
        "420-progressive": pillow(color, quality=80, subsampling=2, progressive=True),
        "420-restart": pillow(color, quality=80, subsampling=2, restart_marker_blocks=2),
        "422-progressive-restart": pillow(color, quality=80, subsampling=1, restart_marker_rows=1, progressive=True),
        # Bytes too many before the end, of which libjpeg warns.
        "420-more": blocks[:-2] + b"more" + blocks[-2:],
        "420-1x1": pillow(color.crop((20, 20, 21, 21)), subsampling=2),
        "440": cjpeg(color, "-sample", "1x2"),
        "411": cjpeg(color, "-sample", "4x1", "-progressive"),
        "uneven": cjpeg(color, "-sample", "2x2,1x2,2x1"),
        "thirds": cjpeg(color, "-sample", "3x1"),
        "thirds-progressive": cjpeg(color, "-sample", "3x2", "-progressive"),
        "halves-of-four": cjpeg(color, "-sample", "1x4,1x2,1x2"),
        "finer": cjpeg(color, "-sample", "1x1,2x2,1x1"),
        # Small enough for the decoder in Rust to panic.
        "finer-1x1": cjpeg(color.crop((20, 20, 21, 21)), "-sample", "1x1,2x2,1x1", "-progressive"),
        "arithmetic": cjpeg(color, "-sample", "2x2", "-arithmetic"),
        "rgb": pillow(color, quality=90, keep_rgb=True),
        "gray": pillow(gray, quality=90),
        "gray-progressive": pillow(gray, quality=30, progressive=True),
        "cmyk": cmyk,
        "cmyk-progressive": pillow(inks, quality=50, progressive=True),
        "cmyk-unmarked": replaced(cmyk, b"Adobe", b"other"),
        "ycck": replaced(cmyk, adobe + b"\0", adobe + b"\2"),
    }


def main() -> None:
    (ROOT / DATA / "jpeg").mkdir(exist_ok=True)
    made, pixels, whole = [], [], []
    for name, data in small().items():
        path = f"{DATA}/jpeg/{name}.jpg"
        (ROOT / path).write_bytes(data)
        rgb = Image.open(io.BytesIO(data)).convert("RGB")
        made.append({"picture": path, "width": rgb.width, "height": rgb.height})
        pixels.append(rgb.tobytes())
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.jpg"))
    for path in files:
        if path.stem.endswith("-truncated"):
            continue
        rgb = Image.open(path).convert("RGB")
        sha256 = hashlib.sha256(rgb.tobytes()).hexdigest()
        name = path.relative_to(ROOT).as_posix()
        whole.append({"picture": name, "width": rgb.width, "height": rgb.height, "sha256": sha256})
    (ROOT / DATA / "jpeg.rgb").write_bytes(b"".join(pixels))
    versions = {"pillow": PIL.__version__, "libjpeg-turbo": features.version("libjpeg_turbo")}
    lists = [f'"{key}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in [("small", made), ("whole", whole)]]
    (ROOT / DATA / "jpeg.json").write_text(f'{{"made_with": {json.dumps(versions)},\n' + ",\n".join(lists) + "}\n")
    print(f"{len(made)} small files, {len(whole)} whole ones")


if __name__ == "__main__":
    main()
