"""faiss: every vector is compared, in f32 or f16."""

import faiss
from protocol import Peer, serve


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

    def search(self, queries, top):
        return self.index.search(queries, top)[0]


def arguments(parser):
    parser.add_argument("--fp16", action="store_true")


if __name__ == "__main__":
    serve(Faiss, __doc__, arguments)
