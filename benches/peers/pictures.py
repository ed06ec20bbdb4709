"""A picture file to pixels by Pillow and numpy alone: CLIP's resize, crop and normalization."""

import numpy as np
from PIL import Image

SIDE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def pixels_of(path):
    """[3, S, S]: the shortest side to S by the bicubic filter, the center of it."""
    picture = Image.open(path).convert("RGB")
    scale = SIDE / min(picture.size)
    width, height = (max(SIDE, int(side * scale)) for side in picture.size)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    values = np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)), np.float32) / 255
    return np.ascontiguousarray(((values - MEAN) / DEVIATION).transpose(2, 0, 1))
