"""Writes what the peers are compared on into a folder; what is there already is left alone.

    python prepare.py weights FOLDER       one ViT-B/32 with random weights, and its inputs
    python prepare.py pictures FOLDER      64 JPEGs of 12 megapixels
    python prepare.py onnx FOLDER          the towers as ONNX, f32 and int8
    python prepare.py vectors FOLDER       a million vectors to search, and queries

    hf/              config.json, model.safetensors and the rest, in Hugging Face layout
    pixels.f32       32 pictures of samples/ as CLIP's processor prepares them, [32, 3, 224, 224], little-endian
    captions.json    `captions` (those of captions.txt) and `ids`, one list a caption, unpadded
    jpegs/           4000×3000, quality 90, 4:2:0: crops of samples/, flipped and with a camera's grain
    vectors.f32      unit vectors [1000000, 512] that lie as CLIP's pictures do: in a cone, in clusters
    queries.f32      [64, 512], as texts: in a cone of their own
    questions.f32    [1000, 512], as these
    tenth.f32        [1000], for each of them the score of its tenth nearest
    onnx/            image.onnx, text.onnx and the same as *.int8.onnx; sizes of batches and texts are free
"""

import argparse
import json
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PICTURES, SIZE, QUALITY, GRAIN = 64, (4000, 3000), 90, 5.0
BATCH, TOKENS = 32, (5, 20)
# LayerNormalization is one operator from 17 on.
OPSET = 18


def samples():
    return sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in (".png", ".webp", ".jpg"))


def weights(_done, folder):
    """The full-size model of the goldens: biases and gains are random too, and activations stay near 1."""
    sys.path.append(str(ROOT / "tests/scripts"))
    from goldens import FULL, FULL_COMMON, tokenizer, write_checkpoint
    from transformers import CLIPImageProcessorPil

    encode = tokenizer()
    captions = (HERE / "captions.txt").read_text().splitlines()
    ids = encode(captions).input_ids
    lengths = [len(row) for row in ids]
    assert (min(lengths), max(lengths)) == TOKENS, f"captions of {min(lengths)} to {max(lengths)} tokens"
    # The folder's name is the seed of the weights.
    write_checkpoint(folder / "hf", FULL["vit-b-32"] | FULL_COMMON)
    encode.save_pretrained(folder / "hf")
    pictures = [Image.open(path).convert("RGB") for path in samples()[:BATCH]]
    pixels = CLIPImageProcessorPil.from_pretrained(folder / "hf")(pictures, return_tensors="np").pixel_values
    assert pixels.shape[0] == BATCH, "samples/ has too few pictures"
    pixels.astype("<f4").tofile(folder / "pixels.f32")
    (folder / "captions.json").write_text(json.dumps({"captions": captions, "ids": ids}))


def photograph(number, path):
    """Enlarged pictures are smoother than a camera's, so that their files decode too fast: hence the grain."""
    random = np.random.default_rng(number)
    picture = Image.open(random.choice(samples())).convert("RGB")
    width, height = picture.size
    share = random.uniform(0.6, 1.0)
    crop = min(width, height * SIZE[0] / SIZE[1]) * share
    crop = crop, crop * SIZE[1] / SIZE[0]
    left, top = random.uniform(0, width - crop[0]), random.uniform(0, height - crop[1])
    box = left, top, left + crop[0], top + crop[1]
    picture = picture.resize(SIZE, Image.Resampling.BICUBIC, box=box)
    if number % 2:
        picture = ImageOps.mirror(picture)
    grain = random.standard_normal((SIZE[1], SIZE[0], 1), np.float32) * GRAIN
    values = (np.asarray(picture, np.float32) + grain).round().clip(0, 255).astype(np.uint8)
    Image.fromarray(values).save(path, quality=QUALITY, subsampling="4:2:0")


def pictures(_done, folder):
    target = folder / "jpegs"
    target.mkdir()
    paths = [target / f"{number:02}.jpg" for number in range(PICTURES)]
    with ProcessPoolExecutor() as workers:
        list(workers.map(photograph, range(PICTURES), paths))


def onnx(done, folder):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import CLIPModel

    class Half(torch.nn.Module):
        def __init__(self, features):
            super().__init__()
            self.model = CLIPModel.from_pretrained(done / "hf", dtype=torch.float32).eval()
            self.features = features

        def forward(self, inputs):
            return getattr(self.model, self.features)(inputs).pooler_output

    target = folder / "onnx"
    target.mkdir()
    batch, length = torch.export.Dim("batch", max=1024), torch.export.Dim("length", min=2, max=77)
    image, text = torch.randn(2, 3, 224, 224), torch.randint(1, 49000, (2, 12))
    for part, inputs, free in [("image", image, {0: batch}), ("text", text, {0: batch, 1: length})]:
        path = target / f"{part}.onnx"
        torch.onnx.export(Half(f"get_{part}_features").eval(), (inputs,), path, input_names=["inputs"],
                          output_names=["features"], dynamic_shapes=(free,), opset_version=OPSET, dynamo=True,
                          external_data=False, verbose=False)  # fmt: skip
        # Linear layers alone: the patches' convolution has no 8-bit form that is faster.
        quantize_dynamic(path, target / f"{part}.int8.onnx", weight_type=QuantType.QInt8, per_channel=True,
                         op_types_to_quantize=["MatMul"])  # fmt: skip


def vectors(_done, folder):
    random = np.random.default_rng(5)

    def unit(values):
        return values / np.linalg.norm(values, axis=-1, keepdims=True)

    # Values of CLIP's vectors hang together: of the built-in model's pictures, without their mean, the 32 largest of
    # 256 principal components hold 80 %. Variances of 1/k hold 60 % of 512 there.
    scales = np.arange(1, 513, dtype=np.float32) ** -0.5
    turn = np.linalg.qr(random.standard_normal((512, 512)))[0].astype(np.float32)

    def draw(rows):
        return unit((random.standard_normal((rows, 512), np.float32) * scales) @ turn)

    # A picture is like any other by a cosine of 0.5, like those of its cluster by 0.7; a text is like a picture by
    # 0.2, and by 0.3 where it is of its cluster.
    cone, texts = unit(random.standard_normal((2, 1, 512), np.float32))
    clusters = draw(2000)

    def ask(rows):
        own = clusters[random.integers(len(clusters), size=rows)]
        return unit(0.28 * cone + 0.8 * texts + 0.22 * own + 0.48 * draw(rows)).astype("<f4")

    with open(folder / "vectors.f32", "wb") as file:
        for _ in range(100):
            own = clusters[random.integers(len(clusters), size=10_000)]
            unit(0.71 * cone + 0.45 * own + 0.54 * draw(10_000)).astype("<f4").tofile(file)
    ask(64).tofile(folder / "queries.f32")
    asked = ask(1000)
    asked.tofile(folder / "questions.f32")
    # The score of the tenth of each.
    best = np.full((1000, 10), -1, np.float32)
    for part in np.fromfile(folder / "vectors.f32", np.float32).reshape(100, -1, 512):
        best = np.sort(np.concatenate([best, asked @ part.T], axis=1), axis=1)[:, -10:]
    best[:, 0].astype("<f4").tofile(folder / "tenth.f32")


# Each with what it writes.
STEPS = {
    "weights": (weights, ["hf", "pixels.f32", "captions.json"]),
    "pictures": (pictures, ["jpegs"]),
    "onnx": (onnx, ["onnx"]),
    "vectors": (vectors, ["vectors.f32", "queries.f32", "questions.f32", "tenth.f32"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    step, names = STEPS[arguments.step]
    if all((arguments.folder / name).exists() for name in names):
        return
    # Beside it first: a step that is interrupted leaves nothing that looks whole.
    fresh = arguments.folder / f"unfinished-{arguments.step}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    step(arguments.folder, fresh)
    for name in names:
        shutil.rmtree(arguments.folder / name, ignore_errors=True)
        (fresh / name).replace(arguments.folder / name)
    fresh.rmdir()


if __name__ == "__main__":
    main()
