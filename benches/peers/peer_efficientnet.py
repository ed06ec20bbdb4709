"""EfficientNet-Lite0 on PyTorch, channels last, f32 or bf16, as it comes or compiled."""

import efficientnet
import torch
from protocol import Peer, serve


class EfficientNet(Peer):
    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        self.dtype = torch.bfloat16 if arguments.bf16 else torch.float32
        model = efficientnet.load(arguments.folder / "model.safetensors")
        self.model = model.to(self.dtype, memory_format=torch.channels_last)
        if arguments.compile:
            from torch._inductor import config

            # Weights are laid out once, as PyTorch's guide for inference on CPUs has it.
            config.freezing = True
            self.model = torch.compile(self.model)

    def ready(self, array):
        return torch.from_numpy(array).to(self.dtype, memory_format=torch.channels_last)

    @torch.inference_mode()
    def image(self, pixels):
        return self.model(pixels).float()


def arguments(parser):
    parser.add_argument("--bf16", action="store_true", help="weights and activations in bf16")
    parser.add_argument("--compile", action="store_true", help="torch.compile with its own backend")


if __name__ == "__main__":
    serve(EfficientNet, __doc__, arguments)
