"""Merges chosen for a few texts, and token ids with them by the references, for the tests of clip-tokenizer.

    python own_merges.py [OUT]     (OUT: crates/clip-tokenizer/tests/data/own-merges.json)

Written with transformers 5.23, tokenizers 0.23, open-clip-torch 3.3, ftfy 6.3, regex 2026.11
(`pip install torch transformers ftfy regex; pip install --no-deps open-clip-torch`).

The merges are chosen as `choose_vocabulary` does it, by counting anew for each merge. `open-clip` are the ids of
OpenCLIP's `SimpleTokenizer` with a file of these merges, `hf` those of transformers' `CLIPTokenizer`; with start and end
token, not cut and not padded.
"""

import argparse
import collections
import gzip
import json
import tempfile
from pathlib import Path

import open_clip.tokenizer
import regex
import transformers
from token_ids import texts
from transformers import CLIPTokenizer

ROOT = Path(__file__).resolve().parents[2]
MERGES = ROOT / "crates/clip-tokenizer/assets/bpe_simple_vocab_16e6.txt.gz"

# Texts with whole weights.
TEXTS = [
    ("a photo of a giraffe", 40),
    ("a kingfisher", 7),
    ("a windmill", 6),
    ("the windmills", 2),
    ("ein Schmetterling", 9),
    ("zwei Schmetterlinge", 4),
    ("une chauve-souris", 5),
    ("el murciélago", 5),
    ("の蝶", 3),
    ("a dog's bowl", 12),
    ("10 dogs!", 1),
]
COUNT = 96
LINES = 5


def clip_merges():
    lines = gzip.open(MERGES, "rt", encoding="utf-8").read().split("\n")
    return [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]


def words():
    """The words of the texts as byte symbols, with their weights."""
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    weights = collections.Counter()
    for text, weight in TEXTS:
        for word in regex.findall(tokenizer.pat, text.lower()):
            symbols = [tokenizer.byte_encoder[byte] for byte in word.encode()]
            weights[(*symbols[:-1], symbols[-1] + "</w>")] += weight
    return weights


def merged(word, pair):
    out = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1:] = [("done", out[-1] + symbol)]
        else:
            out.append(symbol)
    return tuple(symbol[1] if isinstance(symbol, tuple) else symbol for symbol in out)


def choose():
    merges = clip_merges()
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    bytes_ = sorted(open_clip.tokenizer.bytes_to_unicode().values())
    tokens = [*bytes_, *(byte + "</w>" for byte in bytes_), *("".join(pair) for pair in merges)]
    ids = {token: id for id, token in enumerate(tokens)}
    usage = collections.Counter()
    spelled = []
    for word, weight in words().items():
        while True:
            known = [pair for pair in zip(word, word[1:]) if pair in ranks]
            if not known:
                break
            pair = min(known, key=ranks.get)
            usage[pair] += weight
            word = merged(word, pair)
        spelled.append((word, weight))
    for _ in range(COUNT):
        pairs = collections.Counter()
        for word, weight in spelled:
            for pair in zip(word, word[1:]):
                if "".join(pair) not in ids:
                    pairs[pair] += weight
        if not pairs:
            break
        pair = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        usage[pair] = sum(weight for word, weight in spelled if pair in list(zip(word, word[1:])))
        ids["".join(pair)] = len(ids)
        merges.append(pair)
        spelled = [(merged(word, pair), weight) for word, weight in spelled]
    order = sorted(range(len(merges)), key=lambda place: (-usage[merges[place]], place))
    learned = sum(place >= len(ranks) for place in order[:COUNT])
    return [merges[place] for place in sorted(order[:COUNT])], learned


def references(merges):
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
        # The reference splits at the ends of lines: one after the last would be a merge of nothing.
        Path(file.name).write_bytes(gzip.compress("\n".join(lines).encode()))
        simple = open_clip.tokenizer.SimpleTokenizer(file.name)
    start, end = simple.all_special_ids
    vocabulary = {token: id for token, id in simple.encoder.items() if id < start}
    vocabulary |= {"<|startoftext|>": start, "<|endoftext|>": end}
    hf = CLIPTokenizer(vocab=vocabulary, merges=merges)
    return {"open-clip": lambda text: [start, *simple.encode(text), end], "hf": lambda text: hf(text)["input_ids"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "crates/clip-tokenizer/tests/data/own-merges.json")
    arguments = parser.parse_args()
    print(f"transformers {transformers.__version__}, open-clip {open_clip.__version__}")
    merges, learned = choose()
    lines = [text for text, _ in TEXTS] + [text for text in texts()[::LINES] if len(text) < 80]
    rows = [{"text": text} | {mode: encode(text) for mode, encode in references(merges).items()} for text in lines]
    parts = [
        f'"texts": {json.dumps(TEXTS)}',
        f'"merges": {json.dumps(merges)}',
        '"lines": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]",
    ]
    arguments.out.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(f"{arguments.out}: {len(merges)} merges, {learned} of them learned, {len(rows)} lines")


if __name__ == "__main__":
    main()
