"""ONNX Runtime on the CPU; `prepare.py` says what each folder of files holds."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import onnxruntime
from pictures import pixels_of
from protocol import Peer, serve


class OnnxRuntime(Peer):
    def __init__(self, arguments):
        self.threads, self.workers = arguments.threads, None
        self.files, self.sessions = arguments.folder / arguments.files, {}

    def run(self, part, array):
        if part not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            path = str(self.files / f"{part}.onnx")
            self.sessions[part] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        session = self.sessions[part]
        return session.run(None, {session.get_inputs()[0].name: array})[0]

    def image(self, pixels):
        return self.run("image", pixels)

    def text(self, ids):
        return self.run("text", ids)

    def folder(self, paths, batch):
        """Worker processes read ahead, one for each thread, while the model runs."""
        if self.workers is None:
            self.workers = ProcessPoolExecutor(self.threads, get_context("spawn"))
        features, rows = [], []
        for pixels in self.workers.map(pixels_of, paths):
            rows.append(pixels)
            if len(rows) == batch or len(rows) + sum(map(len, features)) == len(paths):
                features.append(self.image(np.stack(rows)))
                rows = []
        return features


def arguments(parser):
    parser.add_argument("--files", choices=["onnx", "onnx-dynamic", "onnx-static"], default="onnx")


if __name__ == "__main__":
    serve(OnnxRuntime, __doc__, arguments)
