"""OpenVINO on the CPU: by itself it takes bf16 where the processor has it, also between products in 8 bits."""

import os

import openvino
from protocol import Peer, serve


class OpenVino(Peer):
    def __init__(self, arguments):
        self.core, self.requests = openvino.Core(), {}
        self.files = arguments.folder / arguments.files
        self.ending = ".xml" if arguments.files == "nncf" else ".onnx"
        self.options = {"INFERENCE_NUM_THREADS": arguments.threads, "PERFORMANCE_HINT": "LATENCY"}
        # It asks the processor whether there is bf16, and its oneDNN, which may be held down, for the kernels.
        is_held = "BF16" not in os.environ.get("ONEDNN_MAX_CPU_ISA", "BF16")
        if arguments.precision or is_held:
            self.options["INFERENCE_PRECISION_HINT"] = arguments.precision or "f32"
        self.says = None if arguments.precision else "all else {}" if arguments.files == "nncf" else "{}"

    def run(self, part, array, shape):
        if (part, shape) not in self.requests:
            model = self.core.read_model(self.files / f"{part}{self.ending}")
            model.reshape(shape)
            compiled = self.core.compile_model(model, "CPU", self.options)
            self.requests[part, shape] = compiled.create_infer_request()
            if self.says:
                kind = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
                self.note = self.says.format({"bfloat16": "bf16", "float32": "f32"}.get(kind, kind))
        return self.requests[part, shape].infer([array], share_inputs=True)[0]

    def image(self, pixels):
        return self.run("image", pixels, pixels.shape)

    def text(self, ids):
        return self.run("text", ids, (-1, -1))


def arguments(parser):
    parser.add_argument("--files", choices=["onnx", "nncf"], default="onnx")
    parser.add_argument("--precision", choices=["f32", "bf16"], help="default: what it takes by itself")


if __name__ == "__main__":
    serve(OpenVino, __doc__, arguments)
