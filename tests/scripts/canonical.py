"""A canonical checkpoint with a convolutional stem, computed in plain PyTorch: the reference of the built-in model.

No package runs such a model, so that this script has its formulas: inverted residuals (Sandler et al. 2018, figure 3d)
with TensorFlow's padding, the mean of the last map, CLIP's text tower (Radford et al. 2021, section 2.4). Numbers of
8 bits are multiplied out first; all else is f32.
"""

import gzip
import json
import math
from pathlib import Path

import torch
from safetensors import safe_open
from torch.nn import functional as F
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers.convert_slow_tokenizer import bytes_to_unicode

ROOT = Path(__file__).resolve().parents[2]


def around(length, size, stride):
    """What TensorFlow's `same` adds before and behind."""
    total = max((math.ceil(length / stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2


def clip_merges(count=49152 - 256 - 2):
    """The first merges of the repository's vocabulary file (OpenAI's, in OpenAI's order)."""
    with gzip.open(ROOT / "crates/clip-tokenizer/assets/bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as file:
        return [tuple(line.split()) for line in file.read().split("\n")[1 : count + 1]]


def leb128(data):
    """Numbers of seven bits a byte, the lowest first, the eighth set in all but the last."""
    number, shift = 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number, shift = 0, 0


def stored_merges(vocabulary):
    """The merges that a checkpoint carries (`SubwordModel::ByteLevel` of clip-checkpoint)."""
    assert vocabulary[:2] == bytes([1, 2]), "no list of merges"
    numbers = leb128(vocabulary[2:])
    assert next(numbers) == next(numbers) == 0, "tokens beside the merges"
    characters = list(bytes_to_unicode().values())
    tokens, pairs = characters + [character + "</w>" for character in characters], []
    for _ in range(next(numbers)):
        pairs.append((tokens[next(numbers)], tokens[next(numbers)]))
        tokens.append("".join(pairs[-1]))
    return pairs


class Canonical:
    """The towers of a file: `images(pixels)` and `texts(ids)` give unit vectors."""

    def __init__(self, path):
        with safe_open(path, "torch") as file:
            self.card = json.loads(file.metadata()["clip_card"])
            stored = {name: file.get_tensor(name) for name in file.keys()}
        vocabulary = stored.pop("vocabulary", None)
        self.vocabulary = None if vocabulary is None else bytes(vocabulary.tolist())
        self.tensors = {}
        for name, value in stored.items():
            if name.endswith("_scale"):
                continue
            value = value.float()
            if (scale := stored.get(f"{name}_scale")) is not None:
                # A scale an output: the columns of a matrix, the rows of a table, the channels of a kernel.
                of_rows = value.ndim == 4 or name == "text.token_embedding.weight"
                value = value * (scale.reshape(-1, *[1] * (value.ndim - 1)) if of_rows else scale)
            self.tensors[name] = value

    def merges(self):
        """The merges of the tokenizer: those that the file carries (docs/weights.md), or the first of CLIP's."""
        if self.vocabulary is None:
            return clip_merges(self.card["tokenizer"]["start_token"] - 512)
        return stored_merges(self.vocabulary)

    def __getitem__(self, name):
        return self.tensors[name]

    def linear(self, x, name):
        y = x @ self[f"{name}.weight"]
        bias = self.tensors.get(f"{name}.bias")
        return y if bias is None else y + bias

    def norm(self, x, name, epsilon):
        return F.layer_norm(x, x.shape[-1:], self[f"{name}.gamma"], self[f"{name}.beta"], epsilon)

    def convolve(self, x, name, stride=1, clamp=True):
        name = f"visual.conv_stem.{name}"
        weight, bias = self[f"{name}.weight"], self[f"{name}.bias"]
        if weight.ndim == 2:
            x = F.conv2d(x, weight.T[:, :, None, None], bias)
        else:
            size = weight.shape[-1]
            rows, columns = (around(length, size, stride) for length in x.shape[2:])
            groups = weight.shape[0] if weight.shape[1] == 1 else 1
            x = F.conv2d(F.pad(x, (*columns, *rows)), weight, bias, stride=stride, groups=groups)
        return F.relu6(x) if clamp else x

    def activate(self, x, kind):
        return {"gelu": F.gelu, "quick-gelu": lambda x: x * torch.sigmoid(1.702 * x)}[kind](x)

    def pixels(self, pictures):
        """What OpenAI's `clip.py` makes of opened pictures (`_transform`), which the card's mode names."""
        settings = self.card["preprocess"]
        assert settings["mode"] == "openai"
        transform = Compose([
            Resize(settings["resize_size"], InterpolationMode.BICUBIC), CenterCrop(settings["crop_size"]),
            lambda picture: picture.convert("RGB"), ToTensor(), Normalize(settings["mean"], settings["std"]),
        ])  # fmt: skip
        return torch.stack([transform(picture) for picture in pictures])

    @torch.no_grad()
    def images(self, pixels):
        """Pixels `[B, 3, S, S]`."""
        stem, number = self.card["config"]["vision"]["conv_stem"], 0
        x = self.convolve(pixels, "conv", 2)
        for stage in stem["stages"]:
            for block in range(stage["blocks"]):
                path, before = f"blocks.{number}", x
                if f"visual.conv_stem.{path}.expand.weight" in self.tensors:
                    x = self.convolve(x, f"{path}.expand")
                x = self.convolve(x, f"{path}.depthwise", stage["stride"] if block == 0 else 1)
                x = self.convolve(x, f"{path}.project", clamp=False)
                x = x + before if x.shape == before.shape else x
                number += 1
        x = self.convolve(x, "head").mean(dim=(2, 3))
        return F.normalize(self.project(x), dim=-1)

    def project(self, x):
        """A linear map and, added to it, a hidden layer: W LN(x) + B GELU(A LN(x) + a)."""
        x = self.norm(x, "visual_projection.ln", self.card["config"]["vision"]["layer_norm_eps"])
        hidden = F.gelu(self.linear(x, "visual_projection.mlp.c_fc"))
        return self.linear(x, "visual_projection") + self.linear(hidden, "visual_projection.mlp.c_proj")

    @torch.no_grad()
    def texts(self, ids):
        """Token ids `[B, L]`, padded."""
        text = self.card["config"]["text"]
        width, heads, epsilon = text["width"], text["heads"], text["layer_norm_eps"]
        length = ids.shape[1]
        x = self["text.token_embedding.weight"][ids] + self["text.positional_embedding"][:length]
        mask = torch.full((length, length), -torch.inf).triu(1)
        for layer in range(text["layers"]):
            path = f"text.transformer.resblocks.{layer}"
            queries, keys, values = self.linear(self.norm(x, f"{path}.ln_1", epsilon), f"{path}.attn.in_proj").chunk(3, -1)
            split = lambda part: part.unflatten(-1, (heads, width // heads)).transpose(1, 2)
            weights = split(queries) @ split(keys).transpose(-1, -2) / math.sqrt(width // heads) + mask
            mixed = (weights.softmax(-1) @ split(values)).transpose(1, 2).flatten(-2)
            x = x + self.linear(mixed, f"{path}.attn.out_proj")
            hidden = self.activate(self.linear(self.norm(x, f"{path}.ln_2", epsilon), f"{path}.mlp.c_fc"), text["activation"])
            x = x + self.linear(hidden, f"{path}.mlp.c_proj")
        end = text["pooling"]["end-token"]
        x = x[torch.arange(len(ids)), (ids == end).int().argmax(dim=1)]
        x = self.norm(x, "text.ln_final", epsilon)
        return F.normalize(self.linear(x, "text_projection"), dim=-1)
