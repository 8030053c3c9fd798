"""Time of one attention over the size of its map, in windows and over all positions, in a process of its own.

Run as a program it prints one line of JSON for each side of a map; `measure_growth` starts it and reads them. How the
time grows is asked, so that it is the processor time of one thread, and the shortest of several calls: all else that
runs on the machine can only add to it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import pandas as pd
import torch

from hrformer import preset
from hrformer.attention import WindowAttention

#: Sides of the square maps in tokens, multiples of HRFormer's window of 7, so that no padding is counted.
SIDES = (14, 21, 28, 42, 56)
COLUMNS = ("positions", "window_ms", "global_ms")

_ROUNDS = 15
_CONFIG = preset("base")
_BRANCH = 0


def measure_growth(on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> pd.DataFrame:
    """Measure both kinds of attention in a process of its own.

    Args:
        on_progress: Called with the sides that are done and their number.
        should_stop: Asked after each side; the process ends when it says so.

    Returns:
        One row a side: positions of the map, shortest processor milliseconds of one map, in windows and globally;
        fewer rows where it was stopped.

    Raises:
        RuntimeError: If the process fails.
    """
    command = [sys.executable, "-m", "explorer.claims.attention_timing"]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                rows.append(json.loads(line))
                on_progress(len(rows), len(SIDES))
                if should_stop():
                    break
        finally:
            stopped = process.poll() is None and len(rows) < len(SIDES)
            if stopped:
                process.terminate()
        message = "" if stopped or process.stderr is None else process.stderr.read().strip()
    if not stopped and process.returncode:
        last = message.splitlines()[-1] if message else f"code {process.returncode}"
        raise RuntimeError(f"The measurement of attention ended early: {last}.")
    return pd.DataFrame(rows, columns=[*COLUMNS])


def main() -> None:
    """Measure and print."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.inference_mode():
        for side in SIDES:
            print(json.dumps(_row(side)), flush=True)


def _row(side: int) -> tuple[int, float, float]:
    x = torch.randn(1, side, side, _CONFIG.channels[_BRANCH])
    window, everywhere = (_attention(size) for size in (_CONFIG.window_sizes[_BRANCH], side))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):  # in turns, so that a busy machine hits both alike
        for attention, samples in zip((window, everywhere), times, strict=True):
            start = time.thread_time()
            attention(x)
            samples.append((time.thread_time() - start) * 1e3)
    return side * side, min(times[0]), min(times[1])


def _attention(window_size: int) -> WindowAttention:
    """Without the position bias: what is compared is the attention, not the reading of a table."""
    channels, heads = _CONFIG.channels[_BRANCH], _CONFIG.num_heads[_BRANCH]
    return WindowAttention(channels, heads, window_size, add_bias=False).eval()


if __name__ == "__main__":
    main()
