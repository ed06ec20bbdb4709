"""Goldens of a convolutional stem: what PyTorch computes with a tiny one, block by block.

    python conv_stem.py [OUT]                 (crates/clip-testkit/goldens/conv-stem.safetensors)

Needs torch and safetensors.

A stem is a 3×3 convolution at stride 2, inverted residual blocks (arXiv:1801.04381) and a 1×1 convolution, each with batch
norm and ReLU6, but no ReLU6 after the projection of a block. Weights, means and variances come from a fixed seed. The
output is computed with the batch norms as they are, in f64; the stored weights are folded (clip-checkpoint, layout.rs):

    weight = w γ / √(v + ε),  bias = β - μ γ / √(v + ε)

Tensors, f32; 1×1 convolutions are matrices [input, output]:

    pixels [2,3,18,21]                                    one side is even at the first stride, one odd
    conv.weight, blocks.I.expand.weight, ..               the weights and biases
    same.conv, same.blocks.I, same.head [2,C,H,W]         outputs with TensorFlow's padding
    symmetric.conv, ..                                    with PyTorch's, half a kernel on every side
"""

import argparse
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

OUT = Path(__file__).resolve().parents[2] / "crates/clip-testkit/goldens/conv-stem.safetensors"
EPSILON = 1e-3
CHANNELS, HEAD = 4, 7
STAGES = [  # blocks, channels, expansion, kernel, stride
    (1, 3, 1, 3, 1), (2, 5, 2, 5, 2), (2, 6, 3, 3, 2)]  # fmt: skip


def around(length, size, stride, padding):
    if padding == "symmetric":
        return size // 2, size // 2
    total = max((math.ceil(length / stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2


class Stem:
    """Convolutions by name: weight [O,I,k,k], the four tensors of its batch norm, stride, groups."""

    def __init__(self, channels, stages, head):
        self.layers, self.blocks = {}, []
        self.add("conv", channels, 3, 3, 2)
        width = channels
        for blocks, out, expansion, size, stride in stages:
            for i in range(blocks):
                path, hidden = f"blocks.{len(self.blocks)}", width * expansion
                if expansion > 1:
                    self.add(f"{path}.expand", hidden, width, 1)
                self.add(f"{path}.depthwise", hidden, 1, size, stride if i == 0 else 1)
                self.add(f"{path}.project", out, hidden, 1)
                self.blocks.append(path)
                width = out
        self.add("head", head, width, 1)

    def add(self, name, outputs, inputs, size, stride=1):
        weight = torch.randn(outputs, inputs, size, size, dtype=torch.float64) * (2 / (inputs * size * size)) ** 0.5
        norm = dict(gamma=1 + 2 * torch.rand(outputs), beta=torch.rand(outputs), mean=torch.randn(outputs) / 4,
                    variance=0.5 + torch.rand(outputs))  # fmt: skip
        if name.endswith("project"):
            norm["gamma"] /= 4  # no clamp follows: maps would grow from block to block
        norm = {key: value.double() for key, value in norm.items()}
        groups = outputs if inputs == 1 else 1
        self.layers[name] = dict(weight=weight, stride=stride, groups=groups, **norm)

    def convolve(self, x, name, padding, clamp=True):
        layer = self.layers[name]
        size, stride = layer["weight"].shape[-1], layer["stride"]
        rows, columns = (around(length, size, stride, padding) for length in x.shape[2:])
        x = F.pad(x, (*columns, *rows))
        x = F.conv2d(x, layer["weight"], stride=stride, groups=layer["groups"])
        x = F.batch_norm(x, layer["mean"], layer["variance"], layer["gamma"], layer["beta"], eps=EPSILON)
        return F.relu6(x) if clamp else x

    def forward(self, x, padding):
        outputs = {"conv": self.convolve(x, "conv", padding)}
        x = outputs["conv"]
        for path in self.blocks:
            before = x
            if f"{path}.expand" in self.layers:
                x = self.convolve(x, f"{path}.expand", padding)
            x = self.convolve(x, f"{path}.depthwise", padding)
            x = self.convolve(x, f"{path}.project", padding, clamp=False)
            x = x + before if x.shape == before.shape else x
            outputs[path] = x
        outputs["head"] = self.convolve(x, "head", padding)
        return outputs

    def folded(self):
        tensors = {}
        for name, layer in self.layers.items():
            scale = layer["gamma"] / (layer["variance"] + EPSILON).sqrt()
            weight = layer["weight"] * scale[:, None, None, None]
            if weight.shape[-1] == 1:
                weight = weight[:, :, 0, 0].T
            tensors[f"{name}.weight"] = weight
            tensors[f"{name}.bias"] = layer["beta"] - layer["mean"] * scale
        return tensors


def write(out):
    torch.manual_seed(0)
    stem = Stem(CHANNELS, STAGES, HEAD)
    pixels = torch.randn(2, 3, 18, 21, dtype=torch.float64)
    tensors = {"pixels": pixels} | stem.folded()
    for padding in ("same", "symmetric"):
        outputs = stem.forward(pixels, padding)
        # A clamp that nothing reaches would hide that it is missing.
        assert (outputs["head"] == 0).any() and (outputs["conv"] == 6).any() and (outputs["conv"] == 0).any()
        tensors |= {f"{padding}.{name}": value for name, value in outputs.items()}
    tensors = {name: value.float().contiguous() for name, value in tensors.items()}
    about = json.dumps({"made_with": f"torch {torch.__version__.split('+')[0]}"})
    save_file(tensors, out, {"golden": about})
    print(f"{out}: {len(tensors)} tensors, {out.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=OUT)
    write(parser.parse_args().out)


if __name__ == "__main__":
    main()
