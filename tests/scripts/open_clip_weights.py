"""Stand-ins for OpenCLIP's models: tiny ones of its own code, saved as it saves them.

    pip install open_clip_torch==3.3.0
    python open_clip_weights.py [OUT]                      (crates/clip-testkit/goldens/open-clip)

Written with torch 2.15. Weights and inputs are made as in openai_pt.py, so values are short and large matrices have
few different rows. One folder a model:

    open_clip_config.json, and the weights packed with gzip
                     as `save_for_hf` of open_clip writes them: `open_clip_model.safetensors` or
                     `open_clip_pytorch_model.bin`
    golden.safetensors
                     what the model computes that open_clip loads from that folder, named as in goldens.py: pixel_values,
                     input_ids (padded with 0), image_embeds, text_embeds, logits_per_image, logit_scale

    bare             class CLIP, GELU, safetensors
    custom-text      class CustomTextCLIP, QuickGELU, a pickle; other preprocessing than OpenAI's. Beside it
                     `epoch_1.pt`, the same weights in a checkpoint as `open_clip_train/main.py` writes it, and
                     `module.pt`, `torch.save` of the whole model
    wide-heads       heads 88 wide and an MLP 4.3637 times as wide as its tower, as in ViT-g-14
    end-token        class CLIP, pooled at the first token 20; two shards, as `save_torch_state_dict` of huggingface_hub
                     writes them under OpenCLIP's name, and `module.pt`
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import open_clip
import torch
from huggingface_hub import save_torch_state_dict
from open_clip.push_to_hf_hub import save_for_hf
from openai_pt import computed, inputs, randomize, saved
from safetensors.torch import save

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "crates/clip-testkit/goldens/open-clip"
TEXT = dict(context_length=7, vocab_size=40, width=24, heads=3, layers=1)
MODELS = {
    "bare": dict(
        embed_dim=20, vision_cfg=dict(image_size=12, layers=2, width=64, patch_size=4), text_cfg=TEXT,
    ),
    "custom-text": dict(
        embed_dim=24, quick_gelu=True, custom_text=True, text_cfg=TEXT | dict(layers=2),
        vision_cfg=dict(image_size=10, layers=1, width=32, head_width=16, patch_size=3, patch_dropout=0.5),
    ),
    "wide-heads": dict(
        embed_dim=16, text_cfg=TEXT | dict(mlp_ratio=2.6),
        vision_cfg=dict(image_size=12, layers=1, width=176, head_width=88, mlp_ratio=4.3637, patch_size=4),
    ),
    "end-token": dict(
        embed_dim=16, text_cfg=TEXT | dict(pool_type="eos", eos_id=20),
        vision_cfg=dict(image_size=12, layers=1, width=32, head_width=16, patch_size=4),
    ),
}  # fmt: skip
PREPROCESS = {
    "custom-text": dict(mean=(0.5, 0.25, 0.125), std=(0.5, 0.75, 1.0), interpolation="bilinear"),
}
PICKLED = ["custom-text"]
SHARDED = ["end-token"]
WHOLE = ["custom-text", "end-token"]
# One with which different inputs get different embeddings.
SEED = 64


def build(name, config):
    """Through open_clip's registry, which is what its trainings and its uploads use."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.json"
        path.write_text(json.dumps(config))
        open_clip.add_model_config(path)
    model = open_clip.create_model(name, force_preprocess_cfg=PREPROCESS.get(name), load_weights=False).eval()
    randomize(model, SEED)
    return model


def write(name, config, out):
    model = build(name, config)
    no_tokenizer = SimpleNamespace(save_pretrained=lambda folder: None)
    with tempfile.TemporaryDirectory() as folder:
        save_for_hf(model, no_tokenizer, config, folder, safe_serialization=name not in PICKLED)
        loaded = open_clip.create_model(f"local-dir:{folder}").eval()
        if name in SHARDED:
            shard(model, Path(folder) / "open_clip_model.safetensors")
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    if name in PICKLED:
        files["epoch_1.pt"] = checkpoint(name, model)
    if name in WHOLE:
        files["module.pt"] = saved(model)
    pixels, ids = inputs(config["vision_cfg"]["image_size"], TEXT["vocab_size"], TEXT["context_length"])
    if "eos_id" in config["text_cfg"]:
        ids = with_end_token(ids, config["text_cfg"]["eos_id"])
    version = f"torch {torch.__version__.split('+')[0]}, open_clip {open_clip.__version__}"
    made = {"pictures": [], "texts": [], "made_with": version}
    golden = save(computed(loaded, pixels, ids), {"golden": json.dumps(made)})
    (out / name).mkdir(parents=True, exist_ok=True)
    (out / name / "open_clip_config.json").write_bytes(files.pop("open_clip_config.json") + b"\n")
    for file, data in files.items():
        packed = gzip.compress(data, mtime=0)
        (out / name / f"{file}.gz").write_bytes(packed)
        print(f"{name}/{file}: {len(data):,} bytes, {len(packed):,} packed")
    (out / name / "golden.safetensors").write_bytes(golden)


def shard(model, file):
    """Two, about as large as each other, in the place of one file."""
    size = file.stat().st_size
    file.unlink()
    pattern = f"{file.stem}{{suffix}}{file.suffix}"
    save_torch_state_dict(model.state_dict(), file.parent, filename_pattern=pattern, max_shard_size=size * 3 // 5)


def with_end_token(ids, end):
    """With an end token that is not the highest id, and a second one after it."""
    ids = torch.where(ids == end, end + 1, ids)
    ids[ids == TEXT["vocab_size"] - 1] = end
    ids[-1, -1] = end
    return ids


def checkpoint(name, model):
    """After one step without a gradient, which leaves the optimizer with a state and the weights as they were."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    state_dict = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    scaler = torch.amp.GradScaler("cpu").state_dict()
    return saved(
        {"epoch": 1, "name": name, "state_dict": state_dict, "optimizer": optimizer.state_dict(), "scaler": scaler}
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, config in MODELS.items():
        write(name, config, arguments.out)


if __name__ == "__main__":
    main()
