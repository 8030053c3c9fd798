"""Time of one attention over the size of its map, in windows and over all positions, in a process of its own.

Run as a program it tells the times of each side of a map; `measure_growth` starts it and reads them. How the
time grows is asked, so that it is the processor time of one thread, and the shortest of several calls: all else that
runs on the machine can only add to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch

from explorer import places
from explorer.processes.child import Request, Send, serve
from explorer.processes.device_lock import device_lock
from explorer.processes.environment import cpu_model
from explorer.processes.messages import Failed, Message, Worker
from explorer.processes.process import WorkerProcess
from explorer.records.csv_cells import table_csv
from explorer.records.record import utc_timestamp
from hrformer import preset
from hrformer.attention import WindowAttention

#: Sides of the square maps in tokens, multiples of HRFormer's window of 7, so that no padding is counted.
SIDES = (14, 21, 28, 42, 56)
COLUMNS = ("positions", "window_ms", "global_ms")
#: Measured once, for whoever has not measured it yet.
REFERENCE_PATH = places.REFERENCE / "attention_growth.csv"

_ROUNDS = 15
_CONFIG = preset("base")
_BRANCH = 0


@dataclass(frozen=True)
class SideTimed(Message):
    """The times of one map.

    Attributes:
        positions: Of the map.
        window_ms: Shortest processor time of attention in windows, ms.
        global_ms: Of attention over all positions, ms.
    """

    positions: int
    window_ms: float
    global_ms: float


_WORKER = Worker("explorer.claims.attention_timing", "measuring", (SideTimed,))


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
    process = WorkerProcess(_WORKER, {}, {})
    rows: list[SideTimed] = []
    reason, stopped = None, True  # unless the process closes its end itself
    try:
        for message in process.messages():
            match message:
                case SideTimed():
                    rows.append(message)
                    on_progress(len(rows), len(SIDES))
                case Failed():
                    reason = message.reason
            if should_stop():
                break
        else:
            stopped = False
    finally:
        if stopped:
            process.kill()
        how_it_ended = process.close()
    if not stopped and (reason or len(rows) < len(SIDES)):
        raise RuntimeError(f"The measurement of attention ended early: {reason or how_it_ended}.")
    return pd.DataFrame(map(asdict, rows), columns=[*COLUMNS])


def measure_growth_in_turn(
    on_progress: Callable[[int, int], None], should_stop: Callable[[], bool], on_note: Callable[[str | None], None]
) -> pd.DataFrame:
    """`measure_growth`, once no other program of this machine measures on the CPU.

    Args:
        on_progress: As there.
        should_stop: As there, and asked while it waits.
        on_note: Told what it waits for, or why it does not, as a sentence; None where there is nothing to say.

    Raises:
        RuntimeError: As there.
    """
    with device_lock("cpu", "attention timing", on_note, should_stop) as problem:
        on_note(problem)
        return pd.DataFrame(columns=[*COLUMNS]) if should_stop() else measure_growth(on_progress, should_stop)


def write_growth(growth: pd.DataFrame, path: Path) -> None:
    """Write what `measure_growth` found on this machine, with the processor and the time, as `reference_growth` reads.

    Args:
        growth: From `measure_growth`.
        path: A CSV file.
    """
    table = growth.round(4).assign(device_name=cpu_model(), measured_at=utc_timestamp())
    path.write_bytes(table_csv(table))


def reference_growth() -> pd.DataFrame | None:
    """The measurement that comes with the explorer, with device_name and measured_at; None where the file is missing,
    as in an installed package."""
    return pd.read_csv(REFERENCE_PATH) if REFERENCE_PATH.exists() else None


def _run(request: Request, send: Send) -> None:
    del request  # which asks for nothing in particular
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.inference_mode():
        for side in SIDES:
            send(_timed(side))


def _timed(side: int) -> SideTimed:
    x = torch.randn(1, side, side, _CONFIG.channels[_BRANCH])
    window, everywhere = (_attention(size) for size in (_CONFIG.window_sizes[_BRANCH], side))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):  # in turns, so that a busy machine hits both alike
        for attention, samples in zip((window, everywhere), times, strict=True):
            start = time.thread_time()
            attention(x)
            samples.append((time.thread_time() - start) * 1e3)
    return SideTimed(side * side, min(times[0]), min(times[1]))


def _attention(window_size: int) -> WindowAttention:
    """Without the position bias: what is compared is the attention, not the reading of a table."""
    channels, heads = _CONFIG.channels[_BRANCH], _CONFIG.num_heads[_BRANCH]
    return WindowAttention(channels, heads, window_size, add_bias=False).eval()


if __name__ == "__main__":
    serve(_run)
