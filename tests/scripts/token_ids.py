"""Token ids by the references, for the tests of clip-tokenizer.

    python token_ids.py CHECKPOINT [OUT]     (OUT: crates/clip-tokenizer/tests/data)

CHECKPOINT is a CLIP in Hugging Face layout (its vocab.json and merges.txt). Written with transformers
5.23, tokenizers 0.23, open-clip-torch 3.3, ftfy 6.3, regex 2026.11
(`pip install torch transformers ftfy regex; pip install --no-deps open-clip-torch`).

hf.json: transformers' CLIPTokenizer. openai.json: OpenAI's algorithm, as open_clip carries it
(`SimpleTokenizer`, clean="lower") with OpenAI's own names of the special tokens put back.
Each is an array of `{"text", "ids"}`, one a line; ids with start and end token, not cut and not padded.
"""

import argparse
import json
import random
from pathlib import Path

import ftfy
import open_clip.tokenizer
import regex
import transformers
from transformers import CLIPTokenizer

ROOT = Path(__file__).resolve().parents[2]

PLAIN = """\
a picture of a dog
a photo of a cat, sitting on a red sofa
A Photo Of A CAT
two dogs playing in the snow; one is black, the other white
sunset over the sea
the quick brown fox jumps over the lazy dog
Supercalifragilisticexpialidocious
pneumonoultramicroscopicsilicovolcanoconiosis
antidisestablishmentarianism floccinaucinihilipilification
iPhone 15 Pro Max
e-mail: someone@example.com
https://example.com/a/b?c=d&e=f#g
C:\\Users\\me\\Pictures\\dog.jpg
./samples/dog.jpg
#nofilter #catsofinstagram @friend
$9.99 + 5% = ?
(a) [b] {c} <d>
!!! ??? ... --- ___ ***
:-) :( ;-P <3 ^_^ (╯°□°)╯︵ ┻━┻
a_b_c snake_case camelCase PascalCase
x = y ** 2 / 3; // comment
~`!@#$%^&*()_+-={}|[]\\:";'<>?,./
a"b'c
-
.
a
I
1
1234567890
3.14159
1,000,000
007
2024-01-31
12:30pm
1st 2nd 3rd
v2.0.1-beta
½ ¼ ¾ ² ³ ¹ №5 Ⅷ ①②③
one1two2three3
50mm f/1.8 ISO100
4k 8K 1080p""".split("\n")

CONTRACTIONS = """\
it's a dog's life
I'm you're we've they'll he'd don't
I'M YOU'RE WE'VE THEY'LL HE'D DON'T IT'S
'tis the season
rock 'n' roll
the dogs' bowls
'quoted' and ''double''
o'clock O'Neill
y'all'd've
's 't 're 've 'm 'll 'd
it's it’s it‘s itʼs it`s
!'s ?'t -'re
cat'sdog
''s
it'ſ
'S'T'RE""".split("\n")

WHITE_SPACE = [
    "",
    " ",
    "\t\n\r ",
    "  leading and trailing  ",
    "many     spaces",
    "tab\tand\nnewline\r\nand return\rend",
    "one\n\ntwo\n\n\nthree",
    "no-break\u00a0space",
    "thin\u2009en\u2002em\u2003ideographic\u3000space",
    "ogham\u1680space",
    "line\u2028separator\u2029paragraph",
    "next\u0085line",
    "vertical\u000btab form\u000cfeed",
    "zero\u200bwidth\u200cjoin\u200ders",
    "word\u2060joiner",
    "\ufeffbyte order mark",
    "soft\u00adhyphen",
    "left\u200eto\u200fright\u202amarks\u202c",
    "file\u001cgroup\u001drecord\u001eunit\u001fseparators",
    "nul\u0000bell\u0007backspace\u0008escape\u001bdelete\u007f",
    "\u001b[31mred\u001b[0m text",
    "\u001b[1;32mbold green\u001b[m",
    "c1 \u0081\u008d controls \u0093quoted\u0094 \u0080100",
    "\ufffc object \ufff9annotated\ufffa with\ufffb",
    "replacement \ufffd character",
    "private \ue000 use",
    "unassigned \u0378 character",
    "mongolian\u180evowel separator",
    "braille \u2800 blank",
    "\u3164 hangul filler",
]

SCRIPTS = """\
café naïve résumé Zürich façade
CAFÉ NAÏVE ÜBER ÅNGSTRÖM
Ein großer Hund läuft über die Straße
STRASSE ẞ ß
Le chien mange une crêpe à l'œuf
El niño comió piñas ¿verdad? ¡sí!
Příliš žluťoučký kůň úpěl ďábelské ódy
Zażółć gęślą jaźń
İstanbul ve Iğdır'da ışık
DİYARBAKIR
ı i İ I
Một con chó đang chạy trên bãi biển
собака бежит по снегу
СОБАКА И КОШКА
Їжак п'є молоко
ένας σκύλος στο χιόνι
ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ Σ
ΑΣ. ΑΣΑ ΑΣ' ΑΣ́Α
Ὀδυσσεύς ᾳ ᾼ
שלום עולם כלב
שָׁלוֹם
كلب يركض في الثلج
اَلْعَرَبِيَّةُ
سگ در برف
کتا برف میں
कुत्ता बर्फ में दौड़ रहा है
একটি কুকুর
நாய் பனியில்
కుక్క మంచులో
หมาวิ่งเล่นบนหิมะ
สุนัขสีดำ ๑๒๓
ຫມາ
ខ្ញុំស្រលាញ់ឆ្កែ
ငါ့ခွေး
ძაღლი თოვლში
ᲫᲐᲦᲚᲘ
շուն ՇՈՒՆ և
ውሻ በበረዶ
一只狗在雪地里奔跑
雪の中を走る犬
東京タワーの夜景
ｶﾀｶﾅ ﾊﾟﾝ ﾊﾞｽ
カタカナ ひらがな ー 々
눈 속을 달리는 개
한국어
𠀀𠀁 𪚥
𐐀𐐁 𐐨
𝓱𝓮𝓵𝓵𝓸 𝔴𝔬𝔯𝔩𝔡 𝟙𝟚
ⓗⓔⓛⓛⓞ ⒶⒷ
ŉ ǰ ΐ ﬅ ﬖ
ǆ ǅ Ǆ ǳ
Ꭰ ꭰ Ᏸ
K Å Ω
µ μ ℃ ℉""".split("\n")

COMBINING = [
    "cafe\u0301 (nfd) caf\u00e9 (nfc)",
    "A\u030angstro\u0308m",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8",
    "e\u0301\u0323 e\u0323\u0301",
    "q\u0307\u0323 q\u0323\u0307",
    "\u0301 alone",
    "zalgo h\u0335\u0321e\u0334\u0322l\u0337\u0323l\u0336o\u0335",
    "\u0344 \u0340 \u0341 \u0374 \u037e \u0387",
    "\u2126 \u212a \u212b",
    "\uf900 \ufa0e \U0002f800",
    "\u0958 \u095c",
    "\ufb1d \ufb2a",
    "i\u0307 I\u0307 \u0130",
    "\u0d4a \u0d46\u0d3e",
]

EMOJI = """\
😀 😂 🥰
dog 🐶 cat 🐱
🐶🐱🐭
👍 👍🏽 👍🏿
👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈
❤ ❤️ ☀ ☀️
🇫🇷 🇯🇵 🇺🇸🇬🇧
1️⃣ #️⃣
🏴󠁧󠁢󠁥󠁮󠁧󠁿
©️ ® ™
♠♥♦♣ ♔♕ ☎ ✂
→ ← ↑ ↓ ⇒
α + β ≤ γ ≠ δ ∞ ∑ ∫ √
█▓▒░ ─│┌┐
🦄🫠🫶🏻""".split("\n")

QUOTES = """\
“curly” ‘single’ „low” «guillemets» ‹single›
don’t can’t it’s
the ‚quick‛ „brown‟ fox
5′ 10″ ´acute´ `grave`
en–dash em—dash minus− ellipsis…
• bullet · middle ‣ triangle
ﬁne ﬂuﬀy oﬃce ﬄ ﬆ ĳ Ĳ
Ｆｕｌｌ　Ｗｉｄｔｈ　１２３！？
ｃａｔ（ｄｏｇ）
￥１００ ￡５ ￦９""".split("\n")

ENTITIES = """\
salt &amp; pepper
&amp;amp; &amp;amp;amp; &amp;amp;amp;amp;
&lt;b&gt;bold&lt;/b&gt;
<b>bold</b> &amp; &lt;i&gt;
a < b &amp;amp;amp;amp; c
&#39;quoted&#39; &#x27;hex&#x27; &#X27;
&quot;double&quot; &apos;single&apos;
&eacute &eacute; caf&eacute;s caf&eacutes
&nbsp;non&nbsp;breaking&nbsp;
&copy 2024 &reg; &trade; &hellip;
&notit; &notin; &notinva &not &no
&AMP; &LT; &GT &QUOT
&COPY; &Eacute; &EACUTE; &NTILDE;
&#8217; &#146; &#128; &#150;
&#0; &#1; &#28; &#129; &#141; &#160;
&#xD800; &#x110000; &#99999999999999999999;
&#x1F436; &#128054;
&#x1f436 &#128054 dog
&# &#; &#x; &#xg; & &; && &a
&amp
&ampdog AT&T R&D Q&A
&lang; &rang; &fjlig; &nGt; &bne;
&CounterClockwiseContourIntegral; &ThisIsNotAnEntityAtAll;
&amp;lt; &amp;eacute; &amp;#39;
&#38;#38;#38;
&#x26;lt;
x&sup2; + y&sup3; &frac12; &deg;C
&lt;|endoftext|&gt;
one &amp; two
three &lt; four""".split("\n") + ["a &amp; b\nc < d &amp;amp;amp; e\nf &amp;amp;amp;amp; g"]

MOJIBAKE = """\
itâ€™s a dogâ€™s life
â€œquotedâ€\x9d
â€œquotedâ€ word
dash â€“ and â€” here
cafÃ© naÃ¯ve
CAFÃ‰
piÃ±ata maÃ±ana
fÃ¼r StraÃŸe Ã¶l
schÃ¶n Ã¼ber Ã¤hnlich
l'Ã©tÃ© Ã  Paris
voilÃ  le chien
â€¦ wait
30Â°C
Â£5 Â© 2024
Â«motÂ»
nonÂ\xa0breaking
dog ðŸ˜€ ðŸ\x90¶
â\x9d¤ï¸\x8f love
âœ” done â˜… star
cafÃƒÂ© twice
donÃ¢â‚¬â„¢t twice
ÐŸÑ€Ð¸Ð²ÐµÑ‚ Ð¼Ð¸Ñ€
ÑÐ¾Ð±Ð°ÐºÐ°
ÎºÎ±Î»Î·Î¼ÎµÏ\x81Î±
×©×œ×•×\x9d
Ù…Ø±Ø\xadØ¨Ø§
æ—¥æœ¬èªž
ä¸\xadæ–‡
Å¼Ã³Å‚w ÅšlÄ…sk
ÄŒeskÃ¡
â‚¬100
ï»¿byte order mark
Ã—2 Ã·3
AMANHÃ É BELO
“CAFÉ” É”
SÃO PAULO, CORAÇÃO, MAÇÃ
L’ÉCOLE “À LA CARTE” Â
Ãrea Â Ã
São Paulo – coração
naïve café—déjà vu
10 € – 20 £
Ångström Ærø Øl
ÉÈÊË àâä
Più è già così
â
€
The Mona Lisa doesn√¢‚Ç¨‚Ñ¢t have eyebrows.
caf√© na√Øve
РїСЂРёРІРµС‚""".split("\n")

SPECIAL = """\
<|startoftext|>
<|endoftext|>
a <|endoftext|> b
<|startoftext|>a dog<|endoftext|>
a<|endoftext|>b
!<|endoftext|>!
<|ENDOFTEXT|> <|StartOfText|>
<|STARTOFTEXT|>! ?<|ENDOFTEXT|>'s
<|endoftext|><|endoftext|>
< |endoftext| >
<|endoftext
<start_of_text> <end_of_text> </w>
dog</w> cat</w>
caf e\u0301<|endoftext|>\u0301e
[CLS] [SEP] <s> </s> <pad> <unk>""".split("\n")

LONG = [
    "a" * 300,
    "dog" * 100,
    " ".join(["dog"] * 75),
    " ".join(["dog"] * 76),
    " ".join(["cat"] * 500),
    "1" * 90,
    "!" * 200,
    "犬" * 60,
    "🐶" * 40,
    "e\u0301" * 50,
    "photograph-" * 30,
]

# Pieces that meet each other in ways nobody would write down. All are old in Unicode, so that the
# references' Unicode version and ours cannot differ; none is mojibake.
POOL = (
    "a b The dog's CAT'S x1 42 ' ' \" - -- . , ! ? ' ( ) / & ; # é É ñ ü ß ø å œ Œ Я я ж Σ σ ς Ω א ش ท ก็ 犬 ネ コ 한 "
    "\u0301 \u0308 \u200d \ufe0f \u00a0 \u3000 \u2003 \t \n ’ “ ” … – — € £ © ² ½ Ⅳ ﬁ Ａ １ 😀 🐶 👍🏽 🇫🇷 &amp; &lt; &#39; &eacute; &nbsp"
).split(" ") + [" "] * 12


def random_lines(count):
    generator = random.Random(2)
    return ["".join(generator.choices(POOL, k=generator.randint(3, 24))) for _ in range(count)]


def texts():
    groups = [PLAIN, CONTRACTIONS, WHITE_SPACE, SCRIPTS, COMBINING, EMOJI, QUOTES, ENTITIES, MOJIBAKE, SPECIAL, LONG]
    return [text for group in groups for text in group] + random_lines(80)


def hf(checkpoint):
    """transformers' CLIPTokenizer."""
    tokenizer = CLIPTokenizer.from_pretrained(checkpoint)
    return lambda text: tokenizer(text)["input_ids"]


def openai():
    """open_clip's tokenizer with OpenAI's special tokens instead of its own."""
    tokenizer = open_clip.tokenizer.SimpleTokenizer(clean="lower")
    start, end = tokenizer.all_special_ids
    names = {"<|startoftext|>": start, "<|endoftext|>": end}
    for own in ("<start_of_text>", "<end_of_text>"):
        del tokenizer.encoder[own]
    tokenizer.encoder |= names
    tokenizer.cache = {name: name for name in names}
    special = "|".join(regex.escape(name) for name in names)
    own_special, pattern = tokenizer.pat.pattern.split("|'s", 1)
    assert own_special == "<start_of_text>|<end_of_text>"
    tokenizer.pat = regex.compile(f"{special}|'s{pattern}", regex.IGNORECASE)
    return lambda text: [start, *tokenizer.encode(text), end]


def write(path, encode):
    rows = [json.dumps({"text": text, "ids": encode(text)}) for text in texts()]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n")
    print(f"{path}: {len(rows)} lines")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "crates/clip-tokenizer/tests/data")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f"transformers {transformers.__version__}, ftfy {ftfy.__version__}, regex {regex.__version__}")
    write(arguments.out / "hf.json", hf(arguments.checkpoint))
    write(arguments.out / "openai.json", openai())


if __name__ == "__main__":
    main()
