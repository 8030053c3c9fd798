"""ONNX Runtime on the exported file, on the CPU, CUDA cards or by TensorRT."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.engines.engine import Engine, EngineError, Forward
from explorer.engines.export import export_for
from explorer.engines.export_limits import missing_packages


class OnnxRuntime(Engine):
    """ONNX Runtime on the exported file, with one of its execution providers.

    Args:
        name: Name of the engine.
        provider: ONNX Runtime's name of the provider.
    """

    in_torch = False

    def __init__(self, name: str, provider: str) -> None:
        self.name = name
        self.provider = provider

    @property
    def _device(self) -> str:
        return "cpu" if self.provider == "CPUExecutionProvider" else "cuda"

    def _provider(self, device: torch.device) -> tuple[str, dict[str, str]]:
        """The provider with its settings: on the card of the images, and float32 meaning that, where it can be told."""
        settings = {} if self._device == "cpu" else {"device_id": str(device.index or 0)}
        if self.provider == "CUDAExecutionProvider":
            settings["use_tf32"] = "0"
        return self.provider, settings

    def available(self) -> str | None:
        """Where the exporter's packages, the provider and its card are there."""
        reason = missing_packages()
        if reason:
            return reason
        import onnxruntime

        if self.provider not in onnxruntime.get_available_providers():
            return f"This build of ONNX Runtime has no {self.provider}: install onnxruntime-gpu in its place."
        if self._device == "cuda" and not torch.cuda.is_available():
            return f"{self.name} needs an NVIDIA card, and there is none."
        return None

    def _failures(self) -> tuple[type[Exception], ...]:
        from onnxruntime.capi import onnxruntime_pybind11_state as runtime

        return (*super()._failures(), runtime.Fail, runtime.InvalidGraph, runtime.NotImplemented, runtime.EPFail)

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        import onnxruntime

        if example.device.type != self._device:
            raise EngineError(f"{self.name} takes images on {self._device}, not on {example.device.type}.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning starves the other engines
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            output_shape = export_for(model, example, path)
            session = onnxruntime.InferenceSession(path, options, providers=[self._provider(example.device)])
        if self.provider not in session.get_providers():
            raise EngineError(f"{self.name} could not be started; ONNX Runtime fell back to the CPU.")

        def run(x: Tensor) -> Tensor:
            x = x.contiguous()
            output = torch.empty(len(x), *output_shape, dtype=torch.float32, device=x.device)
            binding = session.io_binding()
            for bind, name, tensor in ((binding.bind_input, "images", x), (binding.bind_output, "output", output)):
                bind(name, self._device, x.device.index or 0, "float32", tuple(tensor.shape), tensor.data_ptr())
            session.run_with_iobinding(binding)
            return output

        return run
