"""What number formats cost in retrieval: R@1 of one model, converted to each of them, on the same data.

    python benches/retrieval.py --data 'test-*.tar' [--data ..] [--model MODEL.safetensors]

The model (the built-in one) is written in Hugging Face layout and converted to f32, f16, bf16 and int8; `clip-cli eval
retrieval` measures each. Prints a table in Markdown; differences are in points of percent. Needs torch, transformers and
safetensors, as tests/scripts/to_hf.py does, and a built `clip-cli`. `CLIP_MAX_CPU_ISA` says which kernels.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ["f32", "f16", "bf16", "int8"]
RECALLS = {"text → image": "image_retrieval_recall@1", "image → text": "text_retrieval_recall@1"}


def run(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def recalls(program, model, data, folder):
    """R@1 both ways, in percent."""
    report = folder / "report.json"
    given = [word for pattern in data for word in ("--data", pattern)]
    run(program, "eval", "retrieval", "--model", model, *given, "--output", report)
    metrics = json.loads(report.read_text())["metrics"]
    return [100 * metrics[name] for name in RECALLS.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, help="what `clip-cli eval retrieval --data` takes")
    parser.add_argument("--model", type=Path, default=ROOT / "crates/clip-builtin-model/clip-photo.safetensors")
    parser.add_argument("--program", default=str(ROOT / "target/debug/clip-cli"))
    arguments = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, ROOT / "tests/scripts/to_hf.py", arguments.model, folder / "hf")
        for form in FORMATS:
            file = folder / f"{form}.safetensors"
            try:
                run(arguments.program, "models", "add", folder / "hf", "-o", file, "--dtype", form)
                rows[form] = recalls(arguments.program, file, arguments.data, folder)
            except subprocess.CalledProcessError:
                print(f"{form} is left out: see above", file=sys.stderr)
    print("| R@1, percent |", " | ".join(RECALLS), "|\n| --- |", " | ".join("---" for _ in RECALLS), "|")
    for form, row in rows.items():
        cells = [f"{value:.2f} ({value - start:+.2f})" for value, start in zip(row, rows[FORMATS[0]])]
        print(f"| {form} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
