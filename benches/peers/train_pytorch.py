"""How fast PyTorch trains the baseline's model: the yardstick for ours.

    python train_pytorch.py [--steps N] [--warmup N] [--batch B] [--threads T] [--length L] [--no-sdpa] [--checkpointing]
                            [--bf16]

transformers' CLIPModel with the sizes of the baseline (16.3 M parameters), in f32 or with autocast to bf16 on the CPU: random pixels and ids,
CLIP's symmetric InfoNCE, gradients clipped to norm 1, AdamW with decay. A step is forward, backward, clipping and
update; batches are drawn outside the clock. Prints one line of JSON: images_per_second is the batch over the median
step, `seconds` has every step, memory is the largest resident set of the process, with PyTorch itself and the model
before the first step in memory_before_mib.
"""

import argparse
import json
import os
import resource
import statistics
import time

BASELINE = {
    "projection_dim": 256,
    "vision_config": {
        "image_size": 64, "patch_size": 16, "hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4,
        "intermediate_size": 1024, "hidden_act": "quick_gelu", "projection_dim": 256},
    "text_config": {
        "max_position_embeddings": 77, "vocab_size": 49408, "hidden_size": 192, "num_hidden_layers": 4,
        "num_attention_heads": 3, "intermediate_size": 768, "hidden_act": "quick_gelu", "projection_dim": 256,
        "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407},
}  # fmt: skip
RATE, BETAS, EPSILON, DECAY, CLIP_NORM = 1e-3, (0.9, 0.98), 1e-6, 0.1, 1.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6, help="measured steps")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--batch", type=int, default=256, help="pictures with a text each")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--length", type=int, default=12, help="tokens of every text, padded by end tokens")
    parser.add_argument("--sdpa", action=argparse.BooleanOptionalAction, default=True, help="PyTorch's fused attention")
    parser.add_argument("--checkpointing", action="store_true", help="compute activations again in the backward pass")
    parser.add_argument("--bf16", action="store_true", help="autocast to bf16 in the forward pass")
    return parser.parse_args()


def main(args):
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = transformers.CLIPConfig(**BASELINE)
    config._attn_implementation = "sdpa" if args.sdpa else "eager"
    model = transformers.CLIPModel(config).train()
    if args.checkpointing:
        model.activation_checkpointing_enable()
    axes = lambda wanted: [parameter for parameter in model.parameters() if (parameter.ndim > 1) == wanted]
    optimizer = torch.optim.AdamW(
        [{"params": axes(True), "weight_decay": DECAY}, {"params": axes(False), "weight_decay": 0.0}],
        lr=RATE, betas=BETAS, eps=EPSILON)  # fmt: skip
    start, end = config.text_config.bos_token_id, config.text_config.eos_token_id

    def batch():
        side = config.vision_config.image_size
        pixels = torch.randn(args.batch, 3, side, side)
        ids = torch.randint(0, start, (args.batch, args.length))
        ids[:, 0] = start
        first_end = torch.randint(2, args.length, (args.batch, 1))
        return pixels, ids.masked_fill(torch.arange(args.length) >= first_end, end)

    losses, seconds, before = [], [], memory_mib()
    for _ in range(args.warmup + args.steps):
        pixels, ids = batch()
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            loss = model(pixel_values=pixels, input_ids=ids, return_loss=True).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    seconds = seconds[args.warmup :]
    report = {
        "images_per_second": round(args.batch / statistics.median(seconds), 1),
        "seconds": [round(value, 3) for value in seconds],
        "memory_mib": memory_mib(),
        "memory_before_mib": before,
        "loss_first": round(losses[0], 4),
        "loss_last": round(losses[-1], 4),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        **vars(args),
    }
    print(json.dumps(report))


def memory_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # KiB on Linux


if __name__ == "__main__":
    main(arguments())
