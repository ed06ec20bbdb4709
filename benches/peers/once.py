"""One process of transformers from its start to the answer, for `launch.py`.

    python once.py text FOLDER         the whole model, one text
    python once.py text-half FOLDER    the text tower alone, one text
    python once.py pictures FOLDER     all of the jpegs/ beside the folder in batches of 32
"""

import os
import sys
from pathlib import Path

import torch

BATCH = 32


def text(folder, kind):
    from transformers import CLIPTokenizer

    model = kind.from_pretrained(folder / "hf", dtype=torch.float32).eval()
    ids = CLIPTokenizer.from_pretrained(folder / "hf")(["a dog on a beach"], return_tensors="pt").input_ids
    with torch.inference_mode():
        if hasattr(model, "get_text_features"):
            return model.get_text_features(ids).pooler_output
        return model(ids).text_embeds


def pictures(folder):
    from PIL import Image
    from transformers import CLIPImageProcessor, CLIPModel

    model = CLIPModel.from_pretrained(folder / "hf", dtype=torch.float32).eval()
    processor = CLIPImageProcessor.from_pretrained(folder / "hf")
    paths = sorted((folder.parent / "jpegs").iterdir())
    features = []
    for start in range(0, len(paths), BATCH):
        part = [Image.open(path) for path in paths[start : start + BATCH]]
        with torch.inference_mode():
            pixels = processor(part, return_tensors="pt").pixel_values
            features.append(model.get_image_features(pixels).pooler_output)
    return torch.cat(features)


def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if what == "pictures":
        vectors = pictures(folder)
    else:
        from transformers import CLIPModel, CLIPTextModelWithProjection

        vectors = text(folder, CLIPModel if what == "text" else CLIPTextModelWithProjection)
    print(vectors[0, :4].tolist())


if __name__ == "__main__":
    main()
