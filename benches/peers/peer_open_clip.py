"""OpenCLIP on PyTorch, f32, with its own tokenizer, which pads every text to 77 tokens."""

import re
import sys
from pathlib import Path

import open_clip
import torch
from protocol import Peer, serve
from safetensors.torch import load_file

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests/scripts"))
from to_hf import IN_BLOCK

# OpenCLIP's tensors and transformers', but for the blocks.
TENSORS = {
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
TRANSPOSED = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}
TOWERS = {"visual.": "vision_model", "": "text_model"}
MODELS = {"vit-b-32": "ViT-B-32-quickgelu", "vit-l-14": "ViT-L-14-quickgelu"}


def state_dict(path):
    """The weights under OpenCLIP's names. Its blocks are named as ours are."""
    theirs = load_file(path)
    ours = {name: theirs[other] for name, other in TENSORS.items()}
    ours |= {name: theirs[other].T for name, other in TRANSPOSED.items()}
    for prefix, tower in TOWERS.items():
        blocks = {int(found[1]) for name in theirs if (found := re.match(rf"{tower}\.encoder\.layers\.(\d+)\.", name))}
        for block in blocks:
            to, source = f"{prefix}transformer.resblocks.{block}", f"{tower}.encoder.layers.{block}"
            for leaf in ("weight", "bias"):
                parts = [theirs[f"{source}.self_attn.{x}_proj.{leaf}"] for x in "qkv"]
                ours[f"{to}.attn.in_proj_{leaf}"] = torch.cat(parts)
                ours |= {f"{to}.{name}.{leaf}": theirs[f"{source}.{other}.{leaf}"] for name, other in IN_BLOCK.items()}
    return ours


class OpenClip(Peer):
    length = 77

    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        name = MODELS[arguments.folder.name]
        self.model = open_clip.create_model(name, load_weights=False).eval()
        self.model.load_state_dict(state_dict(arguments.folder / "hf/model.safetensors"))

    def ready(self, array):
        return torch.from_numpy(array)

    @torch.inference_mode()
    def image(self, pixels):
        return self.model.encode_image(pixels)

    @torch.inference_mode()
    def text(self, ids):
        return self.model.encode_text(ids)


if __name__ == "__main__":
    serve(OpenClip, __doc__)
