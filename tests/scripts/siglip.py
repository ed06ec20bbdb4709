"""Stand-ins for SigLIP and SigLIP 2: tiny ones of transformers' and OpenCLIP's own code, saved as they save them.

    pip install transformers==5.23.0 open_clip_torch==3.3.0 timm==1.0.31 sentencepiece==0.2.3 protobuf
    python siglip.py tiny [OUT]                            (crates/clip-testkit/goldens/siglip)
    python siglip.py full OUT                              OUT/siglip-b-16, 0.8 GB, for CLIP_REFERENCE_DIR

Written with torch 2.15. One folder a model, with every stage's output in `golden.safetensors` as goldens.py names them;
besides there is `logit_bias` [1], `vision.pooled` is what the attention pooling gives, and `input_ids` are the texts of
the metadata, padded to the whole context.

    base         SiglipModel as google/siglip-base-patch16-224: a vocabulary of SentencePiece's (`spiece.model`)
    giant        SiglipModel as google/siglip2-giant-opt-patch16-256: texts narrower than pictures, Gemma's kind of
                 vocabulary (`tokenizer.json`), bilinear, f16
    open-clip    ViT-B-16-SigLIP2 of OpenCLIP, with timm's picture tower; both are made smaller. Packed with gzip
"""

import argparse
import gzip
import io
import json
import tempfile
import zlib
from pathlib import Path

import numpy as np
import open_clip
import sentencepiece
import timm
import torch
from goldens import GOLDENS, ROOT, SQUARE, TALL, WIDE, save
from open_clip.push_to_hf_hub import save_for_hf
from PIL import Image
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SiglipTokenizer,
)

CAPTIONS = sorted({line for path in [ROOT / "samples/captions.tsv", ROOT / "LICENSE-APACHE"]
                   for line in path.read_text().splitlines() if line.isascii() and len(line) > 9})  # fmt: skip
TEXTS = ["A picture of a dog.", "a cup of coffee", "two CATS  asleep on grandma's sofa, at 7 o'clock", "🙂 naïve", "",
         "a picture of a picture of a picture of a picture of a picture of a picture of a picture"]  # fmt: skip


@torch.no_grad()
def randomize(model, seed):
    """Every parameter at random, biases and gains too, such that activations stay near 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name == "logit_scale":
            value = 2.5 + 0.5 * noise
        elif name == "logit_bias":
            value = -3 + 0.5 * noise
        elif name.endswith("bias"):
            value = 0.2 * noise
        elif "norm" in name or ".ln_" in name or name.startswith("ln_"):
            value = 1 + 0.2 * noise
        elif "token_embedding" in name or "probe" in name or "latent" in name:
            value = noise
        elif "position" in name or "pos_embed" in name:
            value = 0.25 * noise
        else:
            value = noise * parameter[0].numel() ** -0.5
            if any(part in name for part in ("q_proj", "k_proj", "v_proj", "in_proj", "qkv", ".q.", ".kv.")):
                value *= 2  # uneven attention that matters: a wrong scale or mask shows
        parameter.copy_(value)


def hf_config(spec):
    def tower(size):
        width, layers, heads, mlp = size
        return dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=mlp)

    return SiglipConfig(
        vision_config=dict(tower(spec["vision"]), image_size=spec["image"], patch_size=spec["patch"]),
        text_config=dict(tower(spec["text"]), max_position_embeddings=spec["context"], vocab_size=spec["vocab"],
                         projection_size=spec["vision"][0]),
    )  # fmt: skip


HF = {
    "base": dict(image=37, patch=12, vision=(24, 2, 3, 40), text=(24, 2, 2, 50), context=16, vocab=160,
                 pictures=[TALL, WIDE]),
    "giant": dict(image=32, patch=16, vision=(36, 1, 2, 60), text=(20, 2, 2, 44), context=12, vocab=400,
                  pictures=[WIDE, SQUARE], resample=2, half=True),
}  # fmt: skip

FULL = dict(image=224, patch=16, vision=(768, 12, 12, 3072), text=(768, 12, 12, 3072), context=64, vocab=32000,
            pictures=[TALL, WIDE, SQUARE], ends=True)  # fmt: skip


def sentencepiece_tokenizer(folder, spec):
    """As the vocabulary of C4 that SigLIP has: unigrams, padding and unknown among the first ids, no start."""
    # Written by us: a prefix would be kept in the file.
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CAPTIONS), model_writer=model, vocab_size=160, minloglevel=2,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="nmt_nfkc", hard_vocab_limit=False,
    )  # fmt: skip
    (folder / "spiece.model").write_bytes(model.getvalue())
    tokenizer = SiglipTokenizer(str(folder / "spiece.model"), model_max_length=spec["context"])
    tokenizer.save_pretrained(folder)
    return tokenizer


def gemma_tokenizer(spec):
    """As Gemma's: byte pairs over whole texts, a token for each byte, special tokens among the first ids."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    trainer = trainers.BpeTrainer(vocab_size=spec["vocab"], show_progress=False,
                                  special_tokens=special + [f"<0x{byte:02X}>" for byte in range(256)])  # fmt: skip
    tokenizer.train_from_iterator([line.lower() for line in CAPTIONS], trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(pair) for pair in learned["merges"]]
    return Siglip2Tokenizer(vocab=learned["vocab"], merges=merges, add_bos_token=False, add_eos_token=True,
                            padding_side="right", model_max_length=spec["context"])  # fmt: skip


def hf(name, spec, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = SiglipModel(hf_config(spec))
    randomize(model, zlib.crc32(name.encode()))
    (model.half() if spec.get("half") else model).save_pretrained(folder)
    side = spec["image"]
    processor = SiglipImageProcessorPil(size={"height": side, "width": side}, resample=spec.get("resample", 3))
    processor.save_pretrained(folder)
    if spec.get("half"):
        tokenizer = gemma_tokenizer(spec)
        tokenizer.save_pretrained(folder)
    else:
        tokenizer = sentencepiece_tokenizer(folder, spec)
    model = SiglipModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    pixels = processor([Image.open(ROOT / path) for path in spec["pictures"]], return_tensors="pt").pixel_values
    ids = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=spec["context"],
                    return_tensors="pt").input_ids  # fmt: skip
    stages = capture(model, pixels, ids)
    if spec.get("ends"):
        stages = {name: values for name, values in stages.items() if "." not in name}
    version = f"torch {torch.__version__.split('+')[0]}, transformers {__import__('transformers').__version__}"
    finish(folder, stages, spec["pictures"], version)


def capture(model, pixels, ids):
    stages, handles = {"pixel_values": pixels, "input_ids": ids.int()}, []
    vision, text = model.vision_model, model.text_model
    modules = {"vision.embeddings": vision.embeddings, "vision.pooled": vision.head,
               "text.embeddings": text.embeddings, "text.ln_final": text.final_layer_norm}  # fmt: skip
    modules |= {f"vision.block.{i}": block for i, block in enumerate(vision.encoder.layers)}
    modules |= {f"text.block.{i}": block for i, block in enumerate(text.encoder.layers)}
    for name, module in modules.items():
        keep = lambda _module, _inputs, output, name=name: stages.__setitem__(name, output)
        handles.append(module.register_forward_hook(keep))
    with torch.no_grad():
        output = model(pixel_values=pixels, input_ids=ids)
    for handle in handles:
        handle.remove()
    stages["text.pooled"] = stages["text.ln_final"][:, -1]
    stages |= {"image_embeds": output.image_embeds, "text_embeds": output.text_embeds,
               "logits_per_image": output.logits_per_image, "logit_scale": model.logit_scale.detach().reshape(1),
               "logit_bias": model.logit_bias.detach().reshape(1)}  # fmt: skip
    return stages


def finish(folder, stages, pictures, version):
    for embeds in (stages["image_embeds"], stages["text_embeds"]):
        alike = (embeds @ embeds.T - 2 * torch.eye(len(embeds))).max().item()
        assert alike < 0.99, f"{folder.name}: different inputs give nearly the same embedding: {alike}"
    save(stages, folder / "golden.safetensors", {"pictures": pictures, "texts": TEXTS, "made_with": version})
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1024
    print(f"{folder.name:10} {size:6.0f} KiB")


OPEN_CLIP = dict(image=48, patch=16, width=24, layers=1, context=16, vocab=400)


def openclip(folder):
    """OpenCLIP's own configuration of ViT-B-16-SigLIP2, with timm told to make the tower smaller."""
    spec = OPEN_CLIP
    config = open_clip.get_model_config("ViT-B-16-SigLIP2")
    config |= dict(embed_dim=spec["width"])
    config["vision_cfg"] |= dict(image_size=spec["image"])
    config["text_cfg"] |= dict(context_length=spec["context"], vocab_size=spec["vocab"], width=16, heads=2, layers=2)
    create = timm.create_model
    timm.create_model = lambda name, **given: create(
        name, img_size=spec["image"], embed_dim=spec["width"], depth=spec["layers"], **given
    )
    preprocess = dict(mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic", resize_mode="squash")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "tiny.json"
        path.write_text(json.dumps(config))
        open_clip.add_model_config(path)
        model = open_clip.create_model("tiny", force_preprocess_cfg=preprocess, load_weights=False).eval()
    randomize(model, 7)
    tokenizer = gemma_tokenizer(spec)
    with tempfile.TemporaryDirectory() as name:
        # What timm's repositories on the hub hold: a tokenizer of transformers that was saved there.
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer._tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>",
            padding_side="right", model_max_length=spec["context"],
        )  # fmt: skip
        fast._tokenizer.normalizer = normalizers.Replace(" ", "▁")
        save_for_hf(model, fast, config, name, safe_serialization=True)
        loaded = open_clip.create_model(f"local-dir:{name}").eval()
        _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{name}")
        encode = open_clip.tokenizer.HFTokenizer(name, context_length=spec["context"], clean="canonicalize")
        files = {path.name: path.read_bytes() for path in Path(name).iterdir()}
    ids = encode(TEXTS)
    pictures = [TALL, WIDE]
    pixels = torch.stack([transform(Image.open(ROOT / path)) for path in pictures])
    with torch.no_grad():
        image, text, scale, bias = loaded(pixels, ids)
    logits = scale * image @ text.T + bias
    stages = {"pixel_values": pixels, "input_ids": ids.int(), "image_embeds": image, "text_embeds": text,
              "logits_per_image": logits, "logit_scale": loaded.logit_scale.detach().reshape(1),
              "logit_bias": bias.detach().reshape(1)}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        if file.endswith(".safetensors"):
            (folder / f"{file}.gz").write_bytes(gzip.compress(data, mtime=0))
        else:
            (folder / file).write_bytes(data if data.endswith(b"\n") else data + b"\n")
    version = f"torch {torch.__version__.split('+')[0]}, open_clip {open_clip.__version__}, timm {timm.__version__}"
    finish(folder, stages, pictures, version)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("tiny").add_argument("out", nargs="?", type=Path, default=GOLDENS / "siglip")
    commands.add_parser("full").add_argument("out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.command == "full":
        hf("siglip-b-16", FULL, arguments.out / "siglip-b-16")
        return
    for name, spec in HF.items():
        hf(name, spec, arguments.out / name)
    openclip(arguments.out / "open-clip")


if __name__ == "__main__":
    main()
