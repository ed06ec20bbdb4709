"""usearch: every vector is compared, in f16."""

import numpy as np
from protocol import Peer, serve
from usearch.index import MetricKind, search


class Usearch(Peer):
    def __init__(self, arguments):
        self.threads, self.vectors = arguments.threads, None

    def library(self, vectors):
        self.vectors = vectors.astype(np.float16)

    def search(self, queries, top):
        queries = queries.astype(np.float16)
        found = search(self.vectors, queries, top, MetricKind.IP, exact=True, threads=self.threads)
        # Distances are 1 less the product.
        return 1 - np.asarray(found.distances, np.float32).reshape(len(queries), top)


if __name__ == "__main__":
    serve(Usearch, __doc__)
