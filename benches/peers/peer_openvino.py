"""OpenVINO on the CPU, set to f32: by itself it takes bf16 where the processor has it."""

import openvino
from protocol import Peer, serve


class OpenVino(Peer):
    def __init__(self, arguments):
        self.core, self.files, self.requests = openvino.Core(), arguments.folder / "onnx", {}
        self.options = {
            "INFERENCE_NUM_THREADS": arguments.threads, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": arguments.precision,
        }  # fmt: skip

    def run(self, part, array, shape):
        if (part, shape) not in self.requests:
            model = self.core.read_model(self.files / f"{part}.onnx")
            model.reshape(shape)
            self.requests[part, shape] = self.core.compile_model(model, "CPU", self.options).create_infer_request()
        return self.requests[part, shape].infer([array], share_inputs=True)[0]

    def image(self, pixels):
        return self.run("image", pixels, pixels.shape)

    def text(self, ids):
        return self.run("text", ids, (-1, -1))


def arguments(parser):
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")


if __name__ == "__main__":
    serve(OpenVino, __doc__, arguments)
