"""EfficientNet-Lite0 in PyTorch, with the names of the published file, and a linear layer above the mean of its map.

The widths and depths are those of https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: a 3×3
convolution at stride 2, inverted residual blocks (arXiv:1801.04381) and a 1×1 convolution, with batch norm, ReLU6 and
TensorFlow's padding.
"""

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Blocks, channels, expansion, kernel size, stride of the first block.
STAGES = [(1, 16, 1, 3, 1), (2, 24, 6, 3, 2), (2, 40, 6, 5, 2), (3, 80, 6, 3, 2), (3, 112, 6, 5, 1), (4, 192, 6, 5, 2),
          (1, 320, 6, 3, 1)]  # fmt: skip
CHANNELS, HEAD, FEATURES = 32, 1280, 256
SIDE = 192
EPSILON = 1e-3


class Convolution(nn.Conv2d):
    """With as many zeros around as are needed, the odd one at the end (TensorFlow's `SAME`)."""

    def __init__(self, inputs, outputs, size=1, stride=1, groups=1):
        around = size // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, size, stride, around, groups=groups, bias=False)

    def forward(self, x):
        if self.stride[0] == 1:
            return super().forward(x)
        size, stride = self.kernel_size[0], self.stride[0]
        around = []
        for length in (x.shape[3], x.shape[2]):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            around += [total // 2, total - total // 2]
        return super().forward(F.pad(x, around))


class Block(nn.Module):
    def __init__(self, inputs, outputs, expansion, size, stride):
        super().__init__()
        hidden = inputs * expansion
        self.expands, self.has_skip = expansion > 1, inputs == outputs and stride == 1
        if self.expands:
            self._expand_conv, self._bn0 = Convolution(inputs, hidden), norm(hidden)
        self._depthwise_conv, self._bn1 = Convolution(hidden, hidden, size, stride, hidden), norm(hidden)
        self._project_conv, self._bn2 = Convolution(hidden, outputs), norm(outputs)

    def forward(self, x):
        hidden = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        hidden = F.relu6(self._bn1(self._depthwise_conv(hidden)))
        out = self._bn2(self._project_conv(hidden))
        return out + x if self.has_skip else out


class EfficientNet(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem, self._bn0 = Convolution(3, CHANNELS, 3, 2), norm(CHANNELS)
        blocks, width = [], CHANNELS
        for count, channels, expansion, size, stride in STAGES:
            for i in range(count):
                blocks.append(Block(width, channels, expansion, size, stride if i == 0 else 1))
                width = channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Convolution(width, HEAD), norm(HEAD)
        self._fc = nn.Linear(HEAD, FEATURES)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return self._fc(F.relu6(self._bn1(self._conv_head(x))).mean((2, 3)))


def norm(channels):
    # Without momentum the statistics are those of all that was seen.
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=None)


def with_random_weights(pixels, seed):
    """Batch norms have the statistics of these pixels, as those of a trained network do."""
    torch.manual_seed(seed)
    model = EfficientNet()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 1)
    with torch.no_grad():
        model.train()(pixels)
    return model.eval()


def load(path):
    """Ready to answer: the batch norms folded into the convolutions before them."""
    model = EfficientNet()
    model.load_state_dict(load_file(path))
    model.eval()
    fold(model, [("_conv_stem", "_bn0"), ("_conv_head", "_bn1")])
    for block in model._blocks:
        fold(block, [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")])
        if block.expands:
            fold(block, [("_expand_conv", "_bn0")])
    return model


def fold(module, pairs):
    for convolution, norm in pairs:
        setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
        setattr(module, norm, nn.Identity())
