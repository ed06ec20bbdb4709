"""What every peer in Python shares: the inputs, the clock, and one line of JSON in and out.

A peer is a process that prepares once, says `{"ready": true}`, and then answers each line of its standard input with
one line: `{"work": "image", "batch": 8, "seconds": 1.5}` runs passes over the work's inputs for at least that long and
gives `{"seconds_per_item": ..}`; with `"embed": true` in place of the seconds it gives `{"embeddings": [[..], ..]}`, and
with them perhaps a `"note"` for the table, of what its label cannot know.
What it cannot do is `{"error": "one sentence"}`. It ends with its input.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np

# Pictures that are prepared.
PICTURES = 32

# Values of a vector to search, and how many of the nearest are asked for.
WIDTH, TOP = 512, 10

# Queries that are asked one at a time, of all and by a graph.
ALONE, ALONE_BY_GRAPH = 8, 200

# Share of the nearest that a graph has to find, and by how much scores of one vector differ.
RECALL, ROUNDING = 0.95, 1e-5


class Peer:
    """A model to time. A subclass fills the methods for the works that it takes part in."""

    # Tokens that every text is padded to; None cuts a batch to its longest text.
    length = None

    # Stands behind the peer's label, where there is something to say.
    note = None

    def ready(self, array):
        """The array as the model takes it, made outside the clock."""
        return array

    def image(self, pixels):
        """Features [B, E] of normalized pixels [B, 3, S, S]."""
        raise NotImplementedError

    def text(self, ids):
        """Features [B, E] of token ids [B, L], padded with 0 behind the end token."""
        raise NotImplementedError

    def library(self, vectors):
        """Takes the vectors to search [N, E], outside the clock."""
        raise NotImplementedError

    def search(self, queries, top):
        """Scores of the nearest to each query [B, E], best first: [B, top]."""
        raise NotImplementedError

    def connect(self, folder):
        """Makes a graph over the vectors of the folder, or reads one that it made before, outside the clock."""
        raise NotImplementedError

    def look(self, breadth):
        """Searches by the graph keep so many vectors in view."""
        raise NotImplementedError

    def folder(self, paths, batch):
        """Features of picture files, `batch` of them through the model at once: a list of [B, E]."""
        raise NotImplementedError


class Inputs:
    """The folder that `prepare.py` fills: a model's, with `jpegs` beside it, or that of vectors."""

    def __init__(self, folder):
        self.folder = folder

    def pixels(self, batch):
        values = np.fromfile(self.folder / "pixels.f32", np.float32)
        side = math.isqrt(values.size // (3 * PICTURES))
        values = values.reshape(PICTURES, 3, side, side)
        return np.ascontiguousarray(values[:batch])

    def ids(self, batch, length):
        rows = json.loads((self.folder / "captions.json").read_text())["ids"]
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            padded = np.zeros((len(part), length or max(map(len, part))), np.int64)
            for row, ids in zip(padded, part):
                row[: len(ids)] = ids
            yield padded

    def vectors(self, name):
        return np.fromfile(self.folder / f"{name}.f32", np.float32).reshape(-1, WIDTH)

    def values(self, name):
        return np.fromfile(self.folder / f"{name}.f32", np.float32)

    def paths(self):
        return sorted((self.folder.parent / "jpegs").iterdir())


def work(peer, inputs, request):
    """One pass over the inputs of a work, as a function that returns the features, batch by batch."""
    batch = request["batch"]
    if request["work"] == "image":
        pixels = peer.ready(inputs.pixels(batch))
        return lambda: [peer.image(pixels)]
    if request["work"] == "text":
        batches = [peer.ready(ids) for ids in inputs.ids(batch, peer.length)]
        return lambda: [peer.text(ids) for ids in batches]
    if request["work"] == "search":
        if not hasattr(peer, "is_filled"):
            peer.library(inputs.vectors("vectors"))
            peer.is_filled = True
        queries = inputs.vectors("queries")
        queries = queries[:ALONE] if batch == 1 else queries
        starts = range(0, len(queries), batch)
        return lambda: [peer.search(queries[start : start + batch], TOP) for start in starts]
    if request["work"] == "graph":
        questions = inputs.vectors("questions")
        if not hasattr(peer, "is_filled"):
            peer.connect(inputs.folder)
            peer.look(breadth(peer, questions, inputs.values("tenth")))
            peer.is_filled = True
        questions = questions[:ALONE_BY_GRAPH] if batch == 1 else questions
        starts = range(0, len(questions), batch)
        return lambda: [peer.search(questions[start : start + batch], TOP) for start in starts]
    paths = inputs.paths()
    return lambda: peer.folder(paths, batch)


def breadth(peer, questions, tenth):
    """The least by which a search finds enough of the nearest, in steps of an eighth."""
    breadth = TOP
    while True:
        peer.look(breadth)
        found = np.concatenate([peer.search(part, TOP) for part in np.array_split(questions, 16)])
        recall = (found >= tenth[:, None] - ROUNDING).mean()
        print(f"breadth {breadth}: recall {recall:.4f}", file=sys.stderr, flush=True)
        if recall >= RECALL:
            return breadth
        breadth += breadth // 8 + 1


def answer(peer, run, request):
    if request.get("embed"):
        return {"embeddings": np.concatenate([np.asarray(part) for part in run()]).tolist(), "note": peer.note}
    items, began = 0, time.perf_counter()
    while True:
        items += sum(len(part) for part in run())
        elapsed = time.perf_counter() - began
        if elapsed >= request["seconds"]:
            return {"seconds_per_item": elapsed / items}


def say(value):
    print(json.dumps(value), flush=True)


def serve(make, describe, arguments=lambda parser: None):
    """Answers until the input ends. `make` builds the peer from the parsed command line."""
    parser = argparse.ArgumentParser(description=describe)
    parser.add_argument("folder", type=Path, help="what prepare.py wrote")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments(parser)
    parsed = parser.parse_args()
    try:
        peer, inputs, runs = make(parsed), Inputs(parsed.folder), {}
        say({"ready": True})
        for line in sys.stdin:
            request = json.loads(line)
            key = request["work"], request["batch"]
            try:
                if key not in runs:
                    runs[key] = work(peer, inputs, request)
                say(answer(peer, runs[key], request))
            except Exception as error:
                say({"error": " ".join(f"{type(error).__name__}: {error}".split())})
    except KeyboardInterrupt:
        sys.exit(130)
