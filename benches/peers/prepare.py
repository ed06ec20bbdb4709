"""Writes what the peers are compared on into a folder; what is there already is left alone.

    python prepare.py weights MODEL        a model with random weights, and its inputs
    python prepare.py onnx MODEL           its towers as ONNX, f32
    python prepare.py onnx-dynamic MODEL   the same with linear layers of 8 bits, scaled by what comes in
    python prepare.py onnx-static MODEL    the same, scaled by what came in of pictures and texts seen before
    python prepare.py nncf MODEL           all of NNCF's preset for transformers in 8 bits, for OpenVINO, scaled so too
    python prepare.py pictures FOLDER      64 JPEGs of 12 megapixels
    python prepare.py vectors FOLDER       a million vectors to search, and queries

A model's folder lies in FOLDER and has its name: vit-b-32, vit-l-14, siglip2-b-16 or efficientnet-lite0-192. The last is an
image tower alone (efficientnet.py), with model.safetensors in place of hf/ and no texts.

    MODEL/hf/              config.json, model.safetensors and the rest, in Hugging Face layout
    MODEL/pixels.f32       32 pictures of samples/ as the model's processor prepares them, [32, 3, S, S], little-endian
    MODEL/captions.json    `captions` (those of captions.txt) and `ids`, one list a caption; unpadded, but SigLIP's
    MODEL/onnx/            image.onnx, text.onnx; sizes of batches and texts are free. onnx-dynamic/, onnx-static/ have
                           the same names, nncf/ has image.xml, text.xml and their weights
    FOLDER/jpegs/          4000×3000, quality 90, 4:2:0: crops of samples/, flipped and with a camera's grain
    FOLDER/vectors.f32     unit vectors [1000000, 512] that lie as CLIP's pictures do: in a cone, in clusters
    FOLDER/queries.f32     [64, 512], as texts: in a cone of their own
    FOLDER/questions.f32   [1000, 512], as these
    FOLDER/tenth.f32       [1000], for each of them the score of its tenth nearest
"""

import argparse
import csv
import json
import shutil
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tests/scripts"))
PICTURES, SIZE, QUALITY, GRAIN = 64, (4000, 3000), 90, 5.0
BATCH, TOKENS = 32, (5, 20)
# LayerNormalization is one operator from 17 on.
OPSET = 18
# A convolutional stem alone, without a text tower.
STEM = "efficientnet-lite0-192"
# Pictures that scales of 8 bits are taken from, so many at once.
CALIBRATION, STEP = 128, 8
TEMPLATES = ["{}", "a picture of a {}", "a blurry photo of the {}", "two of them, and a {} behind"]

# What goldens.py has not at these sizes.
VIT_L_14 = dict(image=224, patch=14, vision=(1024, 24, 16, 4096), text=(768, 12, 12, 3072), embed=768, legacy=True)
SIGLIP2_B_16 = dict(
    image=224, patch=16, vision=(768, 12, 12, 3072), text=(768, 12, 12, 3072), context=64, vocab=256_000)  # fmt: skip


def samples():
    return sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in (".png", ".webp", ".jpg"))


def weights(done, folder):
    """Biases and gains are random too, and activations stay near 1. The name of `hf` is the seed of the weights."""
    if done.name == STEM:
        return stem(folder)
    captions = (HERE / "captions.txt").read_text().splitlines()
    if done.name == "siglip2-b-16":
        ids = siglip2(folder / "hf", captions)
    else:
        ids = clip(folder / "hf", done.name, captions)
        lengths = [len(row) for row in ids]
        assert (min(lengths), max(lengths)) == TOKENS, f"captions of {min(lengths)} to {max(lengths)} tokens"
    pixels = prepared(folder, [Image.open(path).convert("RGB") for path in samples()[:BATCH]])
    assert pixels.shape[0] == BATCH, "samples/ has too few pictures"
    pixels.astype("<f4").tofile(folder / "pixels.f32")
    (folder / "captions.json").write_text(json.dumps({"captions": captions, "ids": ids}))


def stem(folder):
    import efficientnet
    import torch
    from safetensors.torch import save_file

    rows = [cropped(Image.open(path).convert("RGB"), efficientnet.SIDE) for path in samples()[:BATCH]]
    # (x - 127) / 128, as EfficientNet-Lite's code has it.
    pixels = ((np.stack(rows).astype(np.float32) - 127) / 128).transpose(0, 3, 1, 2)
    pixels = np.ascontiguousarray(pixels)
    pixels.astype("<f4").tofile(folder / "pixels.f32")
    model = efficientnet.with_random_weights(torch.from_numpy(pixels), zlib.crc32(STEM.encode()))
    save_file(model.state_dict(), folder / "model.safetensors")


def cropped(picture, side):
    """The center of it, whose shorter side becomes that and 32 more."""
    return np.asarray(ImageOps.fit(picture, (side + 32,) * 2, Image.Resampling.BICUBIC))[16:-16, 16:-16]


def clip(folder, name, captions):
    from goldens import FULL, FULL_COMMON, tokenizer, write_checkpoint

    write_checkpoint(folder, (FULL | {"vit-l-14": VIT_L_14})[name] | FULL_COMMON)
    encode = tokenizer()
    encode.save_pretrained(folder)
    return encode(captions).input_ids


def siglip2(folder, captions):
    """As google/siglip2-base-patch16-224, with a small vocabulary of Gemma's kind in the large table."""
    from siglip import gemma_tokenizer, hf_config, randomize
    from transformers import SiglipImageProcessorPil, SiglipModel

    spec = SIGLIP2_B_16
    model = SiglipModel(hf_config(spec))
    randomize(model, zlib.crc32(folder.name.encode()))
    model.save_pretrained(folder)
    side = spec["image"]
    SiglipImageProcessorPil(size={"height": side, "width": side}).save_pretrained(folder)
    encode = gemma_tokenizer(spec)
    encode.save_pretrained(folder)
    return encode(captions, padding="max_length", truncation=True, max_length=spec["context"]).input_ids


def prepared(folder, pictures):
    """Pixels by the processor of the model in the folder."""
    from transformers import CLIPImageProcessorPil, SiglipImageProcessorPil

    kind = json.loads((folder / "hf/config.json").read_text())["model_type"]
    processor = {"clip": CLIPImageProcessorPil, "siglip": SiglipImageProcessorPil}[kind].from_pretrained(folder / "hf")
    return processor(pictures, return_tensors="np").pixel_values.astype(np.float32)


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
    from transformers import AutoModel

    class Half(torch.nn.Module):
        def __init__(self, features):
            super().__init__()
            self.model = AutoModel.from_pretrained(done / "hf", dtype=torch.float32).eval()
            self.features = features

        def forward(self, inputs):
            return getattr(self.model, self.features)(inputs).pooler_output

    target = folder / "onnx"
    target.mkdir()
    batch, length = torch.export.Dim("batch", max=1024), torch.export.Dim("length", min=2, max=77)

    def export(part, model, inputs, free):
        torch.onnx.export(model.eval(), (inputs,), target / f"{part}.onnx", input_names=["inputs"],
                          output_names=["features"], dynamic_shapes=(free,), opset_version=OPSET, dynamo=True,
                          external_data=False, verbose=False)  # fmt: skip

    if done.name == STEM:
        import efficientnet

        side = efficientnet.SIDE
        export("image", efficientnet.load(done / "model.safetensors"), torch.randn(2, 3, side, side), {0: batch})
        return
    ids = json.loads((done / "captions.json").read_text())["ids"][:2]
    lengths = {len(row) for row in ids}
    # SigLIP's texts have one length.
    axes = {0: batch} if done.name == "siglip2-b-16" else {0: batch, 1: length}
    image, text = torch.randn(2, 3, 224, 224), torch.tensor([row[: min(lengths)] for row in ids])
    for part, inputs, free in [("image", image, {0: batch}), ("text", text, axes)]:
        export(part, Half(f"get_{part}_features"), inputs, free)


def onnx_dynamic(done, folder):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = folder / "onnx-dynamic"
    target.mkdir()
    for part in ("image", "text"):
        # Linear layers alone: the patches' convolution has no 8-bit form that is faster.
        quantize_dynamic(done / f"onnx/{part}.onnx", target / f"{part}.onnx", weight_type=QuantType.QInt8,
                         per_channel=True, op_types_to_quantize=["MatMul"])  # fmt: skip


def onnx_static(done, folder):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self, arrays):
            self.arrays = iter(arrays)

        def get_next(self):
            array = next(self.arrays, None)
            return None if array is None else {"inputs": array}

    target = folder / "onnx-static"
    target.mkdir()
    for part, arrays in calibration(done).items():
        ready = folder / f"{part}.ready.onnx"
        quant_pre_process(str(done / f"onnx/{part}.onnx"), str(ready), skip_symbolic_shape=True)
        # Linear layers alone, as above: products of two activations lose more than they gain.
        quantize_static(str(ready), str(target / f"{part}.onnx"), Reader(arrays), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        op_types_to_quantize=["MatMul"], extra_options={"MatMulConstBOnly": True})  # fmt: skip
        ready.unlink()


def nncf(done, folder):
    import nncf
    import openvino

    target = folder / "nncf"
    target.mkdir()
    for part, arrays in calibration(done).items():
        model = openvino.Core().read_model(done / f"onnx/{part}.onnx")
        model = nncf.quantize(model, nncf.Dataset(arrays), model_type=nncf.ModelType.TRANSFORMER,
                              subset_size=len(arrays))  # fmt: skip
        openvino.save_model(model, target / f"{part}.xml", compress_to_fp16=False)


def calibration(done):
    """Inputs by tower: crops of samples/, flipped, and other texts than those that are measured."""
    from transformers import AutoTokenizer

    random, paths = np.random.default_rng(7), samples()

    def crop(number):
        picture = Image.open(paths[number % len(paths)]).convert("RGB")
        sides = [side * random.uniform(0.5, 0.9) for side in picture.size]
        left, top = (random.uniform(0, side - part) for side, part in zip(picture.size, sides))
        picture = picture.crop((left, top, left + sides[0], top + sides[1]))
        return ImageOps.mirror(picture) if random.random() < 0.5 else picture

    pixels = prepared(done, [crop(number) for number in range(CALIBRATION)])
    with open(ROOT / "samples/captions.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    texts = sorted({row["caption"] for row in rows} | {form.format(row["label"]) for row in rows for form in TEMPLATES})
    encode, context = AutoTokenizer.from_pretrained(done / "hf"), 64
    padding = "max_length" if done.name == "siglip2-b-16" else False
    ids = [np.array([row], np.int64) for row in encode(texts, padding=padding, max_length=context).input_ids]
    return {"image": np.split(pixels, CALIBRATION // STEP), "text": ids}


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
    "onnx-dynamic": (onnx_dynamic, ["onnx-dynamic"]),
    "onnx-static": (onnx_static, ["onnx-static"]),
    "nncf": (nncf, ["nncf"]),
    "vectors": (vectors, ["vectors.f32", "queries.f32", "questions.f32", "tenth.f32"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    step, names = STEPS[arguments.step]
    if arguments.folder.name == STEM and step is weights:
        names = ["model.safetensors", "pixels.f32"]
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
    shutil.rmtree(fresh)


if __name__ == "__main__":
    main()
