"""transformers on PyTorch: fused attention (sdpa), f32."""

import torch
from PIL import Image
from protocol import Peer, serve
from transformers import CLIPImageProcessor, CLIPImageProcessorPil, CLIPModel


class Transformers(Peer):
    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        folder = arguments.folder / "hf"
        self.model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
        kind = CLIPImageProcessorPil if arguments.pillow else CLIPImageProcessor
        self.processor = kind.from_pretrained(folder)

    def ready(self, array):
        return torch.from_numpy(array)

    @torch.inference_mode()
    def image(self, pixels):
        return self.model.get_image_features(pixels).pooler_output

    # Without a mask: what is padded stands behind the end token, where causal attention never looks.
    @torch.inference_mode()
    def text(self, ids):
        return self.model.get_text_features(ids).pooler_output

    def folder(self, paths, batch):
        features = []
        for start in range(0, len(paths), batch):
            pictures = [Image.open(path) for path in paths[start : start + batch]]
            features.append(self.image(self.processor(pictures, return_tensors="pt").pixel_values))
        return features


def arguments(parser):
    parser.add_argument("--pillow", action="store_true", help="prepare pictures by Pillow, not by torchvision")


if __name__ == "__main__":
    serve(Transformers, __doc__, arguments)
