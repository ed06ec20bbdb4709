"""Stand-ins for OpenAI's `.pt` files: a tiny CLIP of OpenAI's own code, saved in each way it is found in.

    pip download --no-deps --no-binary :all: openai-clip==1.0.1 && tar xzf openai-clip-1.0.1.tar.gz
    python openai_pt.py openai-clip-1.0.1 [OUT]            (crates/clip-testkit/goldens/openai)

Needs torch, safetensors and numpy; written with torch 2.15. Of the package only `clip/model.py` is loaded. Weights
come from a fixed seed and are rounded as OpenAI's are (`convert_weights`: linear layers, attention and projections
f16, the rest f32); their values are short and large matrices
have few different rows, so that the files pack well.
All files are packed with gzip:

    torchscript.pt   `torch.jit.trace`, with the three buffers that OpenAI's own archives carry; its code, which
                     nothing here reads, is compressed, as in theirs
    state-dict.pt    `torch.save(model.state_dict())`; `visual.proj` lies transposed in its storage, and
                     `ln_final.weight` in the middle of a longer one
    module.pt        `torch.save(model)`
    resnet.pt        a state dict of the first tensors of a ResNet tower
    state-dict.safetensors
                     the same state dict, row-major, under OpenAI's names: what the converter is compared with

and one that is not packed:

    embeddings/golden.safetensors
                     what the f32 model computes with it, named as in goldens.py: pixel_values, input_ids (padded
                     with 0), image_embeds, text_embeds, logits_per_image, logit_scale
"""

import argparse
import copy
import gzip
import importlib
import io
import json
import math
import sys
import types
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "crates/clip-testkit/goldens/openai"
# Two blocks and one; heads are width // 64, so no tower is narrower than 64.
SIZES = dict(
    embed_dim=24, image_resolution=12, vision_layers=2, vision_width=64, vision_patch_size=4,
    context_length=7, vocab_size=40, transformer_width=64, transformer_heads=1, transformer_layers=1,
)  # fmt: skip
BATCH = 3
# Different rows of a large matrix.
ROWS = 5


def openai(package):
    """`clip.model`, without the package's `__init__`, which wants torchvision."""
    stub = types.ModuleType("clip")
    stub.__path__ = [str(package / "clip")]
    sys.modules["clip"] = stub
    return importlib.import_module("clip.model")


@torch.no_grad()
def randomize(model, seed=36):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = (4 * torch.randn(parameter.shape, generator=generator)).round() / 4
        if name == "logit_scale":
            value = torch.tensor(2.75)
        elif ".ln_" in f".{name}" and name.endswith("weight"):
            value = 1 + 0.25 * noise
        elif parameter.ndim > 1:
            embedding = "embedding" in name
            value = noise[torch.randint(ROWS, noise.shape[:1], generator=generator)] if "resblocks" in name else noise
            value *= 1 if embedding else 2.0 ** -round(math.log2(parameter[0].numel()) / 2)
            if name.endswith("in_proj_weight"):
                value[: 2 * parameter.shape[1]] *= 2  # attention that chooses
        else:
            value = 0.25 * noise
        parameter.copy_(value)


def inputs(side, vocab, context):
    generator = torch.Generator().manual_seed(16)
    # Noise alone averages out: each picture has a few colors of its own.
    colors = torch.randn(BATCH, 3, 2, 2, generator=generator)
    colors = colors.repeat_interleave(side // 2, 2).repeat_interleave(side // 2, 3)
    pixels = 2 * colors + torch.randn(BATCH, 3, side, side, generator=generator)
    ids = torch.randint(1, vocab - 2, (BATCH, context), generator=generator)
    for row in range(BATCH):
        end = context - 1 - 2 * row
        ids[row, 0], ids[row, end], ids[row, end + 1 :] = vocab - 2, vocab - 1, 0
    return pixels, ids


def own_inputs():
    return inputs(*(SIZES[key] for key in ("image_resolution", "vocab_size", "context_length")))


@torch.no_grad()
def computed(model, pixels, ids):
    """In f32 from the rounded weights."""
    model = copy.deepcopy(model).float()
    image, text = model.encode_image(pixels), model.encode_text(ids)
    logits, _ = model.get_logits(pixels, ids) if hasattr(model, "get_logits") else model(pixels, ids)
    image, text = (x / x.norm(dim=1, keepdim=True) for x in (image, text))
    assert torch.allclose(logits, model.logit_scale.exp() * image @ text.T, atol=1e-5)
    for x in (image, text):
        cosines = x @ x.T - torch.eye(BATCH)
        assert cosines.max() < 0.95, f"different inputs, nearly the same embedding: {cosines}"
    tensors = dict(pixel_values=pixels, input_ids=ids.int(), image_embeds=image, text_embeds=text,
                   logits_per_image=logits, logit_scale=model.logit_scale.reshape(1))  # fmt: skip
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def torchscript(model):
    """OpenAI's archives: the sizes are buffers, not attributes."""
    model = copy.deepcopy(model)
    sizes = dict(SIZES, input_resolution=SIZES["image_resolution"])
    for name in ("input_resolution", "context_length", "vocab_size"):
        model.__dict__.pop(name, None)
        model.register_buffer(name, torch.tensor(sizes[name]))
    traced = torch.jit.trace(model, own_inputs(), check_trace=False)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    return anonymous(buffer.getvalue())


def anonymous(archive):
    """Without the line numbers of the Python files, which hold paths of this machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                target.writestr(entry, source.read(entry), entry.compress_type)
    return buffer.getvalue()


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def state_dict(model):
    """With two tensors that do not fill their storage row by row."""
    tensors = model.state_dict()
    tensors["visual.proj"] = tensors["visual.proj"].t().contiguous().t()
    weight = tensors["ln_final.weight"]
    tensors["ln_final.weight"] = torch.cat([torch.full((5,), 9.0), weight, torch.full((3,), 9.0)])[5:-3]
    assert not tensors["visual.proj"].is_contiguous() and tensors["ln_final.weight"].storage_offset() == 5
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    arguments = parser.parse_args()
    code = openai(arguments.package)

    model = code.CLIP(**SIZES).eval()
    randomize(model)
    code.convert_weights(model)
    golden = {"pictures": [], "texts": [], "made_with": f"torch {torch.__version__}, openai-clip"}
    reference = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    resnet = {name: torch.zeros(2, 3, 1, 1).half() for name in ("visual.conv1.weight", "visual.layer1.0.conv1.weight")}
    files = {
        "torchscript.pt": torchscript(model),
        "state-dict.pt": saved(state_dict(model)),
        "module.pt": saved(model),
        "resnet.pt": saved(resnet),
        "state-dict.safetensors": save(reference),
    }
    (arguments.out / "embeddings").mkdir(parents=True, exist_ok=True)
    data = save(computed(model, *own_inputs()), {"golden": json.dumps(golden)})
    (arguments.out / "embeddings/golden.safetensors").write_bytes(data)
    for name, data in files.items():
        packed = gzip.compress(data, mtime=0)
        (arguments.out / f"{name}.gz").write_bytes(packed)
        print(f"{name}: {len(data):,} bytes, {len(packed):,} packed")


if __name__ == "__main__":
    main()
