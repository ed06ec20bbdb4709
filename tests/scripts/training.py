"""Goldens of training: gradients of both losses and two short runs by PyTorch.

    python training.py [OUT]            (crates/clip-testkit/goldens/training)

Needs what goldens.py needs. The model is transformers' CLIPModel, tiny, its weights random from a fixed seed.
All tensors have our names and layouts (clip-checkpoint, layout.rs): matrices `[input, output]`, queries, keys and
values side by side, layer norms gamma and beta, logit_scale [1]. f32 unless said otherwise.

    config.json, model.safetensors      sizes (clip_checkpoint::ModelConfig) and weights; logit_scale is ln 10
    batch.safetensors                   pixels [12,3,32,32], ids i32 [12,12], groups i32 [12]
    gradients-info-nce.safetensors      loss [1] and the gradient of every parameter under its name
    gradients-info-nce-hard.safetensors the same loss where every row is a group of its own: loss, logit_scale
    gradients-sigmoid.safetensors       loss, every gradient and that of logit_bias; start.logit_bias [1], which is -5
    run-batches.safetensors             pixels u8 [20,8,3,32,32], ids i32 [20,8,12], groups i32 [20,8]: a batch a step
    run-info-nce.safetensors            losses [20] before each step, grad_norms [20] before clipping, rates [20],
                                        logit_scales [20] after each step, final.NAME: some parameters at the end
    run-sigmoid.safetensors             the same, with start.logit_bias [1] and logit_biases [20]

Rows of one group show the same concept: every one of its pictures is right for every one of its texts. Texts are
padded by end tokens. A pixel is (u8 / 255 - 0.5) / 0.25.

# Losses

I and T are the unit embeddings [B,E], s = exp(logit_scale), g the groups.

    info-nce   logits = s I Tᵀ;  P[i,j] = [g_i = g_j] / Σ_k [g_i = g_k]
               loss = ½ (mean_i -Σ_j P[i,j] log_softmax(logits)[i,j] + mean_i -Σ_j P[i,j] log_softmax(logitsᵀ)[i,j])
               log_softmax along a row. Where no group repeats this is CLIP's loss (arXiv:2103.00020, figure 3).
    sigmoid    logits = s I Tᵀ + logit_bias;  z[i,j] = 1 where g_i = g_j, else -1
               loss = -(1/B) Σ_ij log σ(z[i,j] logits[i,j])          (SigLIP, arXiv:2303.15343, algorithm 1)

Gradients are of PyTorch's autograd in f64 from the f32 weights and pixels, stored as f32. Some are zero but for
rounding: rows of tokens that are in no text, and the keys' biases (the middle third of attn.in_proj.bias), which
softmax does not see. End tokens after the first have none either. Compare tensors by norms, |a - b| / |b|.

# A step of the runs, t = 0..19, in f32

    g    gradient of the batch's loss; n = √Σ g² over all parameters;  g ← g min(1, 1 / (n + 1e-6))
    lr   t < 5: 1e-3 (t + 1) / 5;  t ≥ 5: 1e-3 ½ (1 + cos(π (t - 5) / (20 - 5)))
    θ    AdamW (arXiv:1711.05101; torch.optim.AdamW), β = (0.9, 0.98), ε = 1e-6, decay λ = 0.1:
         θ ← (1 - lr λ) θ;  m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;
         θ ← θ - lr (m / (1 - β₁ᵗ⁺¹)) / (√(v / (1 - β₂ᵗ⁺¹)) + ε)
         λ = 0 for tensors of one axis: biases, layer norms, class_embedding, logit_scale, logit_bias
    logit_scale is then clamped to [0, ln 100]
"""

import argparse
import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from goldens import GOLDENS, configuration, randomize, save
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import CLIPModel
from transformers.models.clip.modeling_clip import image_text_contrastive_loss

SPEC = dict(
    image=32, patch=8, vision=(48, 3, 3, 96), text=(32, 2, 2, 64), context=12, vocab=64, embed=24,
    act=("quick_gelu", "quick_gelu"), end=63)  # fmt: skip
EPS = 1e-5
LOGIT_SCALE, LOGIT_BIAS, MAX_LOGIT_SCALE = math.log(10), -5.0, math.log(100)
STEPS, WARM_UP, RATE, CLIP_NORM = 20, 5, 1e-3, 1.0
BETAS, EPSILON, DECAY = (0.9, 0.98), 1e-6, 0.1
GROUPS = [0, 1, 2, 3, 1, 4, 5, 1, 6, 7, 3, 8]  # of the batch: three rows of one concept, two of another
TWIN = 10  # has the text of row 3
FINAL = [  # parameters whose end is stored: with and without decay, of both towers
    "visual.patch_embedding.weight", "visual.class_embedding", "visual.ln_pre.gamma", "visual_projection.weight",
    "visual.transformer.resblocks.2.mlp.c_proj.bias", "text.token_embedding.weight", "text.positional_embedding",
    "text.transformer.resblocks.0.attn.in_proj.weight", "text_projection.weight"]  # fmt: skip

# What transformers calls a module, and what we do (clip-weights, hf/table.rs).
NAMES = [
    (r"^vision_model\.encoder\.layers", "visual.transformer.resblocks"),
    (r"^text_model\.encoder\.layers", "text.transformer.resblocks"),
    (r"^vision_model\.(embeddings\.)?", "visual."),
    (r"^text_model\.(embeddings\.)?", "text."),
    (r"position_embedding\.weight$", "positional_embedding"),
    (r"\.pre_layrnorm", ".ln_pre"),
    (r"\.post_layernorm", ".ln_post"),
    (r"\.final_layer_norm", ".ln_final"),
    (r"\.layer_norm", ".ln_"),
    (r"\.self_attn\.", ".attn."),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
    (r"(\.ln_\w+)\.weight$", r"\1.gamma"),
    (r"(\.ln_\w+)\.bias$", r"\1.beta"),
]


def canonical(tensors):
    """Tensors by transformers' names (weights or gradients) under our names, in our layouts."""
    ours = {}
    for name, tensor in tensors.items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        linear = name.endswith(".weight") and "embedding" not in name
        ours[name] = tensor.T if linear else tensor.reshape(1) if tensor.ndim == 0 else tensor
    for name in [name for name in ours if ".q_proj." in name]:
        parts = [ours.pop(name.replace(".q_proj.", f".{part}_proj.")) for part in "qkv"]
        ours[name.replace(".q_proj.", ".in_proj.")] = torch.cat(parts, dim=-1)
    return ours


def model_config():
    """clip_checkpoint::ModelConfig."""

    def tower(size, **first):
        sizes = dict(zip(("width", "layers", "heads", "mlp_width"), size))
        return dict(first, **sizes, activation="quick-gelu", layer_norm_eps=EPS)

    vision = tower(SPEC["vision"], image_size=SPEC["image"], patch_size=SPEC["patch"])
    text = tower(SPEC["text"], context_length=SPEC["context"], vocab_size=SPEC["vocab"])
    text |= dict(pooling={"end-token": SPEC["end"]})
    return dict(embed_dim=SPEC["embed"], vision=vision, text=text)


def reference():
    config = configuration(SPEC)
    config._attn_implementation = "sdpa"  # "eager" takes the softmax in f32 whatever the model is
    model = CLIPModel(config).train()
    assert config.vision_config.layer_norm_eps == config.text_config.layer_norm_eps == EPS
    randomize(model, zlib.crc32(b"training"))
    with torch.no_grad():
        model.logit_scale.fill_(LOGIT_SCALE)
    return model


def examples(groups, random, concepts):
    """A noisy picture and a text of some length for each group: pixels u8, ids."""
    end, context, side = SPEC["end"], SPEC["context"], SPEC["image"]
    colors, words = concepts
    pixels, ids = [], []
    for group in groups:
        picture = np.kron(colors[group], np.ones((1, side // 4, side // 4)))
        pixels.append(np.clip(picture + random.normal(0, 40, picture.shape), 0, 255).round().astype(np.uint8))
        before = random.integers(1, 50, random.integers(0, 5)).tolist()  # words of no concept
        after = random.integers(1, 50, random.integers(0, 5)).tolist()
        text = [end - 1, *before, words[group], *after, end]
        ids.append(text + [end] * (context - len(text)))
    return torch.from_numpy(np.stack(pixels)), torch.tensor(ids)


def batches():
    """The batch of the gradients and those of the runs: (pixels u8, ids, groups) each."""
    random = np.random.default_rng(zlib.crc32(b"training"))
    concepts = random.uniform(0, 255, (12, 3, 4, 4)), 50 + np.arange(12)
    pixels, ids = examples(GROUPS, random, concepts)
    ids[8] = torch.tensor([SPEC["end"] - 1, *range(1, 5), 56, *range(5, 10), SPEC["end"]])  # fills the context
    ids[TWIN] = ids[3]  # two pictures of one text
    one = pixels, ids, torch.tensor(GROUPS)
    runs = [random.integers(0, 12, 8) for _ in range(STEPS)]
    many = [(*examples(groups, random, concepts), torch.from_numpy(groups)) for groups in runs]
    return one, many


def to_pixels(u8):
    return (u8.float() / 255 - 0.5) / 0.25


def info_nce(logits, groups):
    targets = (groups[:, None] == groups[None]).to(logits)
    targets = targets / targets.sum(dim=1, keepdim=True)
    cross_entropy = lambda logits: -(targets * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    return (cross_entropy(logits) + cross_entropy(logits.T)) / 2


def sigmoid(logits, groups):
    labels = 2 * (groups[:, None] == groups[None]).to(logits) - 1
    return -F.logsigmoid(labels * logits).sum() / len(logits)


LOSSES = {"info-nce": info_nce, "sigmoid": sigmoid}


def logits_of(model, pixels, ids):
    """s I Tᵀ, pictures by texts."""
    return model(pixel_values=pixels.to(model.logit_scale), input_ids=ids).logits_per_image


def gradients(model, kind, pixels, ids, groups):
    """The loss and every gradient, logit_bias' among them for the sigmoid."""
    model.zero_grad()
    bias = torch.tensor([LOGIT_BIAS], dtype=model.dtype, requires_grad=True)
    logits = logits_of(model, pixels, ids)
    loss = LOSSES[kind](logits + bias if kind == "sigmoid" else logits, groups)
    loss.backward()
    tensors = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert all(gradient is not None for gradient in tensors.values())
    tensors = canonical(tensors) | ({"logit_bias": bias.grad} if kind == "sigmoid" else {})
    return {name: gradient.clone() for name, gradient in tensors.items()} | {"loss": loss.detach().reshape(1)}


def rate(step):
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP)))


def run(model, kind, many):
    """Trains the model; see the head."""
    bias = torch.nn.Parameter(torch.tensor([LOGIT_BIAS], dtype=model.dtype))
    parameters = [*model.parameters(), *([bias] if kind == "sigmoid" else [])]
    axes = lambda wanted: [parameter for parameter in parameters if (parameter.ndim > 1) == wanted]
    optimizer = torch.optim.AdamW(
        [dict(params=axes(True), weight_decay=DECAY), dict(params=axes(False), weight_decay=0.0)],
        lr=RATE, betas=BETAS, eps=EPSILON)  # fmt: skip
    log = {name: [] for name in ("losses", "grad_norms", "rates", "logit_scales", "logit_biases")}
    for step, (pixels, ids, groups) in enumerate(many):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        logits = logits_of(model, to_pixels(pixels), ids)
        loss = LOSSES[kind](logits + bias if kind == "sigmoid" else logits, groups)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        for name, value in zip(log, (loss, norm, rate(step), model.logit_scale, bias)):
            log[name].append(value.item() if isinstance(value, torch.Tensor) else value)
    if kind == "info-nce":
        del log["logit_biases"]
    ends = canonical({name: parameter.detach() for name, parameter in model.named_parameters()})
    tensors = {name: torch.tensor(values, dtype=torch.float64) for name, values in log.items()}
    return tensors | {f"final.{name}": ends[name] for name in FINAL}


def as_written(weights, pixels, ids):
    """The model once more, from the canonical tensors alone: s I Tᵀ."""

    def norm(path, x):
        return F.layer_norm(x, x.shape[-1:], weights[f"{path}.gamma"], weights[f"{path}.beta"], EPS)

    def linear(path, x):
        return x @ weights[f"{path}.weight"] + weights[f"{path}.bias"]

    def block(path, x, heads, causal):
        split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
        q, k, v = (split(part) for part in linear(f"{path}.attn.in_proj", norm(f"{path}.ln_1", x)).chunk(3, dim=-1))
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if causal:
            scores = scores + torch.full_like(scores[0, 0], -math.inf).triu(1)
        x = x + linear(f"{path}.attn.out_proj", (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(-2))
        hidden = linear(f"{path}.mlp.c_fc", norm(f"{path}.ln_2", x))
        return x + linear(f"{path}.mlp.c_proj", hidden * torch.sigmoid(1.702 * hidden))

    def unit(x):
        return x / x.norm(dim=-1, keepdim=True)

    patches = F.conv2d(pixels, weights["visual.patch_embedding.weight"], stride=SPEC["patch"])
    patches = patches.flatten(2).transpose(1, 2)
    x = torch.cat([weights["visual.class_embedding"].expand(len(pixels), 1, -1), patches], dim=1)
    x = norm("visual.ln_pre", x + weights["visual.positional_embedding"])
    for i in range(SPEC["vision"][1]):
        x = block(f"visual.transformer.resblocks.{i}", x, SPEC["vision"][2], causal=False)
    image = unit(norm("visual.ln_post", x[:, 0]) @ weights["visual_projection.weight"])
    x = weights["text.token_embedding.weight"][ids] + weights["text.positional_embedding"]
    for i in range(SPEC["text"][1]):
        x = block(f"text.transformer.resblocks.{i}", x, SPEC["text"][2], causal=True)
    x = norm("text.ln_final", x)[torch.arange(len(ids)), (ids == SPEC["end"]).int().argmax(dim=1)]
    text = unit(x @ weights["text_projection.weight"])
    return weights["logit_scale"].exp() * image @ text.T, image, text


def relative(a, b):
    return float((a.double() - b.double()).norm() / b.double().norm())


def check(out, coarse, exact_runs, batch):
    """What was written: gradients of the canonical tensors by another path, and how much is rounding."""
    config = json.loads((out / "config.json").read_text())
    assert config == model_config()
    pixels, ids, groups = (load_file(out / "batch.safetensors")[name] for name in ("pixels", "ids", "groups"))
    assert torch.equal(ids, batch[1].int()) and torch.equal(pixels, to_pixels(batch[0]))
    for kind, loss in LOSSES.items():
        weights = {name: tensor.double() for name, tensor in load_file(out / "model.safetensors").items()}
        if kind == "sigmoid":
            weights["logit_bias"] = torch.tensor([LOGIT_BIAS], dtype=torch.float64)
        for tensor in weights.values():
            tensor.requires_grad_()
        logits, *embeds = as_written(weights, pixels.double(), ids.long())
        value = loss(logits + weights.get("logit_bias", 0), groups)
        value.backward()
        golden = load_file(out / f"gradients-{kind}.safetensors")
        golden.pop("start.logit_bias", None)
        again = {name: tensor.grad for name, tensor in weights.items()} | {"loss": value.detach().reshape(1)}
        assert golden.keys() == again.keys(), golden.keys() ^ again.keys()
        differences = {name: relative(golden[name], again[name]) for name in golden}
        rounding = {name: relative(coarse[kind][name], golden[name]) for name in golden}
        assert all(golden[name].shape == again[name].shape for name in golden)
        assert max(differences.values()) < 1e-7, differences
        worst = max(rounding, key=rounding.get)
        assert rounding[worst] < 2e-5, rounding
        others = torch.arange(len(ids)) != TWIN
        alike = [float((x[others] @ x[others].T).fill_diagonal_(-1).max()) for x in (x.detach() for x in embeds)]
        assert max(alike) < 0.99, alike
        norms = {name: float(gradient.norm()) for name, gradient in golden.items() if name != "loss"}
        total = math.sqrt(sum(norm**2 for norm in norms.values()))
        small = min(norms, key=norms.get)
        print(f"{kind:9} loss {float(golden['loss'][0]):.6f}   by another path {max(differences.values()):.1e}"
              f"   f32 to f64 {rounding[worst]:.1e} ({worst})   norm {total:.3f}, smallest {norms[small]:.1e} ({small})"
              f"   logit_scale {float(golden['logit_scale'][0]):+.4f}   largest cosine {alike[0]:.2f} {alike[1]:.2f}")  # fmt: skip
        written = load_file(out / f"run-{kind}.safetensors")
        exact = exact_runs[kind]
        drift = {name: float((written[name] - exact[name]).abs().max()) for name in ("losses", "logit_scales")}
        drift["grad_norms"] = float((written["grad_norms"] / exact["grad_norms"] - 1).abs().max())
        final = {name: relative(written[name], exact[name]) for name in exact if name.startswith("final.")}
        assert drift["losses"] < 1e-4, drift
        losses, norms = written["losses"], written["grad_norms"]
        print(f"          run {losses[0]:.4f} to {losses[-1]:.4f}   norms {norms.min():.2f} to {norms.max():.2f}"
              f"   f32 to f64: losses {drift['losses']:.1e}, norms {drift['grad_norms']:.1e} (relative), "
              f"logit_scales {drift['logit_scales']:.1e}, final {max(final.values()):.1e} (relative)")  # fmt: skip
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{size / 1024:.0f} KiB")
    assert size < 3 << 20


def main(out):
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    one, many = batches()
    pixels, ids, groups = one
    (out / "config.json").write_text(json.dumps(model_config(), indent=2) + "\n")
    save(canonical(reference().state_dict()), out / "model.safetensors", {})
    batch = {"pixels": to_pixels(pixels), "ids": ids.int(), "groups": groups.int()}
    save(batch, out / "batch.safetensors", {})
    stacked = dict(zip(("pixels", "ids", "groups"), (torch.stack(parts) for parts in zip(*many))))
    save(stacked | {name: stacked[name].int() for name in ("ids", "groups")}, out / "run-batches.safetensors", {})

    coarse, exact_runs = {}, {}
    start = {"start.logit_bias": torch.tensor([LOGIT_BIAS])}
    in_f32 = lambda tensors: {name: tensor.float() for name, tensor in tensors.items()}
    for kind in LOSSES:
        extra = start if kind == "sigmoid" else {}
        exact = gradients(reference().double(), kind, batch["pixels"], ids, groups)
        coarse[kind] = gradients(reference(), kind, batch["pixels"], ids, groups)
        save(in_f32(exact) | extra, out / f"gradients-{kind}.safetensors", {})
        save(in_f32(run(reference(), kind, many)) | extra, out / f"run-{kind}.safetensors", {})
        exact_runs[kind] = run(reference().double(), kind, many)
    model = reference().double()
    hard = gradients(model, "info-nce", batch["pixels"], ids, torch.arange(len(ids)))
    expected = image_text_contrastive_loss(logits_of(model, batch["pixels"], ids).T).detach()
    assert abs(float(hard["loss"] - expected)) < 1e-12
    hard = in_f32({name: hard[name] for name in ("loss", "logit_scale")})
    save(hard, out / "gradients-info-nce-hard.safetensors", {})
    print(f"hard      loss {float(hard['loss'][0]):.6f}   logit_scale {float(hard['logit_scale'][0]):+.4f}")
    check(out, coarse, exact_runs, one)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=GOLDENS / "training")
    main(parser.parse_args().out)
