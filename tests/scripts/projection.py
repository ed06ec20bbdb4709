"""Goldens of the projection with an MLP: what PyTorch computes with a tiny one, and its gradients.

    python projection.py [OUT]                (crates/clip-testkit/goldens/projection.safetensors)

Needs torch and safetensors. The head is

    y = W·LN(x) + B·GELU(A·LN(x) + a)

with weights from a fixed seed, computed in f64. Tensors, f32; matrices are [input, output]:

    features [3,12]; upstream [3,5]                       the gradient of y
    ln.gamma, ln.beta, weight, mlp.c_fc.weight, mlp.c_fc.bias, mlp.c_proj.weight
    gelu, gelu-tanh [3,5]                                 y with the exact GELU, and with that of tanh
    gelu.features, gelu.weight, ..                        the gradient of each
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

OUT = Path(__file__).resolve().parents[2] / "crates/clip-testkit/goldens/projection.safetensors"
WIDTH, HIDDEN, EMBED, EPSILON = 12, 7, 5, 1e-3
ACTIVATIONS = {"gelu": "none", "gelu-tanh": "tanh"}


def head(x, parameters, approximate):
    x = F.layer_norm(x, [WIDTH], parameters["ln.gamma"], parameters["ln.beta"], EPSILON)
    hidden = F.linear(x, parameters["mlp.c_fc.weight"].T, parameters["mlp.c_fc.bias"])
    hidden = F.gelu(hidden, approximate=approximate)
    return F.linear(x, parameters["weight"].T) + F.linear(hidden, parameters["mlp.c_proj.weight"].T)


def write(out):
    torch.manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)
    inputs = {
        "features": 2 * draw(3, WIDTH) + 1,
        "ln.gamma": 1 + draw(WIDTH) / 4,
        "ln.beta": draw(WIDTH) / 4,
        "weight": draw(WIDTH, EMBED) / 3,
        "mlp.c_fc.weight": draw(WIDTH, HIDDEN) / 2,
        "mlp.c_fc.bias": draw(HIDDEN),
        "mlp.c_proj.weight": draw(HIDDEN, EMBED),
    }
    upstream = draw(3, EMBED)
    tensors = inputs | {"upstream": upstream}
    for name, approximate in ACTIVATIONS.items():
        leaves = {key: value.clone().requires_grad_() for key, value in inputs.items()}
        y = head(leaves["features"], leaves, approximate)
        y.backward(upstream)
        tensors[name] = y.detach()
        tensors |= {f"{name}.{key}": leaf.grad for key, leaf in leaves.items()}
    # A test could not tell the two apart otherwise.
    assert (tensors["gelu"] - tensors["gelu-tanh"]).abs().max() > 1e-4
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
