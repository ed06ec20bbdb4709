"""Writes a table of the names of emoji in English and in other languages, for `translations.tables` of
a run that trains a text tower towards vectors (docs/guide.md).

    npm pack emojibase-data@17.0.0 && tar xf emojibase-data-17.0.0.tgz
    python tests/scripts/emoji_names.py package data/emoji-names.tsv
    python tests/scripts/emoji_names.py package data/emoji-names.tsv --languages de nl

The package (MIT) has a file for each language, whose `label` is the name of an emoji in Unicode's CLDR.
Columns: `text` (English), `translation`, `language`. A name that is the same in English is left out.
"""

import argparse
import json
from pathlib import Path

LANGUAGES = ["de", "fr", "es", "it", "pt"]


def names(package: Path, language: str) -> dict[str, str]:
    emoji = json.loads((package / language / "data.json").read_text(encoding="utf-8"))
    return {one["hexcode"]: " ".join(one["label"].split()) for one in emoji}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="the unpacked npm package")
    parser.add_argument("table", type=Path, help="where to write")
    parser.add_argument("--languages", nargs="+", default=LANGUAGES, help="folders of the package")
    args = parser.parse_args()
    english = names(args.package, "en")
    rows = ["text\ttranslation\tlanguage"]
    for language in args.languages:
        seen = set()
        for code, name in names(args.package, language).items():
            text = english.get(code)
            # Several emoji may share a name.
            if text and name.lower() != text.lower() and text not in seen:
                seen.add(text)
                rows.append(f"{text}\t{name}\t{language}")
    args.table.parent.mkdir(parents=True, exist_ok=True)
    args.table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows) - 1} names in {len(args.languages)} languages")


if __name__ == "__main__":
    main()
