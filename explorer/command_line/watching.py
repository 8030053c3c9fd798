"""Progress of a run on the terminal: jobs done, and what is being done with its samples and median so far."""

from __future__ import annotations

import sys
from typing import NoReturn

from tqdm import tqdm

from explorer.benchmark.running.group import JobProgress
from explorer.benchmark.running.runner import Run
from explorer.models.labels import model_label
from explorer.records.record import Record
from explorer.units import significant

_INTERVAL_S = 0.2
#: How long the measuring processes may take to end, and their last records to be stored.
_CANCEL_S = 10.0


class Notes:
    """Says on stderr what is to be said of other programs, each time that it is something else."""

    def __init__(self) -> None:
        self._told: str | None = None

    def tell(self, note: str | None) -> None:
        """Say a note that was not said last."""
        if note is not None and note != self._told:
            tqdm.write(note, file=sys.stderr)
            self._told = note


def watch(run: Run) -> bool:
    """Show a run until it ends; Ctrl-C cancels it.

    Returns:
        Whether it came to its end; False if it was cancelled.
    """
    on_terminal, notes = sys.stderr.isatty(), Notes()
    with (
        tqdm(total=run.progress().jobs_total, unit="job", disable=not on_terminal, dynamic_ncols=True) as jobs,
        tqdm(bar_format="{desc}", position=1, leave=False, disable=not on_terminal) as current,
    ):
        try:
            while not run.wait(_INTERVAL_S):
                notes.tell(run.note)
                _show(run, jobs, current)
        except KeyboardInterrupt:
            run.cancel()
            run.wait(_CANCEL_S)
        _show(run, jobs, current)
    return run.progress().state == "finished"


def describe(now: JobProgress) -> str:
    """Such as "hrformer_tiny, batch 8: measuring, 37 samples, p50 12.3 ms"."""
    samples = f", {now.samples} samples" if now.samples else ""
    median = "" if now.p50_ms is None else f", p50 {significant(now.p50_ms)} ms"
    name = model_label(now.job.model.name, now.job.engine, now.job.compile_mode)
    return f"{name}, batch {now.job.batch_size}: {now.phase}{samples}{median}"


def _show(run: Run, jobs: tqdm[NoReturn], current: tqdm[NoReturn]) -> None:
    for record in run.records[int(jobs.n) :]:
        tqdm.write(_line(record), file=sys.stderr)
    progress = run.progress()
    jobs.n = progress.jobs_done
    jobs.refresh()
    current.set_description_str("; ".join(map(describe, progress.current)))


def _line(record: Record) -> str:
    name = model_label(record.model_name, record.engine, record.compile_mode)
    what = f"{name}, {record.kind}, batch {record.batch_size}, {record.img_height}x{record.img_width}"
    if record.latency_ms_p50 is None:
        return f"{what}: {record.status} ({record.status_reason})"
    return f"{what}: p50 {significant(record.latency_ms_p50)} ms, {significant(record.throughput_img_s or 0)} img/s"
