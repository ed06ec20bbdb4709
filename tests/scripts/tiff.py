"""Writes crates/clip-preprocess/tests/data/tiff.*: small TIFFs of many kinds, and their pixels.

    pip install pillow==13.0.0 numpy
    apt-get install libtiff-tools              # tiffcp, for what compresses
    python tests/scripts/tiff.py

`tiff/*.tif` are a part of `samples/coffee.png`. `tiff.json` names them with their sizes; `tiff.rgb` holds
their pixels as RGB, one picture after the other, without alpha and then on white. They are Pillow's, except
for the kinds that Pillow does not read or shows in other levels: those are under `true`, with the picture
that they were made from.
"""

import io
import json
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageCms, features

ROOT = Path(__file__).resolve().parents[2]
DATA = "crates/clip-preprocess/tests/data"
# Odd both ways.
BOX = (300, 150, 319, 163)
WIDTH, HEIGHT = BOX[2] - BOX[0], BOX[3] - BOX[1]

SHORT, LONG, RATIONAL, FLOAT, LONG8 = 3, 4, 5, 11, 16
LETTERS = {1: "B", SHORT: "H", LONG: "I", FLOAT: "f", LONG8: "Q", 7: "B"}
GRAY, RGB, PALETTE, CMYK, YCBCR, LAB, ICC_LAB = 1, 2, 3, 5, 6, 8, 9
IMAGE_WIDTH, IMAGE_LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS, PLANAR, WHITE_POINT = 273, 274, 277, 278, 279, 284, 318
COLOR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 320, 322, 323, 324, 325
EXTRA, FORMAT, JPEG_TABLES, SUBSAMPLING, BLACK_WHITE = 338, 339, 347, 530, 532


def tiff(chunks: list[bytes], fields: dict, order: str = "<", big: bool = False, drop: tuple = ()) -> bytes:
    """A file of one page, its strips before the directory. A field is a list of shorts or a type with values."""
    offset = "Q" if big else "I"
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HH", 8, 0) if big else b""
    data, places = b"", []
    start = len(head) + struct.calcsize(offset)
    for chunk in chunks:
        places.append(start + len(data))
        data += chunk + b"\0" * (len(chunk) % 2)
    kind = LONG8 if big else LONG
    tiles = TILE_WIDTH in fields
    fields = {
        IMAGE_WIDTH: [WIDTH],
        IMAGE_LENGTH: [HEIGHT],
        COMPRESSION: [1],
        (TILE_OFFSETS if tiles else OFFSETS): (kind, places),
        (TILE_COUNTS if tiles else COUNTS): (kind, [len(chunk) for chunk in chunks]),
    } | fields
    fields = {tag: field for tag, field in fields.items() if tag not in drop}
    at = start + len(data)
    count, entry, inline = ("Q", 20, 8) if big else ("H", 12, 4)
    outside = at + struct.calcsize(count) + entry * len(fields) + inline
    table, more = struct.pack(order + count, len(fields)), b""
    for tag, field in sorted(fields.items()):
        kind, values = field if isinstance(field, tuple) else (SHORT, field)
        if kind == RATIONAL:
            packed, number = struct.pack(f"{order}{2 * len(values)}I", *(n for v in values for n in (round(v * 10000), 10000))), len(values)
        else:
            packed, number = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values), len(values)
        if len(packed) > inline:
            place = struct.pack(order + offset, outside + len(more))
            more += packed
        else:
            place = packed.ljust(inline, b"\0")
        table += struct.pack(order + "HH" + offset, tag, kind, number) + place
    table += struct.pack(order + offset, 0)
    return head + struct.pack(order + offset, at) + data + table + more


def strips(samples: np.ndarray, rows: int) -> list[bytes]:
    """The bytes of each row lie along the second axis."""
    return [samples[y : y + rows].tobytes() for y in range(0, len(samples), rows)]


def packed(samples: np.ndarray, bits: int) -> np.ndarray:
    """Samples of so many bits, the highest first, each row of whole bytes."""
    flat = samples.reshape(len(samples), -1).astype(np.uint64)
    each = (flat[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint64)) & 1
    return np.packbits(each.reshape(len(samples), -1).astype(np.uint8), axis=1)


def tiffcp(data: bytes, *options: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.tif", Path(folder) / "after.tif"
        before.write_bytes(data)
        subprocess.run(["tiffcp", *options, before, after], check=True, capture_output=True)
        return after.read_bytes()


def kinds(plain: dict[str, bytes]) -> dict[str, bytes]:
    color = np.asarray(Image.open(ROOT / "samples/coffee.png").convert("RGB").crop(BOX))
    gray = np.asarray(Image.fromarray(color).convert("L"))
    x = np.mgrid[:HEIGHT, :WIDTH][1]
    alpha = (x * 255 // (WIDTH - 1)).astype(np.uint8)
    rng = np.random.default_rng(5)
    made = {}

    def save(name: str, samples: np.ndarray, photometric: int, bits: int, rows: int = 5, order: str = "<", **more):
        count = samples.shape[2] if samples.ndim == 3 else 1
        if samples.dtype.kind == "f" or bits in (16, 32, 64):
            stored = samples.astype(samples.dtype.newbyteorder(order))
        elif bits == 8:
            stored = samples
        else:
            stored = packed(samples, bits)
        fields = {PHOTOMETRIC: [photometric], BITS: [bits] * count, SAMPLES: [count], ROWS: [rows]}
        fields |= more.pop("fields", {})
        made[name] = tiff(strips(stored, rows), fields, order, **more)

    def copy(name: str, source: str, *options: str):
        made[name] = tiffcp(made[source], *options)

    # Black and white, and gray.
    bit = (gray > 90).astype(np.uint8)
    save("bilevel", bit, GRAY, 1)
    save("bilevel-white-is-zero", bit, 0, 1)
    for bits in (2, 4):
        save(f"gray-{bits}", gray >> (8 - bits), GRAY, bits)
        save(f"gray-{bits}-white-is-zero", gray >> (8 - bits), 0, bits)
    save("gray-8", gray, GRAY, 8)
    save("gray-8-white-is-zero", gray, 0, 8)
    save("gray-8-signed", gray.view(np.int8), GRAY, 8, fields={FORMAT: [2]})
    la = np.stack([gray, alpha], axis=-1)
    for extra, name in [(0, "unspecified"), (2, "alpha")]:
        save(f"gray-8-{name}", la, GRAY, 8, fields={EXTRA: [extra]})
    # Palettes.
    colors = rng.integers(0, 65536, (3, 256))
    for bits in (1, 2, 4, 8):
        count = 1 << bits
        palette = {COLOR_MAP: colors[:, :count].reshape(-1).tolist()}
        save(f"palette-{bits}", gray >> (8 - bits), PALETTE, bits, fields=palette, order="<>"[bits % 3 == 1])
    save("palette-8-alpha", la, PALETTE, 8, fields=palette | {EXTRA: [2]})
    save("palette-8-unspecified", la, PALETTE, 8, fields=palette | {EXTRA: [0]})
    # Color.
    rgba = np.dstack([color, alpha])
    multiplied = (rgba.astype(int) * np.dstack([alpha] * 3 + [np.full_like(alpha, 255)]) // 255).astype(np.uint8)
    deep = rng.integers(0, 65536, (HEIGHT, WIDTH, 4), dtype=np.uint16)
    for order, name in [("<", "little"), (">", "big")]:
        save(f"rgb-8-{name}", color, RGB, 8, order=order)
        save(f"rgb-16-{name}", deep[..., :3], RGB, 16, order=order)
        save(f"rgba-16-associated-{name}", deep, RGB, 16, order=order, fields={EXTRA: [1]})
    save("rgb-8-bigtiff", color, RGB, 8, big=True)
    save("rgba-8", rgba, RGB, 8, fields={EXTRA: [2]})
    save("rgba-8-associated", multiplied, RGB, 8, fields={EXTRA: [1]})
    save("rgba-8-untold", rgba, RGB, 8)
    save("rgb-8-unspecified", rgba, RGB, 8, fields={EXTRA: [0]})
    save("rgb-8-three-more", np.dstack([rgba, color[..., :2]]), RGB, 8, fields={EXTRA: [0, 0, 0]})
    save("rgba-8-more", np.dstack([rgba, color[..., :2]]), RGB, 8, fields={EXTRA: [2, 0, 0]})
    save("rgba-16-unspecified", deep, RGB, 16, fields={EXTRA: [0]})
    inks = np.dstack([color, gray])
    save("cmyk-8", inks, CMYK, 8)
    save("cmyk-8-more", np.dstack([inks, alpha]), CMYK, 8, fields={EXTRA: [0]})
    save("cmyk-16", deep, CMYK, 16, order=">")
    lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = np.asarray(ImageCms.applyTransform(Image.fromarray(color), lab))
    save("lab-8", lab ^ np.array([0, 128, 128], dtype=np.uint8), LAB, 8)
    for turn in range(2, 9):
        save(f"turned-{turn}", color, RGB, 8, fields={ORIENTATION: [turn]})
    # Where the pixels are.
    save("no-counts", color, RGB, 8, rows=HEIGHT, drop=(COUNTS,))
    save("no-counts-strips", color, RGB, 8, drop=(COUNTS,))
    save("no-rows", color, RGB, 8, rows=HEIGHT, drop=(ROWS,))
    tiles = []
    padded = np.pad(color, ((0, 3), (0, 13), (0, 0)), mode="edge")
    for top in range(0, 16, 16):
        tiles += [padded[top : top + 16, left : left + 16].tobytes() for left in range(0, 32, 16)]
    fields = {PHOTOMETRIC: [RGB], BITS: [8, 8, 8], SAMPLES: [3], TILE_WIDTH: [16], TILE_LENGTH: [16]}
    made["tiles"] = tiff(tiles, fields)
    planes = np.ascontiguousarray(color.transpose(2, 0, 1))
    fields = {PHOTOMETRIC: [RGB], BITS: [8, 8, 8], SAMPLES: [3], ROWS: [5], PLANAR: [2]}
    made["planes"] = tiff([strip for plane in planes for strip in strips(plane, 5)], fields)
    reverse = np.array([int(f"{i:08b}"[::-1], 2) for i in range(256)], dtype=np.uint8)
    save("rgb-8-reversed", reverse[color], RGB, 8, fields={FILL_ORDER: [2]})
    # YCbCr as it is.
    ycbcr = np.asarray(Image.fromarray(color).convert("YCbCr"))
    for across, down in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (4, 4)]:
        fields = {PHOTOMETRIC: [YCBCR], BITS: [8, 8, 8], SAMPLES: [3], ROWS: [8], SUBSAMPLING: [across, down]}
        # libtiff loses the edge of 4 by 4.
        whole = ycbcr[:12, :16] if (across, down) == (4, 4) else ycbcr
        fields |= {IMAGE_WIDTH: [whole.shape[1]], IMAGE_LENGTH: [len(whole)]}
        chunks = []
        for top in range(0, len(whole), 8):
            part = whole[top : top + 8]
            part = np.pad(part, ((0, -len(part) % down), (0, -part.shape[1] % across), (0, 0)), mode="edge")
            blocks = part.reshape(len(part) // down, down, part.shape[1] // across, across, 3).swapaxes(1, 2)
            y = blocks[..., 0].reshape(*blocks.shape[:2], -1)
            c = blocks[..., 1:].mean(axis=(2, 3)).round().astype(np.uint8)
            chunks.append(np.concatenate([y, c], axis=-1).tobytes())
        if (across, down) == (2, 2):
            # The default, and levels as in television.
            del fields[SUBSAMPLING]
            fields[BLACK_WHITE] = (RATIONAL, [16, 235, 128, 240, 128, 240])
        # Pillow passes over the subsampling of pixels that are not compressed.
        made[f"ycbcr-{across}{down}"] = tiff([zlib.compress(chunk) for chunk in chunks], fields | {COMPRESSION: [8]})
        if (across, down) == (2, 1):
            plain["ycbcr-21"] = tiff(chunks, fields)
    # Compression.
    for source in ("bilevel", "bilevel-white-is-zero"):
        suffix = source.removeprefix("bilevel")
        for name, option in [("1d", "g3:1d"), ("2d", "g3:2d"), ("fill", "g3:1d:fill"), ("2d-fill", "g3:2d:fill")]:
            copy(f"group3-{name}{suffix}", source, "-c", option)
        copy(f"group4{suffix}", source, "-c", "g4")
    copy("group4-reversed", "bilevel", "-c", "g4", "-f", "lsb2msb")
    copy("group3-reversed", "bilevel", "-c", "g3:2d", "-f", "lsb2msb")
    copy("bilevel-packbits", "bilevel", "-c", "packbits")
    made["huffman"] = pillow(bit, "tiff_ccitt")
    made["huffman-words"] = pillow(bit, "tiff_raw_16")
    for method in ("lzw", "zip", "packbits", "zstd", "lzma"):
        copy(f"rgb-8-{method}", "rgb-8-little", "-c", method)
        copy(f"rgb-8-{method}-reversed", "rgb-8-little", "-c", method, "-f", "lsb2msb")
        if method != "packbits":
            copy(f"rgb-8-{method}-predictor", "rgb-8-little", "-c", f"{method}:2", "-r", "7")
            copy(f"rgb-16-{method}-predictor", "rgb-16-big", "-c", f"{method}:2", "-B")
    copy("rgb-16-lzw-predictor-little", "rgb-16-big", "-c", "lzw:2", "-L")
    copy("planes-lzw-predictor", "rgb-8-little", "-c", "lzw:2", "-p", "separate")
    copy("tiles-zip-predictor", "rgb-8-little", "-c", "zip:2", "-t", "-w", "16", "-l", "16")
    copy("tiles-planes", "rgb-8-little", "-p", "separate", "-t", "-w", "16", "-l", "16")
    copy("palette-4-lzw", "palette-4", "-c", "lzw")
    copy("bigtiff-lzw", "rgb-8-little", "-c", "lzw", "-8")
    made["old-deflate"] = replaced(made["rgb-8-zip"], 8, 32946)
    made["lzw-old"] = tiff(
        [old_lzw(strip) for strip in strips(color, 5)],
        {PHOTOMETRIC: [RGB], BITS: [8, 8, 8], SAMPLES: [3], ROWS: [5], COMPRESSION: [5]},
    )
    made["pages"] = two_pages(made["rgb-8-little"], made["gray-8"])
    return made


def lossy() -> dict[str, bytes]:
    """JPEG, of which decoders give nearly the same pixels. Blocks have 16 pixels, and a strip has one row of them."""
    color = np.asarray(Image.open(ROOT / "samples/coffee.png").convert("RGB").crop((300, 150, 335, 179)))
    height, width = color.shape[:2]
    gray = np.asarray(Image.fromarray(color).convert("L"))
    inks = np.dstack([color, gray])

    def plain(samples: np.ndarray, photometric: int) -> bytes:
        count = samples.shape[2] if samples.ndim == 3 else 1
        fields = {IMAGE_WIDTH: [width], IMAGE_LENGTH: [height], PHOTOMETRIC: [photometric]}
        fields |= {BITS: [8] * count, SAMPLES: [count], ROWS: [height]}
        return tiff(strips(samples, height), fields)

    rgb = plain(color, RGB)
    stream = io.BytesIO()
    Image.fromarray(color).save(stream, "JPEG", quality=90, subsampling=2)
    stream = stream.getvalue()
    fields = {IMAGE_WIDTH: [width], IMAGE_LENGTH: [height], PHOTOMETRIC: [YCBCR], BITS: [8] * 3, SAMPLES: [3]}
    fields |= {ROWS: [height], SUBSAMPLING: [2, 2]}
    return {
        "jpeg-ycbcr": tiffcp(rgb, "-c", "jpeg:90", "-r", "16"),
        "jpeg-ycbcr-tiles": tiffcp(rgb, "-c", "jpeg:90", "-t", "-w", "16", "-l", "16"),
        "jpeg-rgb": tiffcp(rgb, "-c", "jpeg:r:90", "-r", "16"),
        "jpeg-gray": tiffcp(plain(gray, GRAY), "-c", "jpeg:90", "-r", "16"),
        "jpeg-cmyk": tiffcp(plain(inks, CMYK), "-c", "jpeg:90", "-r", "16"),
        "jpeg-planes": tiffcp(rgb, "-c", "jpeg:r:90", "-p", "separate", "-r", "16"),
        # Without shared tables, and with JFIF's marks.
        "jpeg-whole": tiff([stream], fields | {COMPRESSION: [7]}),
        "jpeg-old": tiff([stream], fields | {COMPRESSION: [6], 513: (LONG, [8]), 514: (LONG, [len(stream)])}),
    }


def levels(made: dict[str, tuple[bytes, np.ndarray]]) -> dict[str, tuple[bytes, np.ndarray]]:
    """Kinds whose pixels Pillow clips or does not read, with the true ones."""
    gray = np.asarray(Image.open(ROOT / "samples/coffee.png").convert("L").crop(BOX))
    color = np.asarray(Image.open(ROOT / "samples/coffee.png").convert("RGB").crop(BOX))
    x = np.mgrid[:HEIGHT, :WIDTH][1]

    def save(name: str, samples: np.ndarray, bits: int, true: np.ndarray, photometric: int = GRAY, order: str = "<", **fields):
        count = samples.shape[2] if samples.ndim == 3 else 1
        stored = packed(samples, bits) if bits not in (16, 32, 64) else samples.astype(samples.dtype.newbyteorder(order))
        more = {int(tag[1:]): value for tag, value in fields.items()}
        data = tiff(strips(stored, 5), {PHOTOMETRIC: [photometric], BITS: [bits] * count, SAMPLES: [count], ROWS: [5]} | more, order)
        made[name] = data, np.dstack([true] * 3) if true.ndim == 2 else true

    wide = gray.astype(np.uint32)
    save("gray-12", wide << 4 | wide >> 4, 12, gray)
    save("gray-16", wide.astype(np.uint16) * 257, 16, gray)
    save("gray-16-white-is-zero", 65535 - wide.astype(np.uint16) * 257, 16, gray, photometric=0, order=">")
    save("gray-32", wide * 0x1010101, 32, gray, order=">")
    save("gray-32-small", wide, 32, gray)
    save("gray-32-signed-small", wide.astype(np.int32), 32, gray, _339=[2])
    save("gray-16-signed", (wide * 128).astype(np.int16), 16, (wide * 128 / 32767 * 255).round().astype(np.uint8), _339=[2])
    save("gray-float", (gray / np.float32(255)).astype(np.float32), 32, gray, _339=[3])
    save("gray-float-levels", gray.astype(np.float32), 32, gray, order=">", _339=[3])
    save("gray-half", (gray / 255).astype(np.float16), 16, gray, _339=[3])
    save("gray-double", gray / 255, 64, gray, _339=[3])
    save("rgb-float", (color / np.float32(255)).astype(np.float32), 32, color, photometric=RGB, _339=[3] * 3)
    save("rgb-32", color.astype(np.uint32) * 0x1010101, 32, color, photometric=RGB)
    save("rgb-4", color >> 4, 4, (color >> 4) * 17, photometric=RGB)
    la = np.dstack([gray, (x * 255 // (WIDTH - 1)).astype(np.uint8)]).astype(np.uint16) * 257
    save("gray-16-alpha", la, 16, gray, _338=[2])
    for name in ("gray-float", "rgb-float"):
        made[f"{name}-predictor"] = tiffcp(made[name][0], "-c", "zip:3"), made[name][1]
    fields = {PHOTOMETRIC: [RGB], BITS: [8] * 3, SAMPLES: [3], ROWS: [5]}
    made["rgb-8-bigtiff-big"] = tiff(strips(color, 5), fields, ">", True), color
    webp = io.BytesIO()
    Image.fromarray(color).save(webp, "WEBP", lossless=True)
    fields = {PHOTOMETRIC: [RGB], BITS: [8] * 3, SAMPLES: [3], ROWS: [HEIGHT], COMPRESSION: (LONG, [50001])}
    made["webp"] = tiff([webp.getvalue()], fields), color
    made["gray-32-lzw-predictor"] = tiffcp(made["gray-32"][0], "-c", "lzw:2"), made["gray-32"][1]
    return made


def pillow(samples: np.ndarray, compression: str) -> bytes:
    data = io.BytesIO()
    image = Image.fromarray(samples * 255).convert("1", dither=Image.Dither.NONE) if samples.ndim == 2 else Image.fromarray(samples)
    image.save(data, "TIFF", compression=compression)
    return data.getvalue()


def replaced(data: bytes, old: int, new: int) -> bytes:
    """The file with another number of its compression."""
    entry = struct.pack("<HHIHH", COMPRESSION, SHORT, 1, old, 0)
    assert data.count(entry) == 1
    return data.replace(entry, struct.pack("<HHIHH", COMPRESSION, SHORT, 1, new, 0))


def old_lzw(data: bytes) -> bytes:
    """LZW before TIFF 6.0: the lowest bit first, codes widened one later. Each byte is a code of its own."""
    bits, held, out, free, width = 0, 0, bytearray(), 258, 9
    for code in [256, *data, 257]:
        bits |= code << held
        held += width
        while held >= 8:
            out.append(bits & 255)
            bits, held = bits >> 8, held - 8
        # The decoder has an entry fewer than codes.
        if code < 256:
            free += 1
            if free - 1 == 1 << width:
                width += 1
    return bytes(out + bytes([bits & 255]))


def two_pages(first: bytes, second: bytes) -> bytes:
    pages = [Image.open(io.BytesIO(data)) for data in (first, second)]
    data = io.BytesIO()
    pages[0].save(data, "TIFF", save_all=True, append_images=pages[1:])
    return data.getvalue()


def colors(data: bytes) -> tuple[Image.Image, Image.Image]:
    """Without alpha and on white."""
    image = Image.open(io.BytesIO(data))
    image.load()
    dropped = image.convert("RGB")
    if image.mode not in ("RGBA", "LA", "PA"):
        return dropped, dropped
    white = Image.new("RGBA", image.size, "white")
    return dropped, Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def main() -> None:
    folder = ROOT / DATA / "tiff"
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.tif"):
        path.unlink()
    lists, pixels, plain = {}, [], {}
    lossless = kinds(plain)
    known = {f"{name}-plain": (data, np.asarray(colors(lossless[name])[0])) for name, data in plain.items()}
    for key, files in [("lossless", lossless), ("lossy", lossy()), ("true", levels(known))]:
        lists[key] = []
        for name, data in files.items():
            if key == "true":
                data, rgb = data
                (height, width), parts = rgb.shape[:2], [rgb.tobytes()]
            else:
                both = colors(data)
                (width, height), parts = both[0].size, [image.tobytes() for image in both]
            (folder / f"{name}.tif").write_bytes(data)
            lists[key].append({"picture": f"{DATA}/tiff/{name}.tif", "width": width, "height": height})
            pixels += parts
    (ROOT / DATA / "tiff.rgb").write_bytes(b"".join(pixels))
    versions = {"pillow": PIL.__version__, "libtiff": features.version("libtiff")}
    text = [f'"{key}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in lists.items()]
    (ROOT / DATA / "tiff.json").write_text(f'{{"made_with": {json.dumps(versions)},\n' + ",\n".join(text) + "}\n")
    print(", ".join(f"{len(rows)} {key}" for key, rows in lists.items()))


if __name__ == "__main__":
    main()
