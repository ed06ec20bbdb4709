"""Writes crates/clip-preprocess/tests/data/color: small ICC profiles, and what Little CMS makes of some colors.

    pip install pillow==13.0.0 pillow_heif==1.8.1 numpy
    python tests/scripts/color.py

The profiles are made here, of the numbers in the definitions of each space. `colors.json` has, for each of
them, some colors in its space and the same in sRGB, by `ImageCms` of Pillow.
"""

import json
import struct
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

FOLDER = Path(__file__).resolve().parents[2] / "crates/clip-preprocess/tests/data/color"
D50 = np.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]
# Primaries, white, and the exponent or "srgb".
SPACES = {
    "srgb": (SRGB, D65, "srgb"),
    "display-p3": ([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], D65, "srgb"),
    "adobe-rgb": ([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], D65, 2.19921875),
    "prophoto": ([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], (0.3457, 0.3585), 1.8),
    "linear": (SRGB, D65, 1.0),
}
GRAYS = {"gray-linear": 1.0, "gray-2.2": 2.2}
XMP = b'''<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>'''
# One field, 0x0132: 2014:04:26 19:09:19.
EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x32\x01\x02\0\x14\0\0\0\x1a\0\0\0\0\0\0\x002014:04:26 19:09:19\0"
# How much of each ink: nothing, one alone, two, all, and between.
INKS = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0), (255, 255, 0, 0), (0, 0, 0, 255), (255, 255, 255, 255)]
COLORS = [(200, 100, 50), (10, 200, 90), (30, 60, 220), (128, 128, 128), (90, 20, 60), (250, 240, 230)]
LEVELS = [0, 10, 64, 128, 200, 255]


def xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


def colorants(primaries: list, white: tuple) -> np.ndarray:
    columns = np.array([xyz(*primary) for primary in primaries]).T
    columns = columns * np.linalg.solve(columns, xyz(*white))
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ xyz(*white)))
    return np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ columns


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def curve(exponent: float | str) -> bytes:
    if exponent == "srgb":
        numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + b"".join(map(fixed, numbers))
    if exponent == 1.0:
        return b"curv" + bytes(8)
    return b"curv" + bytes(4) + struct.pack(">IHH", 1, round(exponent * 256), 0)


def point(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(fixed, values))


def profile(name: str, space: bytes, tags: list, between: bytes = b"XYZ ", device: bytes = b"mntr") -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name.encode() + bytes(1 + 78)
    tags = [(b"desc", text), (b"wtpt", point(D50)), *tags]
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for signature, value in tags:
        value += bytes(-len(value) % 4)
        table += signature + struct.pack(">II", start + len(data), len(value))
        data += value
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I", 128 + len(body)) + bytes(4) + bytes([2, 0x40, 0, 0]) + device + space + between
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(map(fixed, D50)) + bytes(48)
    return header + body


def inks() -> bytes:
    """A profile of inks that are paler than the primaries of screens: one table of 16 corners in Lab."""
    corners = []
    for corner in range(16):
        cyan, magenta, yellow, black = (corner >> shift & 1 for shift in (3, 2, 1, 0))
        reds, greens, blues = (1 - 0.6 * cyan, 1 - 0.65 * magenta, 1 - 0.7 * yellow)
        lightness = 100 * (0.3 * reds + 0.6 * greens + 0.1 * blues) * (1 - 0.8 * black)
        a, b = 80 * (reds - greens) * (1 - black), 60 * (greens - blues) * (1 - black)
        corners += [round(lightness * 2.55), round(a + 128), round(b + 128)]
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + b"".join(map(fixed, np.eye(3).flatten()))
    table += 4 * bytes(range(256)) + bytes(corners) + 3 * bytes(range(256))
    return profile("inks", b"CMYK", [(b"A2B0", table)], b"Lab ", b"prtr")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    srgb = ImageCms.createProfile("sRGB")
    found = {}
    for name, (primaries, white, exponent) in SPACES.items():
        matrix = colorants(primaries, white)
        tags = [(f"{c}XYZ".encode(), point(matrix[:, i])) for i, c in enumerate("rgb")]
        tags += [(f"{c}TRC".encode(), curve(exponent)) for c in "rgb"]
        (FOLDER / f"{name}.icc").write_bytes(profile(name, b"RGB ", tags))
        image = Image.new("RGB", (len(COLORS), 1))
        image.putdata(COLORS)
        image = ImageCms.profileToProfile(image, str(FOLDER / f"{name}.icc"), srgb)
        found[name] = list(zip(COLORS, map(list, image.get_flattened_data())))
    for name, exponent in GRAYS.items():
        (FOLDER / f"{name}.icc").write_bytes(profile(name, b"GRAY", [(b"kTRC", curve(exponent))]))
        image = Image.new("L", (len(LEVELS), 1))
        image.putdata(LEVELS)
        image = ImageCms.profileToProfile(image, str(FOLDER / f"{name}.icc"), srgb, outputMode="RGB")
        found[name] = [([level] * 3, list(color)) for level, color in zip(LEVELS, image.get_flattened_data())]
    (FOLDER / "inks.icc").write_bytes(inks())
    image = Image.new("CMYK", (8 * len(INKS), 8))
    image.putdata([ink for _ in range(8) for ink in INKS for _ in range(8)])
    image.save(FOLDER / "inks.jpg", quality=100, subsampling=0, icc_profile=inks())
    # Without black point compensation, which Little CMS adds to the perceptual intent.
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(image, str(FOLDER / "inks.icc"), srgb, relative, outputMode="RGB")
    converted.save(FOLDER / "inks.png")
    # 16 pixels of each color; HEIC once with a profile and once with code points (H.273: primaries 12, transfer 13).
    image = Image.new("RGB", (16 * len(COLORS), 16))
    image.putdata([color for _ in range(16) for color in COLORS for _ in range(16)])
    lossless = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    profile_of = (FOLDER / "display-p3.icc").read_bytes()
    pillow_heif.from_pillow(image).save(FOLDER / "profile.heic", icc_profile=profile_of, exif=EXIF, xmp=XMP, **lossless)
    points = {"save_nclx_profile": True, "color_primaries": 12, "transfer_characteristics": 13, "full_range_flag": 1}
    pillow_heif.from_pillow(image).save(FOLDER / "points.heic", **points, **lossless)
    lines = ",\n".join(f'  "{name}": {json.dumps(pairs)}' for name, pairs in found.items())
    (FOLDER / "colors.json").write_text("{\n" + lines + "\n}\n")


main()
