"""A checkpoint of this project as a CLIP in Hugging Face layout, so that transformers opens it.

    python to_hf.py CHECKPOINT.safetensors FOLDER

The reverse of `cargo xtask convert-weights`: the same table of names (crates/clip-weights/src/hf/table.rs),
read from right to left. Tensors keep their number format. FOLDER gets `config.json`, `model.safetensors`,
`preprocessor_config.json`, `README.md` (the license), and the tokenizer with as many of CLIP's merges as
the model knows, or with its own: `vocab.json`, `merges.txt`, `tokenizer.json`, `tokenizer_config.json`.

transformers cleans texts in one way, that of tokenizer mode `hf`; a model of mode `openai` is written
with a warning, for its texts are cleaned differently. What the layout cannot say is an error.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import torch
from canonical import clip_merges, stored_merges
from goldens import tokenizer
from safetensors import safe_open
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

BYTES = 512
MERGES = 48_894
# The end token that says "argmax" to transformers.
LEGACY_END = 2
ACTIVATIONS = {"quick-gelu": "quick_gelu", "gelu": "gelu"}
RESAMPLE = {"bilinear": 2, "bicubic": 3}

# Our modules and transformers'. In blocks, the part behind the number of the block.
TOWERS = {"visual": "vision_model", "text": "text_model"}
MODULES = {
    "visual.patch_embedding": "vision_model.embeddings.patch_embedding",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "text.token_embedding": "text_model.embeddings.token_embedding",
    "text.ln_final": "text_model.final_layer_norm",
    "visual_projection": "visual_projection",
    "text_projection": "text_projection",
}
IN_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
# No modules, but tensors.
TENSORS = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "text.positional_embedding": "text_model.embeddings.position_embedding.weight",
}
LEAVES = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
# Stored as they are: these matrices are no linear layers.
NOT_TRANSPOSED = ("visual.patch_embedding.weight", "text.token_embedding.weight")


def theirs(name, values):
    """transformers' tensors behind one of ours."""
    if name == "logit_scale":
        yield name, values[0]
        return
    if name in TENSORS:
        yield TENSORS[name], values
        return
    module, leaf = name.rsplit(".", 1)
    if leaf == "weight" and name not in NOT_TRANSPOSED:
        values = values.T
    block = re.fullmatch(r"(\w+)\.transformer\.resblocks\.(\d+)\.(.+)", module)
    if block is None:
        modules = [MODULES[module]]
    else:
        tower, number, part = block.groups()
        parts = [f"self_attn.{x}_proj" for x in "qkv"] if part == "attn.in_proj" else [IN_BLOCK[part]]
        modules = [f"{TOWERS[tower]}.encoder.layers.{number}.{part}" for part in parts]
    for module, part in zip(modules, values.chunk(len(modules))):
        yield f"{module}.{LEAVES[leaf]}", part.contiguous()


def configuration(card):
    """`config.json` for a card."""
    config, tokens = card["config"], card["tokenizer"]
    start, end = tokens["start_token"], tokens["end_token"]
    if config["text"]["pooling"] == "argmax":
        pooled = LEGACY_END
    else:
        pooled = config["text"]["pooling"]["end-token"]
        assert pooled == end, f"texts are pooled at token {pooled}, and end with {end}"
        assert pooled != LEGACY_END, f"transformers takes the end token {LEGACY_END} for argmax"

    def tower(part):
        return dict(
            hidden_size=part["width"], num_hidden_layers=part["layers"], num_attention_heads=part["heads"],
            intermediate_size=part["mlp_width"], hidden_act=ACTIVATIONS[part["activation"]],
            layer_norm_eps=part["layer_norm_eps"], projection_dim=config["embed_dim"],
        )  # fmt: skip

    vision, text = config["vision"], config["text"]
    return CLIPConfig(
        vision_config=dict(tower(vision), image_size=vision["image_size"], patch_size=vision["patch_size"]),
        text_config=dict(
            tower(text), max_position_embeddings=text["context_length"], vocab_size=text["vocab_size"],
            bos_token_id=start, eos_token_id=pooled, pad_token_id=tokens["pad_token"],
        ),
        projection_dim=config["embed_dim"],
    )  # fmt: skip


def image_processor(settings):
    """`preprocessor_config.json` for a card."""
    assert (settings["mode"], settings["resize"]) == ("hf-pil", "shortest"), settings
    return CLIPImageProcessorPil(
        size={"shortest_edge": settings["resize_size"]}, crop_size=settings["crop_size"],
        resample=RESAMPLE[settings["interpolation"]], image_mean=settings["mean"], image_std=settings["std"],
    )  # fmt: skip


def write_tokenizer(folder, card, vocabulary):
    """CLIP's bytes, its first merges or the model's own, and the two special tokens behind them."""
    settings, context = card["tokenizer"], card["config"]["text"]["context_length"]
    start, end, pad = (settings[f"{name}_token"] for name in ("start", "end", "pad"))
    assert BYTES <= start <= BYTES + MERGES and end == start + 1, f"no CLIP vocabulary ends with {start}, {end}"
    if settings["mode"] != "hf":
        print(f"warning: transformers cleans texts otherwise than mode {settings['mode']}", file=sys.stderr)
    merges = clip_merges(start - BYTES) if vocabulary is None else stored_merges(vocabulary)
    made = tokenizer(merges, context)
    made.pad_token = made.convert_ids_to_tokens(pad)
    made.save_pretrained(folder)
    # What readers older than `tokenizer.json` want.
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    words, merges = model["vocab"], model["merges"]
    (folder / "vocab.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(pair if isinstance(pair, str) else " ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    with safe_open(arguments.checkpoint, "torch") as file:
        card = json.loads(file.metadata()["clip_card"])
        names = set(file.keys())
        vocabulary = file.get_tensor("vocabulary").numpy().tobytes() if "vocabulary" in names else None
        tensors = dict(row for name in names - {"vocabulary"} for row in theirs(name, file.get_tensor(name)))
    assert card["card_version"] == 1, "a card of a later version"
    # In files in bf16 the logit scale is in f32.
    formats = {tensor.dtype for name, tensor in tensors.items() if name != "logit_scale"}
    assert len(formats) == 1, f"several number formats: {formats}"

    arguments.folder.mkdir(parents=True, exist_ok=True)
    model = CLIPModel(configuration(card)).to(formats.pop())
    model.load_state_dict(tensors)
    model.save_pretrained(arguments.folder)
    image_processor(card["preprocess"]).save_pretrained(arguments.folder)
    write_tokenizer(arguments.folder, card, vocabulary)
    front = f"---\nlicense: {card['license']}\n---\n" if card.get("license") else ""
    (arguments.folder / "README.md").write_text(f"{front}# {card['name']}\n", encoding="utf-8")
    print(f"{arguments.folder}: {card['name']}, {sum(tensor.numel() for tensor in tensors.values()):,} parameters")


if __name__ == "__main__":
    main()
