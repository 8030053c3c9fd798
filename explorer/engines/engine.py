"""Engines that run a model's forward pass, behind one interface: what is not installed says so, the others go on."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.engines.export import export_onnx
from explorer.engines.export_limits import missing_packages
from hrformer import HRFormer, optimize_for_inference

Forward = Callable[[Tensor], Tensor]

_INSTALL = "run pip install 'hrformer-explorer[engines]'"


class EngineError(ValueError):
    """An engine cannot run a model; its text is one sentence that says why."""


class Engine(ABC):
    """A way to run a model's forward pass.

    Attributes:
        name: How the engine is called in tables and files.
        in_torch: Whether PyTorch runs the model: in any precision, and in memory that PyTorch counts. The others run
            an exported file in float32.
        trains: Whether training steps run under it, too; they run the readable form of the model.
    """

    name: str
    in_torch = True
    trains = False

    @abstractmethod
    def available(self) -> str | None:
        """Why the engine does not run on this machine, in one sentence; None where it does."""

    def prepare(self, model: nn.Module, example: Tensor) -> Forward:
        """Make a model ready: a function of images, on the device of the example, that gives the model's output.

        Args:
            model: HRFormer or another network from images to one tensor, on the example's device; left as it is,
                save that it is put in evaluation mode.
            example: Images (B, in_chans, height, width) of the size to come; most engines take other batch sizes too.

        Raises:
            EngineError: If the engine is not available or cannot run this model.
        """
        reason = self.available()
        if reason:
            raise EngineError(reason)
        try:
            return self._prepare(model.eval(), example)
        except EngineError:
            raise
        except self._failures() as error:
            raise EngineError(f"{self.name} cannot run this {type(model).__name__}: {_first_line(error)}") from error

    @abstractmethod
    def _prepare(self, model: nn.Module, example: Tensor) -> Forward: ...

    def _failures(self) -> tuple[type[Exception], ...]:
        return (RuntimeError, ValueError)


class Eager(Engine):
    """PyTorch, operation by operation: the readable form as it is."""

    name = "eager"
    trains = True

    def available(self) -> str | None:
        """Always."""
        return None

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        return _inference(model)


class OptimisedEager(Engine):
    """PyTorch on `hrformer.optimize_for_inference`."""

    name = "optimised eager"

    def available(self) -> str | None:
        """Always."""
        return None

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        if not isinstance(model, HRFormer):
            raise EngineError(f"{self.name} rewrites HRFormer only, not {type(model).__name__}.")
        # Packed products take float32 alone, and autocast would hand them another type.
        packed = False if torch.is_autocast_enabled(example.device.type) else None
        return _inference(optimize_for_inference(model, packed=packed))


class Compiled(Engine):
    """`torch.compile`; HRFormer in its optimised form without packed weights, which the compiler packs itself.

    Args:
        mode: One of the compiler's modes.
    """

    name = "torch.compile"
    trains = True

    def __init__(self, mode: str = "default") -> None:
        self.mode = mode

    def available(self) -> str | None:
        """On a CPU it needs a C++ compiler."""
        if torch.cuda.is_available() or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++"):
            return None
        return "torch.compile needs a C++ compiler on a CPU: install g++."

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        forward = _inference(torch.compile(_portable(model), mode=self.mode))
        forward(example)
        return forward


class CudaGraph(Engine):
    """One recorded CUDA graph: a call launches all kernels at once. Takes the example's shape only."""

    name = "CUDA graph"

    def available(self) -> str | None:
        """On NVIDIA cards."""
        return None if torch.cuda.is_available() else "CUDA graphs need an NVIDIA card, and there is none."

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        if not example.is_cuda:
            raise EngineError("CUDA graphs run on an NVIDIA card: put model and images there.")
        forward = _inference(_portable(model))
        images = example.clone()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # lazy initialisation must not be recorded
            for _ in range(3):
                forward(images)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = forward(images)

        def replay(x: Tensor) -> Tensor:
            if x.shape != images.shape:
                raise ValueError(f"A CUDA graph takes images {tuple(images.shape)} only, not {tuple(x.shape)}.")
            images.copy_(x)
            graph.replay()
            return output.clone()

        return replay


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
            output_shape = _export(model, example, path)
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
            output_shape = _export(model, example, path)
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


#: Every engine, the simplest first.
ENGINES: tuple[Engine, ...] = (
    Eager(),
    OptimisedEager(),
    Compiled(),
    OnnxRuntime("ONNX Runtime", "CPUExecutionProvider"),
    OpenVino(),
    CudaGraph(),
    OnnxRuntime("ONNX Runtime CUDA", "CUDAExecutionProvider"),
    OnnxRuntime("ONNX Runtime TensorRT", "TensorrtExecutionProvider"),
)
ENGINE_NAMES = tuple(engine.name for engine in ENGINES)
EAGER, OPTIMISED, COMPILED = ENGINE_NAMES[:3]


def engine_by_name(name: str) -> Engine:
    """The engine of a name.

    Raises:
        ValueError: If there is none.
    """
    for engine in ENGINES:
        if engine.name == name:
            return engine
    raise ValueError(f"There is no engine {name!r}: use one of {', '.join(ENGINE_NAMES)}.")


def _portable(model: nn.Module) -> nn.Module:
    return optimize_for_inference(model, packed=False) if isinstance(model, HRFormer) else model


def _inference(model: Callable[[Tensor], Tensor]) -> Forward:
    def run(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return model(x)

    return run


def _export(model: nn.Module, example: Tensor, path: Path) -> tuple[int, ...]:
    """Write the model for images of the example's size; the output's shape without the batch."""
    height, width = example.shape[-2:]
    device = example.device
    try:
        export_onnx(model.cpu(), path, (height, width))
    finally:
        model.to(device)
    with torch.inference_mode():
        return tuple(model(example[:1]).shape[1:])


def _first_line(error: BaseException) -> str:
    """What went wrong, of the innermost error: exporters wrap it in advice to their developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".") + "."
