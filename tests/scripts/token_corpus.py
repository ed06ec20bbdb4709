"""Hashes of token ids by the references over a large generated corpus, for the tests of clip-tokenizer.

    pip install ftfy regex numpy transformers sentencepiece protobuf
    pip install --no-deps --target PACKAGES open-clip-torch openai-clip
    python token_corpus.py PACKAGES [OUT]              (OUT: crates/clip-tokenizer/tests/data/corpus.json)
    python token_corpus.py PACKAGES --show MODE BLOCK  prints the lines of a block with the reference's ids

Written with ftfy 6.3.1, regex 2026.11, transformers 5.23, tokenizers 0.23, sentencepiece 0.2.3, open-clip-torch 3.3.0,
openai-clip 1.0.1 and the Unicode tables of Python 3.11. PyTorch is not needed: of the last two packages one file each is
loaded.

The references are OpenAI's `clip/simple_tokenizer.py` (`openai`), `SimpleTokenizer` of `open_clip/tokenizer.py`
(`open-clip`) and transformers' CLIPTokenizer with OpenAI's vocabulary (`hf`); with the vocabularies of `subwords.py`
transformers' SiglipTokenizer (`hf-siglip`), Siglip2Tokenizer (`hf-siglip2`), and T5Tokenizer and GemmaTokenizer after
OpenCLIP's `canonicalize` (`open-clip-t5`, `open-clip-gemma`), as its HFTokenizer calls them.

Lines are made from the fragments in the file by the rule in `line`, here and in tests/corpus.rs; both draw from
SplitMix64 with the number of the line as its seed. The file holds

    groups    lists of fragments
    glues     what is put between fragments
    lines     how many lines there are
    crc32     for each mode the CRC-32 of each block of 100 lines, of 32-bit little-endian numbers: for each line how
              many ids it has, the ids (start and end token included), and the ids cut and padded to 77, with the
              vocabularies of `subwords.py` to 64
"""

import argparse
import gzip
import importlib.util
import json
import re
import struct
import sys
import tempfile
import types
import unicodedata
import zlib
from pathlib import Path

import ftfy
import ftfy.bad_codecs
import numpy
import regex
import transformers
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.chardata import CHARMAP_ENCODINGS
from transformers import CLIPTokenizer, GemmaTokenizer, Siglip2Tokenizer, SiglipTokenizer, T5Tokenizer

ROOT = Path(__file__).resolve().parents[2]
LINES = 100_000
BLOCK = 100
CONTEXT = 77
SUBWORDS = ROOT / "crates/clip-testkit/goldens/subwords"
SUBWORD_CONTEXT = 64

GLUES = [" ", "", " ", "", ", ", "\n", "-", "\u00a0"]

WORDS = """\
a photo of a dog
The quick brown fox
A PICTURE OF A CAT
iPhone 15 Pro Max
it's
I'm
you're
we've
they'll
he'd
DON'T
'tis the season
rock 'n' roll
the dogs' bowls
y'all'd've
''s
it'ſ
someone@example.com
https://example.com/a?b=c&d=e#f
C:\\Users\\me\\dog.jpg
$9.99 + 5% = ?
(a) [b] {c}
a < b > c
!!! ??? ... ___ ***
snake_case camelCase
~`!@#$%^&*()_+-={}|[]\\:";'<>?,./
:-) <3 ^_^ (╯°□°)╯︵ ┻━┻
.
I""".split("\n")

NUMBERS = """\
1234567890
3.14
2024-01-31
½ ¼ ¾
² ³ ¹
№5
Ⅷ ⅷ ↁ
①②③ ⑴ ⒈
٣٤٥
๑๒๓
१२३
一二三 〇
𝟙𝟚𝟛
௧௰
1st 2nd
50mm f/1.8
10×10 5÷2 ±3""".split("\n")

SCRIPTS = """\
café naïve résumé Zürich façade
ÜBER ÅNGSTRÖM ÉCOLE À LA CARTE
Ein großer Hund läuft
Le chien mange une crêpe à l'œuf
¿verdad? ¡sí! El niño
SÃO PAULO, CORAÇÃO, AMANHÃ
Příliš žluťoučký kůň
Zażółć gęślą jaźń
Một con chó đang chạy
Đặng Văn
ąčęėįšųūž
Ģirts Ķēniņš
собака бежит по снегу
Їжак п'є молоко
Ђурђевдан
ένας σκύλος στο χιόνι
Ὀδυσσεύς ᾳ ᾼ
שלום עולם
שָׁלוֹם
كلب يركض في الثلج
اَلْعَرَبِيَّةُ
سگ در برف
कुत्ता बर्फ में
একটি কুকুর
நாய் பனியில்
కుక్క
หมาวิ่งเล่นบนหิมะ
ຫມາ
ខ្ញុំ
ငါ့ခွေး
ძაღლი
Շուն և
ውሻ
一只狗在雪地里奔跑
雪の中を走る犬
カタカナ ひらがな ー々
눈 속을 달리는 개
한국어
𠀀𠀁 𪚥
ᚠᚢᚦ
𐐀𐐨""".split("\n")

CASES = """\
STRASSE ẞ ß
İstanbul Iğdır ı i
DİYARBAKIR
ǅ Ǆ ǆ ǲ
ΟΔΥΣΣΕΥΣ
ΑΣ. ΑΣΑ ΑΣ' ΑΣ\u0301
Σ
ſs ﬅ
ŉ ǰ ΐ
Å K Ω
ᲫᲐᲦᲚᲘ
Ꭰ ꭰ
Ⓐ ⓐ
𝓱 𝔴
µ μ
ὈΔΎΣ ᾼ""".split("\n")

COMBINING = [
    "e\u0301", "A\u030a", "q\u0307\u0323", "\u1112\u1161\u11ab", "\u0301", "h\u0335\u0321e\u0334\u0322l",
    "\u0344 \u0340 \u0341", "\u2126 \u212a \u212b", "\uf900 \ufa0e", "\u0958 \u095c", "\ufb1d \ufb2a", "i\u0307 I\u0307",
    "\u0d46\u0d3e", "\u0e01\u0e33\u0e49", "\u05e9\u05c1\u05b8", "\u0627\u0653", "\u20d2", "\u1fbc\u0301", "\u0345", "\U0002f800", "\u3099 か\u3099",
]

EMOJI = """\
😀😂
🐶 🐱🐭
👍 👍🏽 👍🏿
👩‍💻
👨‍👩‍👧‍👦
🏳️‍🌈
❤ ❤️ ☀️
🇫🇷🇯🇵 🇺🇸
1️⃣ #️⃣
🏴󠁧󠁢󠁥󠁮󠁧󠁿
©️ ® ™
♠♥ ♔ ☎
→ ⇒ ∞ ∑ √ ≤ ≠
█▓▒░ ─│┌┐ ═╬
𝄞 🂡""".split("\n")

TYPOGRAPHY = """\
“curly” ‘single’
„low” ‚quick‛ „brown‟
«guillemets» ‹single›
don’t
itʼs
5′ 10″ ´a´
en–dash em—dash ― − …
• · ‣
ﬁne ﬂuﬀy oﬃce ﬄ ﬆ
ĳ Ĳ ŉ
ﬓ ﷺ
Ｆｕｌｌ　Ｗｉｄｔｈ
１２３！？（～）
ｶﾀｶﾅ ﾊﾟﾝ ﾊﾞｽ
ﾡﾢￂ
￥￡￦￩￭
€5 £6 ¢7 ¥8
30 °C à 5 €
§ 5 ¶ 6 ©2024 ®
§5 ° º ª""".split("\n")

ENTITIES = """\
salt &amp; pepper
&amp;amp;
&amp;amp;amp;amp;
&amp;amp;amp;amp;amp;amp;
&lt;b&gt;
<b>bold</b>
&#39;
&#x27;
&#X27
&#38;#39;
&#38;#38;amp;
&quot;a&apos;
&eacute
&eacute;
&EACUTE;
&Eacute;
&NTILDE;
&SZLIG;
&GTCC;
&AMP;
&AMPLE;
&COPY;
&HELLIP;
&nbsp;
&copy 2024
&hellip;
&notit;
&notin;
&notinva
&not
&#8217;
&#146;
&#128
&#133;
&#0;
&#1;
&#11;
&#13;
&#28;
&#129;
&#160;
&#xD800;
&#xD83D;&#xDC36;
&#x110000;
&#99999999999;
&#xfffe;
&#xfdd0;
&#128054;
&#x1f436
&#59;
&#
&;
& R&D
&amp
&ampdog
&lang;
&fjlig;
&nGt;
&CounterClockwiseContourIntegral;
&NoSuchEntity;
&Atilde;&copy;
&Acirc;&pound;
&Tab;
&NewLine;
&ZeroWidthSpace;
&zwj;
&#x202e;
&lt;|endoftext|&gt;
&iuml;&raquo;&iquest;""".split("\n")

CONTROLS = [
    "", " ", "  ", "\t", "\n", "\r", "\r\n", "\u000b", "\u000c", "\u0085", "\u2028", "\u2029", "\u00a0", "\u1680", "\u2009",
    "\u3000", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u202a", "\u202c", "\u061c", "\u180e", "\u2800",
    "\u3164", "\u0000", "\u0007", "\u0008", "\u001a", "\u001b", "\u001c", "\u001f", "\u007f", "\u0081", "\u008d", "\u0093q\u0094",
    "\ufffc", "\ufff9a\ufffab\ufffb", "\ufffd", "\ue000", "\uf8ff", "\u0378", "\u206a", "\U000e0001", "\U0010ffff", "\ufdd0",
    "\u001b[31mred\u001b[0m", "\u001b[1;32m", "\u001b[m", "\u001b[2J", "\u001b]0;t\u0007", "\u001b[\u0663m", "a\nb\r\nc\rd",
]

SPECIAL = """\
<|startoftext|>
<|endoftext|>
<|ENDOFTEXT|>
<|endoftext
|endoftext|>
< |endoftext| >
<start_of_text>
<end_of_text>
<End_Of_Text>
<ſtart_of_text>
<|ſtartoftext|>
<end_of_text
</w>
dog</w>
[CLS] <s> <pad>
<pad>
</s>
a cat</s>
</S> <EOS>
<unk>
＜/s＞ ﹤unk﹥ ﹤/s﹥
<eos>
<bos>
<start_of_turn>
<table>
<0x41>
▁
▁▁▁
▁a dog▁
_under_score_""".split("\n") + ["\n\n", "\n\n\n\n", "b\n\n<eos>\nc"]

LONG = [
    "a" * 300, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "1" * 90, "!" * 150, "犬" * 60, "🐶" * 40, "e\u0301" * 50, "photograph-" * 30, "cat " * 90, "\u0430" * 100,
    "&amp;" * 40, "Ã©" * 60,
]

# Broken in each encoding that ftfy knows. No euro sign: read as ISO 8859-2 and then as Windows-1250 it becomes U+208F,
# which is a letter since a Unicode later than ours.
TO_BREAK = """\
it’s a dog’s life
“quoted” ‘single’
dash – and — here…
café naïve
à Paris voilà
Æble Ørsted Åse
üöä ß ÜÖÄ
piñata ¿qué?
Příliš žluťoučký
Zażółć gęślą
Ģirts šūnas ėį
Việt Nam đẹp
İstanbul ğış
привет мир
Їжак ћирилица
αβγ Ελλάδα
שלום
مرحبا
नमस्ते
ไทย
日本語 中文
한국어
🐶😀 ❤️
£6 ©2024 ®™
30°C ½ ² ×3
√∞≤≠ ═║█
\ufeffbom
non\u00a0breaking
ﬁ ﬂ""".split("\n")

BROKEN = [
    "The Mona Lisa doesn√¢‚Ç¨‚Ñ¢t have eyebrows.",
    "Ã", "Ã la mode", "Ã quele Ã s Ã ", "fÃ cil", "Â", "Â£5", "nonÂ breaking", "â€", "â€œ", "â€\u009d", "â€?", "Ã?", "ï¿½", "â€\ufffd",
    "Å Ã³Å", "Ð Ð¾ÑÑÐ¸Ñ", "à¸\u00a0à¸²", "ðŸ˜€", "ð Ÿ˜€", "í\u00a0½í°¶", "í ½í°¶", "í\u00a0½í°", "À\u0080", "À", "À\n", "í\u00a0½í°\n",
    "ā€", "вЂ™", "β€™", "œ", "œ ", "×²", "ØªÙ", "Ø£ÙŠÙ†", "ГўВЂВ™s", "ГўВЂВ\ns", "ÂÂÂ", "ÃƒÂ©", "Ãƒâ€šÃ‚Â£", "Ã©Ã¨Ãª", "ÃÂ", "É°", "É”",
    "cafÃ© “café”", "l’Ã©tÃ©", "â„¢", "Ä‚Å‚", "â”€â”‚", "├®├⌐", "ΓÇÖ", "‚Äô", "‚Äú", "√©", "√†", "Р¶", "Ð¶", "Î¼", "×©", "Ù…",
    "[(°ロ°)]", "(ง'̀-'́)ง", "¯\\_(ツ)_/¯", "ã\u0083\u0084", "╔═╗ü", "│à", "™€", "®«", "½«", "aÀ€", "é®x", "é“x", "é“ x",
]


def broken(encoding, text):
    """UTF-8 read in another encoding; unassigned bytes of the sloppy ones stay Latin-1's."""
    return text.encode("utf-8").decode(encoding, "replace")


def cesu8(text):
    """UTF-8 of UTF-16's surrogates."""
    pairs = text.encode("utf-16-be")
    units = struct.unpack(f">{len(pairs) // 2}H", pairs)
    return "".join(map(chr, units)).encode("utf-8", "surrogatepass")


def groups():
    """Every list of fragments."""
    letters = {c for name in CHARMAP_ENCODINGS for c in bytes(range(0x80, 0x100)).decode(name)}
    letters |= set(re.sub("(.)-(.)", r"\1\2", "".join(MOJIBAKE_CATEGORIES.values())))
    letters |= set("aZ ?.'-1~A\n\u001a\ufffd")
    mojibake = [[broken(name, text) for text in TO_BREAK] for name in CHARMAP_ENCODINGS]
    first, second = TO_BREAK[:12:2], ["sloppy-windows-1252", "macroman", "sloppy-windows-1251", "latin-1"]
    twice = [broken(b, broken(a, text)) for a in second for b in second for text in first]
    twice += [broken("sloppy-windows-1252", text) for text in twice[:6]]
    lossy = [text.encode("sloppy-windows-1252").decode("windows-1252", "replace") for text in mojibake[1]]
    spaced = [text.replace("\u00a0", " ") for row in mojibake[:5] for text in row if "\u00a0" in text]
    cesu = [cesu8(text).decode(name) for text in ("🐶", "a😀b", "𠀀𝄞") for name in ("latin-1", "sloppy-windows-1252")]
    every = [
        WORDS, NUMBERS, SCRIPTS, CASES, COMBINING, EMOJI, TYPOGRAPHY, ENTITIES, CONTROLS, SPECIAL, LONG,
        sorted(letters), BROKEN, twice, lossy + spaced + cesu, *mojibake,
    ]
    return [list(dict.fromkeys(group)) for group in every]


class Random:
    """SplitMix64, as clip-testkit's `Random`."""

    def __init__(self, seed):
        self.state = seed

    def below(self, count):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return (z ^ (z >> 31)) % count


def line(groups, number):
    """One line of the corpus: every fragment alone, then some fragments of one to three groups."""
    for group in groups:
        if number < len(group):
            return group[number]
        number -= len(group)
    random = Random(number)
    chosen = [groups[random.below(len(groups))] for _ in range(1 + random.below(3))]
    glue = GLUES[random.below(len(GLUES))]
    count = 1 + random.below(6)
    # Some are longer than the context.
    if random.below(32) == 0:
        count *= 8
    pieces = []
    for _ in range(count):
        group = chosen[random.below(len(chosen))]
        pieces.append(group[random.below(len(group))])
    return glue.join(pieces)


def load(path, modules):
    """One file of a package, without the package; `modules` stand in for what it imports in vain."""
    sys.modules |= modules
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(ids, end, pad):
    """Cut to the context with the end token kept, and padded, as `clip.tokenize` with `truncate=True`."""
    cut = ids if len(ids) <= CONTEXT else [*ids[: CONTEXT - 1], end]
    return cut + [pad] * (CONTEXT - len(cut))


def openai(packages):
    tokenizer = load(packages / "clip/simple_tokenizer.py", {}).SimpleTokenizer()
    start, end = tokenizer.encoder["<|startoftext|>"], tokenizer.encoder["<|endoftext|>"]

    def encode(text):
        ids = [start, *tokenizer.encode(text), end]
        return ids, row(ids, end, 0)

    return encode


def open_clip(packages):
    """`SimpleTokenizer` asks PyTorch for a matrix of zeros; numpy's does."""
    torch = types.ModuleType("torch")
    torch.zeros = lambda *shape, dtype: numpy.zeros(shape, dtype)
    torch.tensor, torch.long, torch.Tensor, torch.LongTensor = numpy.array, numpy.int64, numpy.ndarray, numpy.ndarray
    module = load(packages / "open_clip/tokenizer.py", {"torch": torch})
    tokenizer = module.SimpleTokenizer()
    # OpenAI collapses `\s+`, OpenCLIP `str.split`: they disagree only on what ftfy removes before.
    differ = {c for c in map(chr, range(0x110000)) if c.isspace() != bool(regex.fullmatch(r"\s", c))}
    assert differ <= set(map(chr, ftfy.chardata.CONTROL_CHARS)), differ

    def encode(text):
        ids = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
        return ids, tokenizer(text)[0].tolist()

    return encode


def hf(packages):
    """OpenAI's vocabulary and merges are what the repositories with `vocab.json` and `merges.txt` hold."""
    own = load(packages / "clip/simple_tokenizer.py", {}).SimpleTokenizer()
    merges = sorted(own.bpe_ranks, key=own.bpe_ranks.get)
    tokenizer = CLIPTokenizer(vocab=own.encoder, merges=merges)
    end = own.encoder["<|endoftext|>"]

    def encode(text):
        ids = tokenizer(text)["input_ids"]
        cut = tokenizer(text, truncation=True, max_length=CONTEXT, padding="max_length")["input_ids"]
        assert cut == row(ids, end, end), text
        return ids, cut

    return encode


def subwords(tokenizer_class, name, clean=lambda text: text, **settings):
    """A tokenizer of transformers with a vocabulary of `subwords.py`."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (SUBWORDS / name).iterdir():
            contents = path.read_bytes()
            packed = path.suffix == ".gz"
            (Path(folder) / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(contents) if packed else contents)
        tokenizer = tokenizer_class.from_pretrained(folder, **settings)
    assert tokenizer.padding_side == "right"

    def encode(text):
        text = clean(text)
        cut = tokenizer(text, max_length=SUBWORD_CONTEXT, padding="max_length", truncation=True)
        return tokenizer(text)["input_ids"], cut["input_ids"]

    return encode


def canonicalize(packages):
    torch = types.ModuleType("torch")
    torch.Tensor = torch.LongTensor = numpy.ndarray
    return load(packages / "open_clip/tokenizer.py", {"torch": torch}).get_clean_fn("canonicalize")


MODES = {
    "openai": openai,
    "open-clip": open_clip,
    "hf": hf,
    "hf-siglip": lambda _: subwords(SiglipTokenizer, "t5"),
    "hf-siglip2": lambda _: subwords(Siglip2Tokenizer, "gemma"),
    "open-clip-t5": lambda packages: subwords(T5Tokenizer, "t5", canonicalize(packages), extra_ids=0),
    "open-clip-gemma": lambda packages: subwords(GemmaTokenizer, "gemma", canonicalize(packages)),
}


def crc32(encode, texts):
    crc = 0
    for text in texts:
        ids, cut = encode(text)
        crc = zlib.crc32(struct.pack(f"<{1 + len(ids) + len(cut)}I", len(ids), *ids, *cut), crc)
    return f"{crc:08x}"


def readable(value):
    """JSON with what shows as it is, and the rest escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def write(path, packages, fragments):
    blocks = {}
    for mode, reference in MODES.items():
        encode = reference(packages)
        blocks[mode] = [
            crc32(encode, (line(fragments, number) for number in range(first, first + BLOCK)))
            for first in range(0, LINES, BLOCK)
        ]
        print(f"{mode}: {LINES} lines in {len(blocks[mode])} blocks")
    groups = ",\n".join(readable(group) for group in fragments)
    hashes = ",\n".join(f'"{mode}": {json.dumps(" ".join(crcs))}' for mode, crcs in blocks.items())
    head = f'"lines": {LINES},\n"glues": {readable(GLUES)}'
    path.write_text(f'{{\n{head},\n"groups": [\n{groups}\n],\n"crc32": {{\n{hashes}\n}}\n}}\n', "utf-8")
    print(f"{path}: {sum(map(len, fragments))} fragments, {path.stat().st_size} bytes")


def show(mode, block, packages, fragments):
    encode = MODES[mode](packages)
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        text = line(fragments, number)
        print(json.dumps([text, encode(text)[0]]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "crates/clip-tokenizer/tests/data/corpus.json")
    parser.add_argument("--show", nargs=2, metavar=("MODE", "BLOCK"))
    arguments = parser.parse_args()
    if arguments.show:
        mode, block = arguments.show
        return show(mode, int(block), arguments.packages, groups())
    print(f"ftfy {ftfy.__version__}, regex {regex.__version__}, transformers {transformers.__version__}")
    print(f"Unicode {unicodedata.unidata_version}")
    write(arguments.out, arguments.packages, groups())


if __name__ == "__main__":
    main()
