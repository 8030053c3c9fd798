"""Does our harness measure what `torch.utils.benchmark` measures? `python -m tests.bench_harness` says so.

Both measure the same built model in the same process, turn by turn, so that a drifting machine hits both alike.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from dataclasses import dataclass

import torch
from torch.utils.benchmark import Timer

from explorer.benchmark.measuring.device import open_device
from explorer.benchmark.measuring.nvml import CardWatch
from explorer.benchmark.measuring.step import build_step
from explorer.benchmark.measuring.worker import turn_timer
from explorer.benchmark.method import Method, warm_up
from explorer.benchmark.plan import Job
from explorer.models.model_ref import model_by_name

TARGET = 0.03


@dataclass(frozen=True)
class Comparison:
    """Medians of the same model by both harnesses.

    Attributes:
        model_name: What was measured.
        ours_ms: Median by our method, ms.
        torch_ms: Median by `torch.utils.benchmark`, ms.
        ratio: Ours over theirs: the median over pairs of turns that followed each other, in which the machine's load
            was the same.
    """

    model_name: str
    ours_ms: float
    torch_ms: float
    ratio: float

    @property
    def agrees(self) -> bool:
        """Whether they differ by 3 % at most."""
        return abs(self.ratio - 1) <= TARGET


def compare_with_torch_benchmark(
    model_name: str = "hrformer_tiny", *, batch_size: int = 1, threads: int = 1, turns: int = 60, turn_s: float = 0.2
) -> Comparison:
    """Measure a model by our method and by `Timer.blocked_autorange`, alternating.

    Args:
        model_name: A preset or a timm model.
        batch_size: Images per call.
        threads: torch's intra-op threads.
        turns: Turns of each harness.
        turn_s: Length of a turn, s.
    """
    torch.set_num_threads(threads)
    model = model_by_name(model_name)
    job = Job(model=model, img_size=model.default_img_size, batch_size=batch_size, threads=threads)
    device = open_device("cpu")
    step = build_step(job, device.torch_device, batch_size, device.synchronize).run
    theirs = Timer("step()", globals={"step": step}, num_threads=threads)

    def torch_turn(_: int) -> list[float]:
        measurement = theirs.blocked_autorange(min_run_time=turn_s)
        return [seconds * 1e3 for seconds in measurement.times]

    ours = turn_timer(device, step, CardWatch(None, "not asked"), batch_size)
    expected_ms = warm_up(ours, Method())
    calls = max(1, round(turn_s * 1e3 / expected_ms))
    our_turns, torch_turns = [], []
    for turn in range(turns):
        pair = ((our_turns, ours), (torch_turns, torch_turn))
        for kept, timer in pair if turn % 2 else reversed(pair):
            kept.append(timer(calls))
    ratios = [
        statistics.median(own) / statistics.median(other) for own, other in zip(our_turns, torch_turns, strict=True)
    ]
    return Comparison(model_name, _median(our_turns), _median(torch_turns), statistics.median(ratios))


def _median(turns: list[list[float]]) -> float:
    return statistics.median(itertools.chain.from_iterable(turns))


def main() -> int:
    """Compare on one model of each family; the exit code is 1 where they disagree."""
    comparisons = [
        compare_with_torch_benchmark(name) for name in ("hrformer_tiny", "hrnet_w18_small", "deit_tiny_patch16_224")
    ]
    for comparison in comparisons:
        verdict = "agrees" if comparison.agrees else f"differs by more than {TARGET:.0%}"
        print(
            f"{comparison.model_name}: ours {comparison.ours_ms:.2f} ms, torch.utils.benchmark "
            f"{comparison.torch_ms:.2f} ms, ratio {comparison.ratio:.4f}: {verdict}"
        )
    return 0 if all(comparison.agrees for comparison in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
