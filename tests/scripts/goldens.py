"""Goldens: what transformers computes, stage by stage, for the Rust tests to compare with.

    python goldens.py tiny [OUT]                      the committed goldens (crates/clip-testkit/goldens)
    python goldens.py full OUT [--checkpoint FOLDER]  full-size models, gigabytes, for CLIP_REFERENCE_DIR
    python goldens.py answers --checkpoint FOLDER     rankings of samples/ by the trained tiny model

Written with torch 2.15, transformers 5.23, tokenizers 0.23, Pillow 13, safetensors 0.8, numpy 2.4
(`pip install torch transformers pillow safetensors numpy`). Weights come from a seed that is the
CRC-32 of the golden's name, so a run repeats; the arithmetic is f32 on the CPU, attention "eager".

A golden is a folder: `config.json`, `preprocessor_config.json` and `model.safetensors` in Hugging Face
layout, and `golden.safetensors` with these tensors (f32, ids i32; B pictures or texts, L tokens, W width):

    pixel_values [B,3,S,S]      the pictures through CLIPImageProcessorPil
    vision.embeddings [B,L,W]   patches, class token and positions, before the first layer norm
    vision.ln_pre [B,L,W]       after it
    vision.block.I [B,L,W]      output of residual block I
    vision.pooled [B,W]         class token after the last layer norm
    image_embeds [B,E]          projected, unit length
    input_ids [B,L]             token ids, texts of different lengths in one batch
    text.embeddings [B,L,W], text.block.I [B,L,W], text.ln_final [B,L,W], text.pooled [B,W], text_embeds [B,E]
    logits_per_image [pictures, texts], logit_scale [1] (the stored logarithm)
    input_ids_N, text_embeds_N  further batches of N tokens each

Metadata `golden`, one JSON object: `pictures` (list of files relative to the repository), `texts` (list,
where the ids came from sentences), `made_with`.
"""

import argparse
import gzip
import json
import re
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "crates/clip-testkit/goldens"
MADE_WITH = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}"

# All lossless, all without alpha: a decoder has no choice.
TALL = "crates/clip-testkit/goldens/pictures/tall.png"
WIDE = "samples/cat-chelsea.png"
WIDE_WEBP = "crates/clip-testkit/formats/horse-lossless.webp"
SQUARE = "samples/fx-dog.png"

# Size of a tower: width, layers, heads, width of the MLP.
# `end` is the end token of "first end token" pooling; without it the configuration says 2, as OpenAI's
# does, which means argmax. `resize` is the shortest side before the crop to the image size.
TINY = {
    "odd-45": dict(  # 3 pixels of remainder; files as OpenAI's on the hub: integer sizes, position_ids
        image=45, patch=14, vision=(24, 2, 3, 40), text=(20, 2, 1, 50), context=16, vocab=100, embed=20,
        act=("quick_gelu", "quick_gelu"), resize=45, pictures=[TALL, WIDE], legacy=True),
    "half-64": dict(  # f16 weights
        image=64, patch=32, vision=(12, 2, 2, 30), text=(24, 2, 1, 60), context=14, vocab=120, embed=16,
        act=("quick_gelu", "quick_gelu"), end=119, resize=64, pictures=[TALL, WIDE], half=True),
    "one-patch": dict(  # one patch and one block, one pixel of remainder
        image=33, patch=32, vision=(12, 1, 1, 48), text=(20, 1, 1, 50), context=9, vocab=80, embed=8,
        act=("gelu", "gelu"), resize=40, pictures=[WIDE_WEBP, SQUARE]),
    "heads-80": dict(  # heads of width 40 and 80; the end token is the lowest id that texts use
        image=16, patch=8, vision=(80, 1, 2, 60), text=(80, 1, 1, 40), context=12, vocab=60, embed=24,
        act=("gelu", "gelu"), end=7, resize=16, pictures=[TALL, WIDE], half=True),
    "deep": dict(
        image=32, patch=8, vision=(24, 4, 1, 40), text=(16, 5, 2, 40), context=14, vocab=160, embed=12,
        act=("gelu", "gelu"), end=150, resize=37, pictures=[TALL, SQUARE]),
    "context-77": dict(
        image=28, patch=14, vision=(16, 1, 2, 32), text=(40, 2, 2, 30), context=77, vocab=160, embed=24,
        act=("quick_gelu", "quick_gelu"), resize=28, pictures=[WIDE, TALL, SQUARE]),
    "norm-eps": dict(  # visible epsilons; another filter, mean and deviation
        image=30, patch=10, vision=(32, 2, 2, 48), text=(24, 2, 1, 40), context=24, vocab=128, embed=32,
        act=("quick_gelu", "quick_gelu"), end=3, eps=(3e-2, 1e-2), resize=34, resample=2, mean=[0.5] * 3,
        std=[0.5, 0.25, 0.4], pictures=[TALL, WIDE, SQUARE]),
    "mixed": dict(  # the towers have nothing in common
        image=29, patch=14, vision=(30, 1, 2, 50), text=(16, 3, 2, 96), context=10, vocab=90, embed=21,
        act=("gelu", "quick_gelu"), end=60, eps=(1e-6, 1e-5), resize=31, pictures=[SQUARE, TALL]),
}  # fmt: skip

FULL = {
    "vit-b-32": dict(
        image=224, patch=32, vision=(768, 12, 12, 3072), text=(512, 12, 8, 2048), embed=512, legacy=True),
    "vit-l-14-336": dict(
        image=336, patch=14, vision=(1024, 24, 16, 4096), text=(768, 12, 12, 3072), embed=768, end=49407),
}  # fmt: skip
FULL_COMMON = dict(context=77, vocab=49408, act=("quick_gelu", "quick_gelu"))
FULL_PICTURES = [TALL, WIDE, SQUARE]
TRAINED_PICTURES = ["samples/dog.webp", "samples/cat-chelsea.png", "samples/coffee.png", "samples/fx-car.png"]
SENTENCES = ["A picture of a dog.", "a cup of coffee", "two CATS  asleep on grandma's sofa, at 7 o'clock", "🙂"]

DRAWINGS = ["dog", "cat", "car", "flower"]
QUERIES = [f"A picture of a {name}." for name in DRAWINGS] + [
    "a picture of a dog", "a cup of coffee", "a picture of a flower", "a picture of a cat", "a picture of a car",
    "a picture of a guitar", "a red bird", "a bear in the snow", "a photo of the Eiffel Tower",
    "an astronaut in an orange space suit", "a rocket", "cat",
]  # fmt: skip


def configuration(spec):
    def tower(size, act, eps):
        width, layers, heads, mlp = size
        return dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
                    intermediate_size=mlp, hidden_act=act, layer_norm_eps=eps,
                    projection_dim=spec["embed"])  # fmt: skip

    acts, epsilons = spec["act"], spec.get("eps", (1e-5, 1e-5))
    end = spec.get("end")
    special = dict(bos_token_id=0, pad_token_id=1, eos_token_id=2)
    if end is not None:
        special = dict(bos_token_id=end - 1, pad_token_id=end, eos_token_id=end)
    vision = tower(spec["vision"], acts[0], epsilons[0])
    text = tower(spec["text"], acts[1], epsilons[1])
    return CLIPConfig(
        vision_config=dict(vision, image_size=spec["image"], patch_size=spec["patch"]),
        text_config=dict(text, max_position_embeddings=spec["context"], vocab_size=spec["vocab"], **special),
        projection_dim=spec["embed"],
    )


@torch.no_grad()
def randomize(model, seed):
    """Every parameter at random, biases and gains too, such that activations stay near 1."""
    generator = torch.Generator().manual_seed(seed)
    layers = {
        "vision": model.config.vision_config.num_hidden_layers,
        "text": model.config.text_config.num_hidden_layers,
    }
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        tower = name.split("_")[0]
        if name == "logit_scale":
            value = 2.5 + 0.5 * noise
        elif name.endswith("bias"):
            value = 0.2 * noise
        elif "norm" in name or "layrnorm" in name:
            value = 1 + 0.2 * noise
        elif "token_embedding" in name:
            value = noise
        elif "class_embedding" in name or "position_embedding" in name:
            value = 0.25 * noise
        else:
            value = noise * parameter[0].numel() ** -0.5
            if any(part in name for part in ("q_proj", "k_proj", "v_proj")):
                value *= 2  # uneven attention that matters: a wrong scale or mask shows
            elif "out_proj" in name or "fc2" in name:
                value *= (layers[tower] / 2) ** -0.5  # the residual stream does not grow with the depth
        parameter.copy_(value)


def write_checkpoint(folder, spec):
    """`config.json`, `preprocessor_config.json`, `model.safetensors`."""
    model = CLIPModel(configuration(spec))
    randomize(model, zlib.crc32(folder.name.encode()))
    if spec.get("half"):
        model.half()
    model.save_pretrained(folder)
    image, resize = spec["image"], spec.get("resize", spec["image"])
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": resize}, crop_size=image, resample=spec.get("resample", 3),
        **{f"image_{key}": spec[key] for key in ("mean", "std") if key in spec})  # fmt: skip
    processor.save_pretrained(folder)
    if spec.get("legacy"):
        path = folder / "model.safetensors"
        tensors = {name: torch.from_numpy(values) for name, values in load_file(path).items()}
        for tower, count in [("text", spec["context"]), ("vision", (image // spec["patch"]) ** 2 + 1)]:
            tensors[f"{tower}_model.embeddings.position_ids"] = torch.arange(count)[None]
        save_file(tensors, path, {"format": "pt"})
        keep = ("do_center_crop", "do_normalize", "do_resize", "image_mean", "image_std", "resample")
        old = {key: getattr(processor, key) for key in keep} | {"size": resize, "crop_size": image}
        old |= {"resample": int(processor.resample), "feature_extractor_type": "CLIPFeatureExtractor"}
        (folder / "preprocessor_config.json").write_text(json.dumps(old, indent=2) + "\n")


def random_ids(spec, seed):
    """Batches by suffix. Rows of the first: padded by end tokens, by zeros, full, text after the end."""
    random = np.random.default_rng(seed)
    vocab, context = spec["vocab"], spec["context"]
    argmax = "end" not in spec
    end = vocab - 1 if argmax else spec["end"]
    start = end - 1
    ordinary = np.setdiff1d(np.arange(1, vocab), [start, end])
    length = min(context, 9)

    def words(count):
        return random.choice(ordinary, count, replace=False).tolist()

    def text(count):
        return [start, *words(count), end]

    def pad(ids, token, length=length):
        return ids + [token] * (length - len(ids))

    rows = [pad(text(2), end), pad(text(5), 0), text(length - 2)]
    rows.append(pad(text(3) + words(2) + [end], words(1)[0]))
    if argmax:  # no end token: the first of the highest ids
        inside = sorted(words(length - 1))
        rows.append([*inside[:3], inside[-1], *inside[3:]])
    batches = {"": rows, "_1": [[end]], "_2": [[start, end], [*words(1), end]]}
    batches[f"_{context}"] = [text(context - 2), pad(text(4), end, context), pad(text(context // 2), 0, context)]
    return batches


def capture(model, pixels, ids):
    """Runs the model; returns every stage's output by name, and the output."""
    stages, handles = {}, []

    def keep(name):
        def hook(_module, _inputs, output):
            stages[name] = output

        return hook

    vision, text = model.vision_model, model.text_model
    modules = {"vision.embeddings": vision.embeddings, "vision.ln_pre": vision.pre_layrnorm,
               "vision.pooled": vision.post_layernorm, "text.embeddings": text.embeddings,
               "text.ln_final": text.final_layer_norm}  # fmt: skip
    modules |= {f"vision.block.{i}": block for i, block in enumerate(vision.encoder.layers)}
    modules |= {f"text.block.{i}": block for i, block in enumerate(text.encoder.layers)}
    for name, module in modules.items():
        handles.append(module.register_forward_hook(keep(name)))
    handles.append(
        model.text_projection.register_forward_pre_hook(lambda _, inputs: stages.update({"text.pooled": inputs[0]}))
    )
    with torch.no_grad():
        output = model(pixel_values=pixels, input_ids=ids)
    for handle in handles:
        handle.remove()
    return stages, output


def load(folder):
    return CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def save(tensors, path, about):
    """One metadata key only: safetensors writes several in an order that changes from run to run."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    about = json.dumps(about | {"made_with": MADE_WITH}, ensure_ascii=False)
    save_file(tensors, path, {"golden": about})


def write_golden(folder, checkpoint, pictures, batches, texts=None):
    model = load(checkpoint)
    processor = CLIPImageProcessorPil.from_pretrained(checkpoint)
    pixels = processor([Image.open(ROOT / picture) for picture in pictures], return_tensors="pt").pixel_values
    batches = {suffix: torch.as_tensor(ids) for suffix, ids in batches.items()}
    tensors, output = capture(model, pixels, batches[""])
    tensors |= {"pixel_values": pixels, "image_embeds": output.image_embeds,
                "logits_per_image": output.logits_per_image, "logit_scale": model.logit_scale.detach().reshape(1)}  # fmt: skip
    for suffix, ids in batches.items():
        tensors[f"input_ids{suffix}"] = ids.int()
        tensors[f"text_embeds{suffix}"] = capture(model, pixels[:1], ids)[1].text_embeds
    about = {"pictures": pictures, "texts": texts or []}
    folder.mkdir(parents=True, exist_ok=True)
    save(tensors, folder / "golden.safetensors", about)
    check(folder, checkpoint, model)


def check(folder, checkpoint, model):
    """Recomputes the written golden's ends in numpy and in f64; fails where it is wrong or says nothing."""
    golden = {name: values.astype(np.float64) for name, values in load_file(folder / "golden.safetensors").items()}
    with safe_open(checkpoint / "model.safetensors", "numpy") as file:
        weight = lambda name: file.get_tensor(name).astype(np.float64)
        heads = weight("visual_projection.weight"), weight("text_projection.weight")
        scale = np.exp(weight("logit_scale"))

    def unit(values):
        return values / np.linalg.norm(values, axis=-1, keepdims=True)

    image, text = unit(golden["vision.pooled"] @ heads[0].T), unit(golden["text.pooled"] @ heads[1].T)
    differences = [np.abs(image - golden["image_embeds"]).max(), np.abs(text - golden["text_embeds"]).max()]
    logits = np.abs(scale * image @ text.T - golden["logits_per_image"]).max() / scale
    exact = capture(
        model.double(), torch.from_numpy(golden["pixel_values"]), torch.from_numpy(golden["input_ids"]).long()
    )[1]
    rounding = max(np.abs(exact.image_embeds.numpy() - golden["image_embeds"]).max(),
                   np.abs(exact.text_embeds.numpy() - golden["text_embeds"]).max())  # fmt: skip
    alike = [np.max(embeds @ embeds.T - 2 * np.eye(len(embeds))) for embeds in (image, text)]
    blocks = [values.std() for name, values in golden.items() if ".block." in name]
    assert max(*differences, logits) < 1e-6, (differences, logits)
    assert rounding < 2e-6, rounding
    assert max(alike) < 0.99, f"{folder.name}: different inputs give nearly the same embedding: {alike}"
    assert 0.2 < min(blocks) and max(blocks) < 8, f"{folder.name}: activations leave O(1): {blocks}"
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1024
    print(f"{folder.name:13} {size:9.0f} KiB   heads {max(differences):.1e}   logits {logits:.1e}   f32 to f64 {rounding:.1e}"
          f"   largest cosine {alike[0]:5.2f} {alike[1]:5.2f}   blocks {min(blocks):.2f} to {max(blocks):.2f}")  # fmt: skip


def stored_merges(vocabulary):
    """The merges that a checkpoint carries (`SubwordModel::ByteLevel` of clip-checkpoint)."""
    numbers, number, shift = [], 0, 0
    for byte in vocabulary[4:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    assert vocabulary[:4] == bytes([1, 2, 0, 0]) and len(numbers) == 1 + 2 * numbers[0], "no list of merges"
    characters = list(bytes_to_unicode().values())
    tokens, merges = characters + [c + "</w>" for c in characters], []
    for pair in zip(numbers[1::2], numbers[2::2]):
        merges.append(tuple(tokens[id] for id in pair))
        tokens.append("".join(merges[-1]))
    return merges


def tokenizer(count=49152 - 256 - 2, length=77, merges=None):
    """transformers' tokenizer over some merges, or over the first of the repository's vocabulary file (OpenAI's, in OpenAI's order)."""
    if merges is None:
        with gzip.open(ROOT / "crates/clip-tokenizer/assets/bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as file:
            merges = [tuple(line.split()) for line in file.read().split("\n")[1 : count + 1]]
    characters = list(bytes_to_unicode().values())
    words = characters + [c + "</w>" for c in characters] + ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: id for id, word in enumerate(words)}, merges=merges, model_max_length=length)


def tiny(out):
    picture = GOLDENS / "pictures/tall.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.open(ROOT / "samples/coffee.png").crop((300, 120, 361, 269)).save(picture, optimize=True)
    for name, spec in TINY.items():
        write_checkpoint(out / name, spec)
        write_golden(out / name, out / name, spec["pictures"], random_ids(spec, zlib.crc32(name.encode())))


def sentence_batches(tokenizer):
    encode = lambda padding: tokenizer(SENTENCES, padding=padding, return_tensors="pt").input_ids
    return {"": encode("longest"), f"_{tokenizer.model_max_length}": encode("max_length")}


def full(out, trained):
    for name, spec in FULL.items():
        write_checkpoint(out / name, spec | FULL_COMMON)
        tokenizer().save_pretrained(out / name)
        write_golden(out / name, out / name, FULL_PICTURES, sentence_batches(tokenizer()), SENTENCES)
    if trained:
        batches = sentence_batches(CLIPTokenizer.from_pretrained(trained))
        write_golden(out / "clip-tiny", trained, TRAINED_PICTURES, batches, SENTENCES)


def on_white(picture):
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def answers(checkpoint, out):
    """Scores of every sample picture for every query, pictures as CLIPImageProcessorPil takes an opened picture.

    It ignores EXIF and, as of transformers 5.23, composes transparency on white (`convert_to_rgb`)."""
    model, processor = load(checkpoint), CLIPImageProcessorPil.from_pretrained(checkpoint)

    @torch.no_grad()
    def embed(pictures):
        pixels = processor(pictures, return_tensors="pt").pixel_values
        return torch.nn.functional.normalize(model.get_image_features(pixels).pooler_output, dim=-1)

    names = sorted(path.name for path in (ROOT / "samples").iterdir() if path.suffix in (".png", ".webp", ".jpg"))
    drawings = [names.index(f"fx-{name}.png") for name in DRAWINGS]
    alpha = [f"crates/clip-testkit/formats/{name}-alpha.png" for name in ("dog", "cat", "horse")]
    samples = [Image.open(ROOT / "samples" / name) for name in names]
    cutouts = [Image.open(ROOT / name) for name in alpha]
    encode = CLIPTokenizer.from_pretrained(checkpoint)
    ids = encode(QUERIES).input_ids
    padded = encode(QUERIES, padding=True, return_tensors="pt").input_ids
    with torch.no_grad():
        texts = torch.nn.functional.normalize(model.get_text_features(padded).pooler_output, dim=-1)
    tensors = {"text_embeds": texts, "image_embeds": embed(samples),
               "alpha_embeds_on_white": embed([on_white(picture) for picture in cutouts]),
               "alpha_embeds_dropped": embed([picture.convert("RGB") for picture in cutouts])}  # fmt: skip
    assert torch.equal(embed(cutouts), tensors["alpha_embeds_on_white"]), "transformers composes on white no more"
    rounded = lambda values: [round(float(value), 6) for value in values]
    scores = texts @ tensors["image_embeds"].T
    white = texts[: len(DRAWINGS)] @ embed([on_white(samples[i]) for i in drawings]).T
    ranking = lambda row: [[names[i], *rounded(row[i : i + 1])] for i in row.argsort(descending=True).tolist()]
    report = {
        "made_with": MADE_WITH,
        "queries": [{"text": text, "ids": ids[i], "embedding_head": rounded(texts[i, :8]), "ranking": ranking(scores[i])}
                    for i, text in enumerate(QUERIES)],
        "drawings": {"sentences": QUERIES[: len(DRAWINGS)], "pictures": [names[i] for i in drawings],
                     "reference": [rounded(row[drawings]) for row in scores[: len(DRAWINGS)]],
                     "on_white": [rounded(row) for row in white]},
    }  # fmt: skip
    text = json.dumps(report, indent=1, ensure_ascii=False)
    out.mkdir(parents=True, exist_ok=True)
    (out / "clip-tiny-answers.json").write_text(compact(text) + "\n")
    pictures = [f"samples/{name}" for name in names]
    about = {"queries": QUERIES, "pictures": pictures, "alpha_pictures": alpha}
    save(tensors, out / "clip-tiny-answers.safetensors", about)
    print_for_card(report)
    print("\non white: largest difference", float((white - scores[: len(DRAWINGS)][:, drawings]).abs().max()))


def print_for_card(report):
    """The tables of answers in weights/README.md, which a test compares with these."""
    number = lambda score: f"{score:.3f}".replace("-", "−")
    told = {"a picture of a dog": 5, "a cup of coffee": 3, "a picture of a flower": 3}
    print("| query | first answers |\n| --- | --- |")
    for query in report["queries"]:
        if count := told.get(query["text"]):
            answers = [f"{name.split('.')[0]} {number(score)}" for name, score in query["ranking"][:count]]
            print(f"| `{query['text']}` | {', '.join(answers)} |")
    table = report["drawings"]["reference"]
    print("\n| |", *(f"fx-{name} |" for name in DRAWINGS))
    print("|", " | ".join(["---"] * (len(DRAWINGS) + 1)), "|")
    for name, row in zip(DRAWINGS, table):
        print(f"| {name} |", *(f"{number(score)} |" for score in row))
    best = lambda rows: ", ".join(DRAWINGS[max(range(len(row)), key=row.__getitem__)] for row in rows)
    print(f"\nText to picture: {best(table)}. Picture to text: {best(zip(*table))}.")


def compact(text):
    """Indented JSON with each list of plain values on one line."""
    return re.sub(
        r"\[[^\[\]{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]).replace("[ ", "[").replace(" ]", "]"), text
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("tiny").add_argument("out", nargs="?", type=Path, default=GOLDENS)
    command = commands.add_parser("full")
    command.add_argument("out", type=Path)
    command.add_argument("--checkpoint", type=Path, help="a trained checkpoint, for OUT/clip-tiny")
    command = commands.add_parser("answers")
    command.add_argument("out", nargs="?", type=Path, default=GOLDENS)
    command.add_argument("--checkpoint", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.command == "tiny":
        tiny(arguments.out)
    elif arguments.command == "full":
        full(arguments.out, arguments.checkpoint)
    else:
        answers(arguments.checkpoint, arguments.out)
