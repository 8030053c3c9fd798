"""CUDA graphs: a forward pass recorded once and launched as a whole."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.engines.engine import Engine, EngineError, Forward, inference, portable


class CudaGraph(Engine):
    """One recorded CUDA graph: a call launches all kernels at once. Takes the example's shape only."""

    name = "CUDA graph"

    def available(self) -> str | None:
        """Why not: only NVIDIA cards record graphs."""
        return None if torch.cuda.is_available() else "CUDA graphs need an NVIDIA card, and there is none."

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        if not example.is_cuda:
            raise EngineError("CUDA graphs run on an NVIDIA card: put model and images there.")
        forward = inference(portable(model))
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
