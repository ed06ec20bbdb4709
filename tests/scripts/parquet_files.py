"""Writes small Parquet files as others write them: crates/clip-data/tests/data and crates/clip-retrieval/tests/data.

    pip install pyarrow numpy pillow
    python tests/scripts/parquet_files.py

clip-data/tests/data
    gzip, lz4, brotli.parquet   two rows of img2dataset's columns, compressed so
    flickr.parquet              lists of captions, `list<string>`, with empty ones and nulls; a picture in
                                `image.bytes`, as the Hub's data sets have it
    karpathy.parquet            `sentences`, a `large_list<struct<raw, sentid>>`; keywords as a list
    hub.parquet                 class numbers, and their names in the metadata that `datasets` writes
    cifar.parquet               the same without a column of a known name, and a class that is null

clip-retrieval/tests/data
    embeddings-*.parquet        vectors of 256 numbers: unit vectors of one 1 each, at the places 0, 1 and 2, as
                                f16 (with a row without one, an empty one and one with a null in it), f64 in a
                                `large_list`, and f32 in a `fixed_size_list`
"""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CRATES = Path(__file__).resolve().parents[2] / "crates"
DATA, RETRIEVAL = CRATES / "clip-data/tests/data", CRATES / "clip-retrieval/tests/data"
WIDTH = 256


def png(color):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(file, "PNG")
    return file.getvalue()


PICTURES = [png(color) for color in ["red", "green", "blue", "white", "black"]]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def images(count):
    return pa.array([{"bytes": picture, "path": f"{i}.png"} for i, picture in enumerate(PICTURES[:count])], IMAGE)


def hub(table, **features):
    """Adds what `datasets` writes beside the schema."""
    features = {name: {"names": names, "_type": "ClassLabel"} for name, names in features.items()}
    features["image"] = {"_type": "Image"}
    info = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": info})


def compressed():
    table = pa.table({"key": ["0", "1"], "caption": ["red", "green"], "jpg": PICTURES[:2]})
    for codec in ["gzip", "lz4", "brotli"]:
        pq.write_table(table, DATA / f"{codec}.parquet", compression=codec)


def captions():
    texts = [["one", "two\nlines"], [], None, ["", None, "only"], ["last"]]
    table = pa.table({"image": images(5), "caption": pa.array(texts, pa.list_(pa.string())), "img_id": range(5)})
    pq.write_table(table, DATA / "flickr.parquet")
    sentence = pa.struct([("raw", pa.string()), ("sentid", pa.int64())])
    texts = [[{"raw": "one", "sentid": 7}, {"raw": "two", "sentid": 8}], [{"raw": "three", "sentid": 9}]]
    table = pa.table({
        "image": images(2),
        "sentences": pa.array(texts, pa.large_list(sentence)),
        "keywords": pa.array([["pet, small", "animal"], None], pa.list_(pa.string())),
    })
    pq.write_table(table, DATA / "karpathy.parquet")


def classes():
    table = pa.table({"image": images(3), "label": pa.array([1, 0, 1], pa.int64())})
    pq.write_table(hub(table, label=["flower", "dog"]), DATA / "hub.parquet")
    table = pa.table({
        "img": images(3),
        "fine_label": pa.array([2, None, 0], pa.int32()),
        "coarse_label": pa.array([0, 0, 1], pa.int32()),
    })
    fine, coarse = ["apple", "bear", "cloud"], ["food", "thing"]
    pq.write_table(hub(table, fine_label=fine, coarse_label=coarse), DATA / "cifar.parquet")


def embeddings():
    units = list(np.eye(WIDTH, dtype=np.float32)[:3])
    rows = [units[0], None, units[1], np.zeros(0, np.float32), [None, *units[2][1:]], units[2]]
    half = [None if row is None else [None if x is None else np.float16(x) for x in row] for row in rows]
    for name, rows, kind in [
        ("f16", half, pa.list_(pa.float16())),
        ("f64", units, pa.large_list(pa.float64())),
        ("fixed", units, pa.list_(pa.float32(), WIDTH)),
    ]:
        texts = [f"text {i}" for i in range(len(rows))]
        rows = pa.array([None if row is None else list(row) for row in rows], kind)
        pq.write_table(pa.table({"text": texts, "embedding": rows}), RETRIEVAL / f"embeddings-{name}.parquet")


if __name__ == "__main__":
    for folder in [DATA, RETRIEVAL]:
        folder.mkdir(parents=True, exist_ok=True)
    compressed()
    captions()
    classes()
    embeddings()
