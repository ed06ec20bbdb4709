"""faiss: every vector is compared, in f32 or f16, or some by a graph in f32."""

import sys
import time

import faiss
import numpy as np
from protocol import WIDTH, Peer, serve

# As ours: neighbors of a vector, and how many are looked at to find them.
DEGREE, CARE = 16, 128


class Faiss(Peer):
    def __init__(self, arguments):
        faiss.omp_set_num_threads(arguments.threads)
        self.fp16, self.index = arguments.fp16, None

    def library(self, vectors):
        width = vectors.shape[1]
        if self.fp16:
            kind = faiss.ScalarQuantizer.QT_fp16
            self.index = faiss.IndexScalarQuantizer(width, kind, faiss.METRIC_INNER_PRODUCT)
        else:
            self.index = faiss.IndexFlatIP(width)
        self.index.add(vectors)

    def connect(self, folder):
        file = folder / "vectors.hnsw"
        if not file.exists():
            index = faiss.IndexHNSWFlat(WIDTH, DEGREE, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = CARE
            vectors = np.fromfile(folder / "vectors.f32", np.float32).reshape(-1, WIDTH)
            began = time.perf_counter()
            index.add(vectors)
            print(f"graph of {len(vectors)}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            faiss.write_index(index, str(file))
        self.index = faiss.read_index(str(file))

    def look(self, breadth):
        self.index.hnsw.efSearch = breadth

    def search(self, queries, top):
        return self.index.search(queries, top)[0]


def arguments(parser):
    parser.add_argument("--fp16", action="store_true")


if __name__ == "__main__":
    serve(Faiss, __doc__, arguments)
