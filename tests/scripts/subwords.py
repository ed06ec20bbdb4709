"""Small vocabularies in the manner of SigLIP's and SigLIP 2's, for the tests of clip-weights and clip-tokenizer.

    pip install sentencepiece protobuf transformers ftfy regex numpy
    python subwords.py [OUT]      (OUT: crates/clip-testkit/goldens/subwords)

Written with sentencepiece 0.2.3, protobuf 7.36, transformers 5.23, tokenizers 0.23. Trained by SentencePiece on lines of
`token_corpus.py` with the settings of the published ones: T5's (unigram, normalized by `nmt_nfkc`) and Gemma's (byte
pairs, bytes for the rest, single digits, spaces kept). Each folder holds the files as transformers writes them, the
larger ones packed by gzip, and `vocabulary`, what a checkpoint carries of them (`pack`):

    t5/spiece.model, tokenizer_config.json          of SiglipTokenizer
    gemma/tokenizer.json, tokenizer_config.json     of Siglip2Tokenizer
    gemma/tokenizer.model                           what that was made from
"""

import argparse
import gzip
import io
import json
import struct
import tempfile
from pathlib import Path

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from token_corpus import groups, line
from transformers import Siglip2Tokenizer, SiglipTokenizer

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/clip-testkit/goldens/subwords"
LINES = 20_000
TOKENS = 2_000

# Gemma's kinds of tokens that a text spells out, a few of each.
SPELLED = ["<mask>", *("\n" * n for n in range(1, 8)), *("▁" * n for n in range(2, 8)), "<table>", "</table>", "<b>"]

SETTINGS = {
    "t5": {"model_type": "unigram", "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "gemma": {
        "model_type": "bpe",
        "pad_id": 0,
        "eos_id": 1,
        "bos_id": 2,
        "unk_id": 3,
        "eos_piece": "<eos>",
        "bos_piece": "<bos>",
        "byte_fallback": True,
        "split_digits": True,
        "allow_whitespace_only_pieces": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "control_symbols": ["<start_of_turn>", "<end_of_turn>"],
        "user_defined_symbols": SPELLED,
    },
}


def train(name):
    """A model of SentencePiece's."""
    model = io.BytesIO()
    fragments = groups()
    lines = (line(fragments, number) for number in range(LINES))
    rows = [row for text in lines for row in text.split("\n") if row.strip()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(rows),
        model_writer=model,
        vocab_size=TOKENS,
        # Some characters stay without a token.
        character_coverage=0.98,
        num_threads=1,
        minloglevel=2,
        **SETTINGS[name],
    )
    return model.getvalue()


def number(value):
    """LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def text(value):
    encoded = value.encode()
    return number(len(encoded)) + encoded


def listed(items):
    items = list(items)
    return number(len(items)) + b"".join(items)


def pack(tokens, spelled, model):
    """A vocabulary as clip-checkpoint has it (`src/subwords`)."""
    kind = 0 if "scores" in model else 1
    head = bytes([1, kind]) + listed(map(text, tokens)) + listed(number(id) + text(token) for id, token in spelled)
    if kind == 1:
        return head + listed(b"".join(map(number, merge)) for merge in model["merges"])
    size = struct.unpack_from("<I", model["charsmap"])[0]
    units, replacements = model["charsmap"][4 : 4 + size], model["charsmap"][4 + size :]
    reserved = listed(map(number, model["reserved"]))
    scores = struct.pack(f"<{len(tokens)}d", *model["scores"])
    return head + number(model["unknown"]) + reserved + scores + number(size // 4) + units + text(replacements.decode())


def pack_pieces(model, spelled):
    """A unigram model of SentencePiece's."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    assert proto.trainer_spec.model_type == 1
    pieces = proto.pieces
    fields = {
        "scores": [piece.score for piece in pieces],
        "unknown": proto.trainer_spec.unk_id,
        "reserved": [id for id, piece in enumerate(pieces) if piece.type in (2, 3)],
        "charsmap": proto.normalizer_spec.precompiled_charsmap,
    }
    return pack([piece.piece for piece in pieces], spelled, fields)


def pack_merges(document):
    """A tokenizer.json with byte pairs."""
    ids = document["model"]["vocab"]
    merges = [(ids[left], ids[right], ids[left + right]) for left, right in document["model"]["merges"]]
    spelled = [(token["id"], token["content"]) for token in document["added_tokens"]]
    return pack(sorted(ids, key=ids.get), spelled, {"merges": merges})


def write(path, contents):
    """Packed, and the same bytes each time."""
    packed = gzip.compress(contents, 9, mtime=0)
    path.write_bytes(packed)
    print(f"{path}: {len(packed)} bytes, {len(contents)} unpacked")


def t5(folder, out):
    model = train("t5")
    (folder / "spiece.model").write_bytes(model)
    tokenizer = SiglipTokenizer(vocab_file=str(folder / "spiece.model"))
    tokenizer.save_pretrained(folder / "saved")
    spelled = sorted((id, token.content) for id, token in tokenizer.added_tokens_decoder.items())
    (out / "tokenizer_config.json").write_text((folder / "saved/tokenizer_config.json").read_text())
    write(out / "spiece.model.gz", model)
    write(out / "vocabulary.gz", pack_pieces(model, spelled))


def gemma(folder, out):
    model = train("gemma")
    (folder / "source").mkdir()
    (folder / "source/tokenizer.model").write_bytes(model)
    settings = {"add_bos_token": False, "add_eos_token": True, "padding_side": "right", "model_max_length": 64}
    tokenizer = Siglip2Tokenizer.from_pretrained(folder / "source", **settings)
    tokenizer.save_pretrained(folder / "saved")
    document = (folder / "saved/tokenizer.json").read_bytes()
    settings = json.loads((folder / "saved/tokenizer_config.json").read_text())
    # Where the files lay.
    settings.pop("vocab_file")
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
    write(out / "tokenizer.model.gz", model)
    write(out / "tokenizer.json.gz", document)
    write(out / "vocabulary.gz", pack_merges(json.loads(document)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    arguments = parser.parse_args()
    print(f"sentencepiece {sentencepiece.__version__}, transformers {transformers.__version__}")
    for name, make in {"t5": t5, "gemma": gemma}.items():
        out = arguments.out / name
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), out)


if __name__ == "__main__":
    main()
