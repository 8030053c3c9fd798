"""Every engine there is."""

from __future__ import annotations

from explorer.engines.cuda_graph import CudaGraph
from explorer.engines.engine import Engine
from explorer.engines.onnx_runtime import OnnxRuntime
from explorer.engines.openvino import OpenVino
from explorer.engines.pytorch import Compiled, Eager, OptimisedEager

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
