"""Writes crates/clip-preprocess/tests/data/modes.json: crops by the references of each mode.

    pip install torch==2.15.0 torchvision==0.29.2 transformers==5.23.0 pillow==13.0.0 numpy
    pip install open_clip_torch==3.3.0 openai-clip==1.0.1 ftfy timm setuptools==80.9.0
    python tests/scripts/pixels.py && python tests/scripts/modes.py

`openai` is `_transform` of `clip/clip.py` and `image_transform` of `open_clip/transform.py`, which must
agree where both know the configuration; `hf-torchvision` is `CLIPImageProcessor` of transformers, on a
CPU with AVX2. `configs` are those of a model card, without mean and deviation. Each picture has one crop
for each of them, in their order: the first 16 digits of the SHA-256 of its 8-bit RGB, row by row, or null
where the reference fails. `files` are lossless files of this repository, some of them made here
(`kind-*`); `noise` is made again by the test, from the sizes (see `noise`). `levels` has the SHA-256 of
the normalized values of a picture whose channels hold every level once (f32, little-endian, CHW).
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from clip.clip import _transform
from open_clip.transform import image_transform
from PIL import Image
from torchvision.transforms import Normalize, ToTensor
from transformers import CLIPImageProcessor

ROOT = Path(__file__).resolve().parents[2]
DATA = "crates/clip-preprocess/tests/data"
FOLDERS = ("crates/clip-testkit/formats", "samples", DATA)
LOSSLESS = (".png", ".bmp", ".gif", ".tiff", "-lossless.webp")
PACKAGES = ["torch", "torchvision", "transformers", "open_clip_torch", "openai-clip", "pillow"]

# mode, resize, resize_size, interpolation, crop_size
CONFIGS = [
    ("openai", "shortest", 224, "bicubic", 224),
    ("openai", "shortest", 64, "bicubic", 64),
    ("openai", "shortest", 31, "bicubic", 31),
    ("openai", "shortest", 48, "bilinear", 48),
    ("openai", "squash", 64, "bicubic", 64),
    ("openai", "squash", 31, "bilinear", 31),
    ("openai", "longest", 64, "bicubic", 64),
    ("openai", "longest", 31, "bilinear", 31),
    ("hf-torchvision", "shortest", 224, "bicubic", 224),
    ("hf-torchvision", "shortest", 72, "bicubic", 64),
    ("hf-torchvision", "shortest", 50, "bicubic", 77),
    ("hf-torchvision", "shortest", 51, "bilinear", 48),
    ("hf-torchvision", "squash", 64, "bicubic", 64),
]
SIZES = [(1, 1), (1, 2), (2, 1), (3, 7), (7, 3), (31, 31), (30, 31), (31, 32), (33, 64), (64, 33), (64, 64), (64, 65)]
SIZES += [(66, 64), (64, 67), (69, 64), (96, 54), (54, 96), (40, 80), (40, 81), (80, 40), (5, 120), (120, 5)]
SIZES += [(200, 3), (3, 200), (300, 1), (1, 300), (448, 96), (100, 452), (224, 224), (225, 224), (224, 227), (1500, 37), (37, 1500)]
DRAWN = 60


def noise(width: int, height: int) -> Image.Image:
    """Half of the samples are black, so that the cubic overshoots; `noise` in the test is the same."""
    samples, state = np.zeros(width * height * 3, dtype=np.uint8), 0x2545F491
    for i in range(samples.size):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        samples[i] = (state >> 23) & 255 if state >> 31 == 0 else 0
    return Image.fromarray(samples.reshape(height, width, 3))


def kinds() -> None:
    """A file of each kind that Pillow resizes in a way of its own, or opens in a mode one would not expect."""
    random = np.random.default_rng(5)

    def draw(*shape: int, top: int = 256) -> np.ndarray:
        samples = random.integers(0, top, shape, dtype=np.uint16)
        samples[random.random(shape) < 0.25] = top - 1
        samples[random.random(shape) < 0.25] = 0
        return samples

    def save(name: str, picture: Image.Image, **options) -> None:
        picture.save(ROOT / DATA / f"kind-{name}", **options)

    def small(*shape: int) -> Image.Image:
        return Image.fromarray(draw(*shape).astype(np.uint8))

    def indexed(height: int, width: int, colors: int) -> Image.Image:
        picture = Image.fromarray(random.integers(0, colors, (height, width), dtype=np.uint8), mode="P")
        picture.putpalette(random.integers(1, 255, 3 * colors, dtype=np.uint8).tobytes())
        return picture

    save("rgba-41x23.png", small(23, 41, 4))
    save("rgba-23x70.png", small(70, 23, 4))
    save("rgba-31x31.png", small(31, 31, 4))
    save("rgba-20x33.webp", small(33, 20, 4), lossless=True, exact=True)
    save("rgba-19x30.tiff", small(30, 19, 4))
    save("la-41x23.png", small(23, 41, 2))
    save("l-41x23.png", small(23, 41))
    save("gray16-41x23.png", Image.fromarray(draw(23, 41, top=700)))
    save("gray16-23x60.png", Image.fromarray(draw(60, 23, top=65536)))
    for name in ["bilevel-41x23.png", "bilevel-23x66.tiff", "bilevel-41x23.bmp"]:
        width, height = map(int, name.split("-")[1].split(".")[0].split("x"))
        save(name, Image.fromarray(random.random((height, width)) < 0.5))
    for name in ["p-41x23.png", "p-23x67.png", "p-41x23.gif", "p-23x41.bmp"]:
        width, height = map(int, name.split("-")[1].split(".")[0].split("x"))
        save(name, indexed(height, width, 256))
    save("p4-50x33.png", indexed(33, 50, 16), bits=4)
    save("p-alpha-40x23.png", indexed(23, 40, 256), transparency=bytes(range(256)))
    save("p-alpha-40x23.gif", indexed(23, 40, 16), transparency=3)
    save("rgb-transparent-23x40.png", small(40, 23, 3), transparency=(0, 0, 0))
    save("l-transparent-40x23.png", small(23, 40), transparency=255)
    ramp = Image.fromarray((np.arange(23 * 40) % 256).astype(np.uint8).reshape(23, 40))
    save("l-40x23.gif", ramp)
    save("l-40x23.bmp", ramp)


def openai(picture: Image.Image, resize: str, size: int, interpolation: str, crop: int) -> np.ndarray:
    assert size == crop
    transforms = image_transform(size, False, resize_mode=resize, interpolation=interpolation).transforms
    levels = uint8(transforms, picture)
    if (resize, interpolation) == ("shortest", "bicubic"):
        assert (levels == uint8(_transform(size).transforms, picture)).all()
    return levels


def uint8(transforms: list, picture: Image.Image) -> np.ndarray:
    """All but the last two, which make numbers of RGB."""
    for transform in transforms[:-2]:
        picture = transform(picture)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def hf_torchvision(picture: Image.Image, resize: str, size: int, interpolation: str, crop: int) -> np.ndarray:
    processor = CLIPImageProcessor(
        size={"shortest_edge": size} if resize == "shortest" else {"height": size, "width": size},
        crop_size={"height": crop, "width": crop},
        resample=Image.Resampling[interpolation.upper()],
        do_rescale=False,
        do_normalize=False,
    )
    assert processor.backend == "torchvision"
    levels = processor(picture, return_tensors="np")["pixel_values"][0]
    assert levels.dtype == np.uint8
    return levels.transpose(1, 2, 0)


REFERENCES = {"openai": openai, "hf-torchvision": hf_torchvision}


def crops(picture: Image.Image) -> list[str | None]:
    found = []
    for mode, resize, size, interpolation, crop in CONFIGS:
        try:
            levels = REFERENCES[mode](picture, resize, size, interpolation, crop)
        except ValueError as error:
            # A side of 0 pixels; Pillow's own words.
            assert resize == "longest" and "must be > 0" in str(error), error
            found.append(None)
            continue
        assert levels.shape == (crop, crop, 3)
        found.append(hashlib.sha256(np.ascontiguousarray(levels).tobytes()).hexdigest()[:16])
    return found


def levels() -> dict[str, str]:
    picture = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    processor = CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    values = {
        "openai": _transform(16)(picture).numpy(),
        "hf-torchvision": processor(picture, return_tensors="np")["pixel_values"][0],
    }
    open_clip = image_transform(16, False)(picture).numpy()
    assert (open_clip == values["openai"]).all()
    assert all(array.dtype == np.float32 and array.shape == (3, 16, 16) for array in values.values())
    return {mode: hashlib.sha256(array.astype("<f4").tobytes()).hexdigest() for mode, array in values.items()}


def main() -> None:
    torch.set_num_threads(1)
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"), "another kernel rounds otherwise"
    kinds()
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).iterdir())
    names = [path.relative_to(ROOT).as_posix() for path in paths if path.name.endswith((*LOSSLESS, "x33.webp"))]
    files = [{"picture": name, "crops": crops(Image.open(ROOT / name))} for name in names]
    drawn = np.random.default_rng(9).integers(1, 180, (DRAWN, 2)).tolist()
    sizes = [[width, height] for width, height in SIZES] + drawn
    made = [{"size": size, "crops": crops(noise(*size))} for size in sizes]
    keys = ["mode", "resize", "resize_size", "interpolation", "crop_size"]
    parts = [
        ("made_with", [{name: version(name) for name in PACKAGES}]),
        ("configs", [dict(zip(keys, config)) for config in CONFIGS]),
        ("levels", [levels()]),
        ("files", files),
        ("noise", made),
    ]
    body = ",\n".join(f'"{key}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in parts)
    (ROOT / DATA / "modes.json").write_text(f"{{{body}}}\n")
    print(f"{len(files)} files, {len(made)} made, {len(CONFIGS)} configurations")


if __name__ == "__main__":
    main()
