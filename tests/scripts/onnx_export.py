"""A golden as ONNX, for `cargo xtask import-onnx` to make a module of Burn from.

    python onnx_export.py OUT [--golden NAME]              (context-77)
    cargo xtask import-onnx OUT/image.onnx OUT/text.onnx

Needs `onnx==1.23.2 onnxscript==0.7.2` beside what goldens.py needs; written with torch 2.15 and transformers 5.23. Two
files, each for one size of batch and, of texts, one length, those of the golden's first batch:

    image.onnx       pixel_values [B,3,S,S] to image_embeds [B,E], unit length
    text.onnx        input_ids [B,L], int64, to text_embeds [B,E], unit length

Attention is "eager", so it is spelled out: two products with a softmax between them. The script runs both files by
onnx's reference evaluator and fails where it is not the golden.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from goldens import GOLDENS, load
from onnx.reference import ReferenceEvaluator
from safetensors.torch import load_file
from torch.nn.functional import normalize

# LayerNormalization is one operator from 17 on.
OPSET = 18
# What the Rust test allows.
TOLERANCE = 1e-5


class Half(torch.nn.Module):
    """One of transformers' functions that end in the shared space, and unit length."""

    def __init__(self, model, features):
        super().__init__()
        self.model, self.features = model, features

    def forward(self, inputs):
        return normalize(getattr(self.model, self.features)(inputs).pooler_output, dim=-1)


def export(half, inputs, names, path):
    with torch.no_grad():
        torch.onnx.export(half, (inputs,), path, input_names=names[:1], output_names=names[1:], opset_version=OPSET,
                          dynamo=True, external_data=False, verbose=False)  # fmt: skip
    onnx.checker.check_model(path, full_check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--golden", default="context-77")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    folder = GOLDENS / arguments.golden
    model, golden = load(folder), load_file(folder / "golden.safetensors")
    for part, names in [("image", ("pixel_values", "image_embeds")), ("text", ("input_ids", "text_embeds"))]:
        inputs = golden[names[0]]
        inputs = inputs.long() if part == "text" else inputs
        path = arguments.out / f"{part}.onnx"
        export(Half(model, f"get_{part}_features").eval(), inputs, names, path)
        (computed,) = ReferenceEvaluator(str(path)).run(None, {names[0]: inputs.numpy()})
        difference = np.abs(computed - golden[names[1]].numpy()).max()
        assert difference < TOLERANCE, f"{part}: the export differs from the golden by {difference:.1e}"
        print(f"{path}: {path.stat().st_size:,} bytes, within {difference:.1e} of the golden")


if __name__ == "__main__":
    main()
