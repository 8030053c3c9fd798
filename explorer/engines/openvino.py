"""OpenVINO on the exported file."""

from __future__ import annotations

import math
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.engines.engine import Engine, EngineError, Forward
from explorer.engines.export import export_for
from explorer.engines.export_limits import missing_packages

_INSTALL = "run pip install 'hrformer-explorer[engines]'"


class OpenVino(Engine):
    """OpenVINO on the exported file, in float32 on the CPU.

    Images of a batch do not interact, so each is a request of its own: its maps stay in cache, and with the shape fixed
    OpenVINO leaves out the layout copies between attention and convolutions. As many requests run at once as divide
    both the threads and the example's batch, so that cores do not wait for each other after every operation; other
    batch sizes keep that number.
    """

    name = "OpenVINO"
    in_torch = False

    def available(self) -> str | None:
        """Where its package and the exporter's are installed."""
        if find_spec("openvino") is None:
            return f"OpenVINO is not installed: {_INSTALL}."
        return missing_packages()

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        if example.device.type != "cpu":
            raise EngineError("OpenVINO takes images on the CPU here.")
        # OpenVINO reports its own import over the network; without this module its stub does nothing in its place.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        threads = torch.get_num_threads()
        requests = math.gcd(threads, len(example))
        # By default it computes in bfloat16 on processors that have it, which is another function.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": requests}
        core = openvino.Core()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            output_shape = export_for(model, example, path)
            network = core.read_model(path)
            network.reshape([1, *example.shape[1:]])
            queue = openvino.AsyncInferQueue(core.compile_model(network, "CPU", settings), requests)

        def keep(request: openvino.InferRequest, row: npt.NDArray[np.float32]) -> None:
            row[...] = request.get_output_tensor().data[0]

        queue.set_callback(keep)

        def run(x: Tensor) -> Tensor:
            images = x.contiguous().numpy()
            output = torch.empty(len(x), *output_shape, dtype=torch.float32)
            for index, row in enumerate(output.numpy()):
                queue.start_async([images[index : index + 1]], userdata=row)
            queue.wait_all()
            return output

        return run
