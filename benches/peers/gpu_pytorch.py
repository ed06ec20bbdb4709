"""How fast PyTorch runs and trains ViT-B/32 on a CUDA GPU: the peer of `cargo xtask bench-gpu`.

    python gpu_pytorch.py --batches 256,32,1 --seconds 1 --training 256

transformers' CLIPModel with random weights and fused attention (sdpa), eager and by torch.compile, in f32 (without TF32,
as PyTorch comes) and bf16; images of 224, texts of 77 tokens. Inputs lie on the GPU, a pass ends when its vectors are
read. Training is that of train_pytorch.py. Prints one line of JSON for each result, as benches/src/bin/bench-gpu/record.rs
reads them, at once: the program that starts this ends it when its time is up. What says most comes first.
"""

import argparse
import copy
import json
import statistics
import time

from train_pytorch import BASELINE, BETAS, CLIP_NORM, DECAY, EPSILON, RATE

VIT_B_32 = {
    "projection_dim": 512,
    "vision_config": {
        "image_size": 224, "patch_size": 32, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "hidden_act": "quick_gelu", "projection_dim": 512},
    "text_config": {
        "max_position_embeddings": 77, "vocab_size": 49408, "hidden_size": 512, "num_hidden_layers": 12,
        "num_attention_heads": 8, "intermediate_size": 2048, "hidden_act": "quick_gelu", "projection_dim": 512,
        "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407},
}  # fmt: skip
START, END, PASSES, TOKENS = 49406, 49407, 3, 12


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", default="256,32,1", help="items at once")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a pass is repeated, at the least")
    parser.add_argument("--training", type=int, default=256, help="pictures with a text each in a step")
    parser.add_argument("--device", default="cuda", help="where; cpu to see that it runs")
    return parser.parse_args()


def say(kind, **record):
    print(json.dumps({"kind": kind, **record}), flush=True)


def repeat(seconds, one):
    """Seconds of the first pass, and of those that count: one after the first does not."""

    def timed():
        began = time.perf_counter()
        one()
        return time.perf_counter() - began

    first, _ = timed(), timed()
    passes = []
    while len(passes) < PASSES or sum(passes) < seconds:
        passes.append(timed())
    return first, passes


def main(args):
    try:
        import torch
        import transformers
    except ImportError as error:
        return say("left_out", what="PyTorch", reason=f"Python says: {error}")
    if args.device != "cpu" and not torch.cuda.is_available():
        return say("left_out", what="PyTorch", reason=f"torch {torch.__version__} sees no CUDA device")
    for name, version in (("torch", torch.__version__), ("transformers", transformers.__version__)):
        say("version", name=name, version=version)
    torch.manual_seed(0)
    measure = towers(args, torch, transformers)
    measure("eager")
    training(args, torch, transformers)
    # Last, as each row of these is compiled first.
    measure("compiled")


def towers(args, torch, transformers):
    config = transformers.CLIPConfig(**VIT_B_32)
    config._attn_implementation = "sdpa"
    models = {"f32": transformers.CLIPModel(config).eval().to(args.device)}
    models["bf16"] = copy.deepcopy(models["f32"]).bfloat16()
    batches = [int(batch) for batch in args.batches.split(",")]
    pixels = torch.randn(max(batches), 3, 224, 224, device=args.device)
    ids = torch.randint(0, START, (max(batches), 77), device=args.device)
    ids[:, 0], ids[:, -1] = START, END
    inputs = {("image", "f32"): pixels, ("image", "bf16"): pixels.bfloat16(), ("text", "f32"): ids, ("text", "bf16"): ids}

    def forward(tower, dtype):
        model = models[dtype]
        features = model.get_image_features if tower == "image" else model.get_text_features

        # transformers 5 gives an output with several fields, older ones the vectors.
        def unit(batch):
            vectors = features(batch)
            return torch.nn.functional.normalize(getattr(vectors, "pooler_output", vectors), dim=-1)

        return unit

    def rate(who, tower, dtype, batch):
        run, rows, vectors = forward(tower, dtype), inputs[tower, dtype][:batch], None
        if who == "compiled":
            run = torch.compile(run, dynamic=False)

        def one():
            nonlocal vectors
            vectors = run(rows).float().cpu()

        with torch.inference_mode():
            first, passes = repeat(args.seconds, one)
            exact = forward(tower, "f32")(inputs[tower, "f32"][:batch]).cpu()
        middle, low, high = (batch / seconds for seconds in (statistics.median(passes), max(passes), min(passes)))
        say("rate", who=who, tower=tower, dtype=dtype, batch=batch, first_seconds=first, rate=middle, low=low, high=high,
            cosine=(vectors * exact).sum(-1).min().item())  # fmt: skip

    # The largest batch first, and bf16 before f32: that is the comparison that matters most.
    work = [(tower, dtype, batch) for batch in batches for dtype in ("bf16", "f32") for tower in ("image", "text")]

    def measure(who):
        for tower, dtype, batch in work:
            try:
                rate(who, tower, dtype, batch)
            except Exception as error:  # noqa: BLE001, a failure costs one row
                label = f"PyTorch, {who}, {dtype}, {batch} of {tower}"
                say("left_out", what=label, reason=(str(error).splitlines() or [repr(error)])[0])

    return measure


def training(args, torch, transformers):
    config = transformers.CLIPConfig(**BASELINE)
    config._attn_implementation = "sdpa"
    model = transformers.CLIPModel(config).train().to(args.device)
    axes = lambda wanted: [parameter for parameter in model.parameters() if (parameter.ndim > 1) == wanted]
    optimizer = torch.optim.AdamW(
        [{"params": axes(True), "weight_decay": DECAY}, {"params": axes(False), "weight_decay": 0.0}],
        lr=RATE, betas=BETAS, eps=EPSILON)  # fmt: skip
    side = config.vision_config.image_size
    pixels = torch.randn(args.training, 3, side, side)
    ids = torch.randint(0, START, (args.training, TOKENS))
    ids[:, 0], ids[:, -1] = START, END

    # From the host each time, as ours.
    def one():
        loss = model(pixel_values=pixels.to(args.device), input_ids=ids.to(args.device), return_loss=True).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        loss.item()
        if args.device != "cpu":
            torch.cuda.synchronize()

    first, steps = repeat(args.seconds, one)
    rate = args.training / statistics.median(steps)
    say("train", who="eager", batch=args.training, first_seconds=first, rate=rate)


if __name__ == "__main__":
    main(arguments())
