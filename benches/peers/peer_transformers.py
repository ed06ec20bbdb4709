"""transformers on PyTorch: fused attention (sdpa); f32, or bf16, as it comes or compiled."""

import torch
from protocol import Peer, serve
from transformers import AutoModel


class Transformers(Peer):
    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        self.dtype = torch.bfloat16 if arguments.bf16 else torch.float32
        self.source, self.pillow, self.processor = arguments.folder / "hf", arguments.pillow, None
        model = AutoModel.from_pretrained(self.source, dtype=self.dtype, attn_implementation="sdpa").eval()
        self.image_features, self.text_features = model.get_image_features, model.get_text_features
        if arguments.compile:
            self.image_features = compiled(model.get_image_features, arguments.compile)
            self.text_features = compiled(model.get_text_features, arguments.compile)

    def ready(self, array):
        tensor = torch.from_numpy(array)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    @torch.inference_mode()
    def image(self, pixels):
        return self.image_features(pixels).pooler_output.float()

    # Without a mask: what is padded stands behind the end token, where causal attention never looks, and SigLIP looks at
    # its padding.
    @torch.inference_mode()
    def text(self, ids):
        return self.text_features(ids).pooler_output.float()

    def folder(self, paths, batch):
        from PIL import Image
        from transformers import CLIPImageProcessor, CLIPImageProcessorPil

        if self.processor is None:
            kind = CLIPImageProcessorPil if self.pillow else CLIPImageProcessor
            self.processor = kind.from_pretrained(self.source)
        features = []
        for start in range(0, len(paths), batch):
            pictures = [Image.open(path) for path in paths[start : start + batch]]
            features.append(self.image(self.processor(pictures, return_tensors="pt").pixel_values))
        return features


def compiled(function, backend):
    if backend == "zentorch":
        import zentorch  # noqa: F401, it registers itself
    else:
        from torch._inductor import config

        # Weights are laid out once, as PyTorch's guide for inference on CPUs has it.
        config.freezing = True
    return torch.compile(function, backend=backend)


def arguments(parser):
    parser.add_argument("--pillow", action="store_true", help="prepare pictures by Pillow, not by torchvision")
    parser.add_argument("--bf16", action="store_true", help="weights and activations in bf16")
    parser.add_argument("--compile", choices=["inductor", "zentorch"], help="torch.compile with that backend")


if __name__ == "__main__":
    serve(Transformers, __doc__, arguments)
