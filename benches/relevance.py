"""Does a level of relevance tell better than a score what was found from what is merely nearest?

    python benches/relevance.py --tune train.tar --test photo.tar photo-extra.tar --test style.tar

Shards are WebDataset, with `name` in each .json. For some names of the shards a library of other pictures is asked for each,
once with the name's pictures in it and once without, in words or by one of its pictures. One level for all is
chosen on the first shards and used on the others; docs/benchmarks.md has the figures. Needs numpy and a built
`clip-cli`; computes what crates/clip-cli/src/relevance.rs does.
"""

import argparse
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FORMS = ["{}", "a picture of a {}", "a photo of a {}", None]
NAMES, LIBRARY, USUAL, ITSELF = 200, 1000, 100, 0.9999


def embed(program, kind, inputs):
    parts = []
    for start in range(0, len(inputs), 1000):
        command = [program, "embed", "--format", "npy", "--truncate"]
        for value in inputs[start : start + 1000]:
            command += [f"--{kind}", value]
        parts.append(np.load(io.BytesIO(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)))
    return np.concatenate(parts)


class Split:
    """Pictures of some shards, and their names."""

    def __init__(self, program, shards):
        names, files = [], []
        with tempfile.TemporaryDirectory() as folder:
            for shard in shards:
                own = Path(folder) / Path(shard).stem
                with tarfile.open(shard) as tar:
                    tar.extractall(own, filter="data")
                for described in sorted(own.rglob("*.json")):
                    picture = next(path for path in described.parent.glob(described.stem + ".*") if path != described)
                    names.append(json.loads(described.read_text())["name"])
                    files.append(str(picture))
            self.pictures = embed(program, "image", files)
        self.names = sorted(set(names))
        self.labels = np.array([self.names.index(name) for name in names])
        self.texts = {form: embed(program, "text", [form.format(name) for name in self.names]) for form in FORMS if form}
        self.usual = embed(program, "text", (ROOT / "crates/clip-cli/src/usual.txt").read_text().splitlines())

    def questions(self, forms):
        """Each with its library, which pictures are right, and whether there are any."""
        random = np.random.default_rng(1)
        for name in random.choice(len(self.names), min(NAMES, len(self.names)), replace=False):
            right, wrong = np.flatnonzero(self.labels == name), np.flatnonzero(self.labels != name)
            wrong = random.choice(wrong, min(LIBRARY, len(wrong)), replace=False)
            form = forms[random.integers(len(forms))]
            if form is None:
                if len(right) < 2:
                    continue
                own, right = right[0], right[1:]
                query = self.pictures[own]
            else:
                query = self.texts[form][name]
            for places in (np.concatenate([wrong, right]), wrong):
                library = self.pictures[places]
                usual = library[:: max(len(library) // USUAL, 1)] if form is None else self.usual
                yield query, library, self.labels[places] == name, usual

    def scored(self, forms, cut):
        return [(cut(query, library, usual), is_right) for query, library, is_right, usual in self.questions(forms)]


def background(scores):
    scores = np.where(scores < ITSELF, scores, np.nan)
    return np.array([np.nanmean(scores), np.nanmean(np.nanstd(scores, axis=0))])


def score(query, library, _usual):
    return library @ query


def own_deviations(query, library, _usual):
    mean, deviation = background((library @ query)[:, None])
    return (library @ query - mean) / deviation


def relevance(query, library, usual):
    scores = library @ query
    mean, deviation = (background(scores[:, None]) + background(library @ usual.T)) / 2
    return (scores - mean) / deviation


def judge(scored, level):
    """F1 where there are right pictures, and the share of libraries without them that answer nothing."""
    f1, nothing = [], []
    for scores, is_right in scored:
        taken = scores >= level
        if is_right.any():
            f1.append(2 * (taken & is_right).sum() / (taken.sum() + is_right.sum()))
        else:
            nothing.append(not taken.any())
    return np.mean(f1), np.mean(nothing)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", nargs="+", required=True, metavar="SHARD")
    parser.add_argument("--test", nargs="+", action="append", required=True, metavar="SHARD")
    parser.add_argument("--program", default=str(ROOT / "target/debug/clip-cli"))
    arguments = parser.parse_args()
    tune = Split(arguments.program, arguments.tune)
    tests = [Split(arguments.program, shards) for shards in arguments.test]
    for title, forms in (("words", FORMS[:3]), ("words and pictures", FORMS)):
        print(title)
        for cut in (score, own_deviations, relevance):
            scored = tune.scored(forms, cut)
            levels = np.quantile(np.concatenate([scores for scores, _ in scored]), 1 - np.geomspace(1e-5, 0.1, 60))
            level = max(levels, key=lambda level: sum(judge(scored, level)))
            figures = [judge(test.scored(forms, cut), level) for test in tests]
            figures = "  ".join(f"{f1:.2f} {nothing:.2f} = {(f1 + nothing) / 2:.3f}" for f1, nothing in figures)
            print(f"  {cut.__name__:15} {level:6.2f}  {figures}", flush=True)


if __name__ == "__main__":
    main()
