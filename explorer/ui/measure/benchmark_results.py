"""A run on the Benchmark page: its progress while it lasts, and its records as table and chart data."""

from __future__ import annotations

import io
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd
import streamlit as st

from explorer.benchmark.method import WIDE_SPREAD_SHARE
from explorer.benchmark.outcome import Measured
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.running.group import JobProgress
from explorer.benchmark.running.runner import Run, RunProgress
from explorer.charts.benchmark import latency_bars
from explorer.models.catalogue import family_of
from explorer.models.labels import engine_label
from explorer.processes.neighbours import NOTHING
from explorer.records.exchange import write_csv
from explorer.records.record import Record, Status
from explorer.ui.measure.benchmark import estimated_seconds
from explorer.ui.measure.model_choice import write_img_size
from explorer.ui.measure.run_queue import (
    stop_control,
    tell_note,
    waiting_text,
    whose,
)
from explorer.ui.panels import NO_VALUE, plain, show_chart, show_table, verbatim
from explorer.ui.visitors import visitor
from explorer.units import counted, duration, significant

_POLL_S = 0.4
_SEEN = "bench_seen"
#: Figures of the table whose absence is explained, and what it calls them.
_EXPLAINED = {"latency_ms_p95": "p95", "peak_rss_mib": "peak memory", "peak_flop_share": "share of device peak"}
#: Missing figures are NaN in these columns, whatever all rows say.
_FLOATS = (
    "latency_ms_p50",
    "latency_ms_p95",
    "ratio_to_first",
    "throughput_img_s",
    "peak_memory_mib",
    "peak_flop_share",
    "runnable_threads",
)
#: The columns of the table that fit beside each other; the others are shown when asked for in its menu.
_SHOWN = (
    "label",
    "latency_ms_p50",
    "latency_ms_p95",
    "ratio_to_first",
    "throughput_img_s",
    "peak_memory_mib",
    "peak_flop_share",
    "samples_count",
    "status",
)
_STATUS_WORDS: dict[Status, str] = {
    "ok": "measured",
    "failed": "failed",
    "out_of_memory": "out of memory",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class Result:
    """A job of a plan with its record, and what that is compared with.

    Attributes:
        job: The job.
        record: What came of it.
        first: Record of the first model under the first engine at the same point of the axes; None before it is there.
    """

    job: Job
    record: Record
    first: Record | None

    @property
    def ratio_to_first(self) -> float | None:
        """Median latency over that of the first model; None where it has none, or the batches differ."""
        if self.first is None or self.job.kind == "largest_batch":
            return None
        mine, base = self.record.latency_ms_p50, self.first.latency_ms_p50
        return None if mine is None or base is None else mine / base


@st.fragment(run_every=_POLL_S)
def watch_run(run: Run, records_shown: int, names: Mapping[str, str] = MappingProxyType({})) -> None:
    """Progress of a run that has not ended; the page runs again when a record comes or the run ends.

    Args:
        run: What is watched.
        records_shown: How many of its records the page shows.
        names: What the page calls a model that it does not call by its own name.
    """
    progress = run.progress()
    if run.wait(0) or progress.jobs_done != records_shown:
        st.rerun()
    bar, button = st.columns([5, 1], vertical_alignment="center")
    stop_control(run, button, "cancel_run", "Cancel")
    others = "" if run.owner == visitor() else f"{whose(run)} · "
    tell_note(run)
    if progress.state == "waiting":
        bar.progress(0.0, f"{others}{waiting_text(run)}")
        return
    bar.progress(progress.work_done / progress.jobs_total, f"{others}{how_far(run, progress)}")
    show_table(_live_table(run, progress.current, names))


def show_results(run: Run, measured: Sequence[Measured]) -> None:
    """Chart, warnings, table and download of the records so far; of jobs that were cancelled their number alone."""
    records = [record for _, record in measured]
    cancelled = sum(record.status == "cancelled" for record in records)
    if cancelled:
        st.info(_cancelled_sentence(cancelled, len(records)), icon=":material/stop:")
    if cancelled == len(records):
        return
    table = results_table(run.plan, results_of(run.plan, measured))
    timed = table[table["latency_ms_p50"].notna()]
    if not timed.empty:
        show_chart(
            latency_bars(
                timed.assign(model=timed["label"], latency_ratio=timed["ratio_to_first"]),
                _first(run.plan),
                finding(timed),
            ),
            "benchmark_latency",
            timed.drop(columns="family"),
            alt="Median latency of each model with its way to the 95th percentile",
        )
    _warn(table)
    _explain_missing(records)
    st.dataframe(
        table.drop(columns=["model", "family"]),
        hide_index=True,
        column_order=_SHOWN,
        placeholder=NO_VALUE,
        alt="Results of the run",
        column_config=_column_config(run.plan),
    )
    st.download_button(
        f"{records_in_words(records)} as CSV",
        data=lambda: records_csv(records),
        file_name=f"benchmark_{run.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="download_records",
        on_click="ignore",
        help="With the raw samples and the whole environment; any explorer imports it without duplicates.",
    )


def records_in_words(records: Sequence[Record]) -> str:
    """How many records, told apart where not all of them hold figures: "3 records", "2 measured, 1 failed"."""
    counts = Counter(record.status for record in records)
    if set(counts) == {"ok"}:
        return counted(len(records), "record")
    return ", ".join(f"{counts[status]} {word}" for status, word in _STATUS_WORDS.items() if counts[status])


def results_of(plan: Plan, measured: Sequence[Measured]) -> list[Result]:
    """The plan's jobs that have a record, in the plan's order."""
    remaining: dict[Job, deque[Record]] = defaultdict(deque)  # two groups may hold a job each that is the same
    for job, record in measured:
        remaining[job].append(record)
    found: list[Result] = []
    for group in plan.groups():
        records = {job: remaining[job].popleft() for job in group if remaining[job]}
        found += [Result(job, record, records.get(group[0])) for job, record in records.items()]
    return found


def results_table(plan: Plan, results: Sequence[Result]) -> pd.DataFrame:
    """One row per record: what was measured, how fast, and what went wrong."""
    return pd.DataFrame(
        [
            {
                "label": " · ".join([item.job.model.name, *_varying(plan, item)]),
                "model": item.job.model.name,
                "engine": engine_label(item.job.engine, item.job.compile_mode),
                "family": family_of(item.job.model.name, item.job.model.source),
                "setting": _setting(item.job, item.record),
                "status": _STATUS_WORDS[item.record.status],
                "latency_ms_p50": item.record.latency_ms_p50,
                "latency_ms_p95": item.record.latency_ms_p95,
                "ratio_to_first": item.ratio_to_first,
                "throughput_img_s": item.record.throughput_img_s,
                "wide_spread": bool(item.record.wide_spread),
                "ran_beside": None if item.record.ran_beside == NOTHING else item.record.ran_beside,
                "samples_count": item.record.samples_count,
                "peak_memory_mib": item.record.peak_allocated_mib or item.record.peak_rss_mib,
                "peak_flop_share": item.record.peak_flop_share,
                "runnable_threads": item.record.runnable_threads,
                "reason": item.record.status_reason or "",
            }
            for item in results
        ]
    ).astype(dict.fromkeys(_FLOATS, float))


def finding(table: pd.DataFrame) -> str:
    """What a table of timed results says, for a chart's title."""
    setting = table["setting"].iloc[0]
    comparable = table[table["ratio_to_first"].notna() & (table["setting"] == setting)]
    if len(comparable) < 2:
        return f"{table['label'].iloc[0]} takes {significant(table['latency_ms_p50'].iloc[0])} ms ({setting})"
    first = comparable.loc[(comparable["ratio_to_first"] - 1).abs().idxmin()]
    slowest = comparable.loc[comparable["latency_ms_p50"].idxmax()]
    # Ratios are to the first model; where that is the slowest itself, it stands against the fastest.
    other = first if slowest.name != first.name else comparable.loc[comparable["latency_ms_p50"].idxmin()]
    ratio = slowest["latency_ms_p50"] / other["latency_ms_p50"]
    shown = ["model", "engine"] if comparable["engine"].nunique() > 1 else ["model"]
    slow, than = (" · ".join(row[shown]) for row in (slowest, other))
    return f"{slow} takes {significant(ratio)} times as long as {than} ({setting})"


def records_csv(records: Sequence[Record]) -> bytes:
    """The records with their raw samples, as the exchange format has them."""
    file = io.StringIO(newline="")
    write_csv(records, file)
    return file.getvalue().encode()


def _warn(table: pd.DataFrame) -> None:
    wide = table[table["wide_spread"]]
    if not wide.empty:
        others = wide["runnable_threads"].max()
        blame = f" Up to {others:.0f} other threads were runnable when they began." if others > 0 else ""
        st.warning(
            f"Wide spread: {', '.join(map(verbatim, wide['label']))}. The middle half of the samples spans more than "
            f"{WIDE_SPREAD_SHARE * 100:.0f} % of the median.{blame} Quiet the machine and measure again.",
            icon=":material/waves:",
        )
    accompanied = table[table["ran_beside"].notna()]
    if not accompanied.empty:
        cases = (f"{verbatim(row['label'])} ({row['ran_beside']})" for _, row in accompanied.iterrows())
        st.warning(f"Not measured alone: beside {', '.join(cases)}. Measure again without.", icon=":material/group:")
    for _, row in table[~table["status"].isin([_STATUS_WORDS["ok"], _STATUS_WORDS["cancelled"]])].iterrows():
        st.error(f"{verbatim(row['label'])} · {row['status']}: {plain(row['reason'])}", icon=":material/report:")


def _cancelled_sentence(cancelled: int, records: int) -> str:
    sentence = f"{cancelled} {'job was' if cancelled == 1 else 'jobs were'} cancelled."
    return f"{sentence} Nothing was measured." if cancelled == records else sentence


def _explain_missing(records: Sequence[Record]) -> None:
    """Why figures of the table are empty, each reason once."""
    missing = {
        f"{name}: {record.reasons[field]}"
        for record in records
        for field, name in _EXPLAINED.items()
        if record.status == "ok" and field in record.reasons and getattr(record, field) is None
    }
    if missing:
        st.caption(plain(f"{NO_VALUE} {'; '.join(sorted(missing))}."))


def _column_config(plan: Plan) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    memory = "Peak memory: on CUDA of live tensors, else of the whole process."
    ratio = f"Median latency over that of {verbatim(_first(plan))}."
    share = "FLOP/s at the median over those of a matrix product measured in the same job."
    load = "Threads that ran or waited for a core just before the measurement: they make it scatter."
    beside = "What else of this program computed on the machine meanwhile: it makes a result scatter."
    return {
        "label": st.column_config.TextColumn("Model", pinned=True),
        "engine": "Engine",
        "setting": "Setting",
        "status": "Status",
        "latency_ms_p50": number("p50, ms", format="%.2f"),
        "latency_ms_p95": number("p95, ms", format="%.2f"),
        "ratio_to_first": number("Ratio", format="%.2fx", help=ratio),
        "throughput_img_s": number("Images/s", format="%.1f"),
        "wide_spread": st.column_config.CheckboxColumn("Wide spread"),
        "ran_beside": st.column_config.TextColumn("Ran beside", help=beside),
        "samples_count": number("Samples"),
        "peak_memory_mib": number("Peak, MiB", format="%.0f", help=memory),
        "peak_flop_share": number("Of peak", format="percent", help=share),
        "runnable_threads": number("Load", help=load),
        "reason": "Why",
    }


def _first(plan: Plan) -> str:
    """What ratios refer to."""
    return plan.models[0].name + (f" under the engine {plan.engines[0]}" if len(plan.engines) > 1 else "")


def _live_table(run: Run, current: Sequence[JobProgress], names: Mapping[str, str]) -> pd.DataFrame:
    """What was last seen of each job of the groups at work: models take turns, a look shows one at a time."""
    run_id, seen = st.session_state.get(_SEEN, ("", {}))
    if run_id != run.id:
        seen = {}
    for now in current:
        seen[now.job] = now
    st.session_state[_SEEN] = run.id, seen
    at_work = [group for group in run.plan.groups() if any(now.job in group for now in current)]
    return pd.DataFrame(
        [
            {
                "model": names.get(job.model.name, job.model.name),
                "engine": engine_label(job.engine, job.compile_mode),
                "setting": _job_setting(job),
                "now": seen[job].phase if job in seen else "waiting for its turn",
                "samples so far": str(seen[job].samples) if job in seen else "0",
                "p50 so far, ms": _milliseconds(seen[job].p50_ms) if job in seen else "",
            }
            for group in at_work
            for job in group
        ],
        columns=["model", "engine", "setting", "now", "samples so far", "p50 so far, ms"],
    )


def how_far(run: Run, progress: RunProgress) -> str:
    """The bar's words: the share of the work, and the time that is left at the pace up to the last report."""
    share = progress.work_done / progress.jobs_total
    all_s = progress.reported_s / share if share else estimated_seconds(run.plan, run.plan.to_yaml())
    left = f", about {duration(all_s - progress.elapsed_s)} left" if all_s > progress.elapsed_s else ""
    return (
        f"{progress.jobs_done} of {progress.jobs_total} jobs done, {share * 100:.0f} % of the work · "
        f"{duration(progress.elapsed_s)} so far{left}"
    )


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"


def _varying(plan: Plan, item: Result) -> list[str]:
    """What tells this job from the plan's others of the same model."""
    job, record = item.job, item.record
    values = {
        "kinds": job.kind.replace("_", " "),
        "batch_sizes": f"batch {record.batch_size}",
        "img_sizes": write_img_size(job.img_size),
        "devices": job.device,
        "threads": "" if record.threads is None else counted(record.threads, "thread"),
        "precisions": job.precision,
        "memory_formats": job.memory_format,
    }
    varying = [text for axis, text in values.items() if len(getattr(plan, axis)) > 1]
    several = len(plan.engines) > 1 or len(plan.compile_modes) > 1
    return [engine_label(job.engine, job.compile_mode), *varying] if several else varying


def _setting(job: Job, record: Record) -> str:
    threads = f" with {counted(record.threads, 'thread')}" if job.device == "cpu" and record.threads else ""
    return f"{_job_setting(job, record.batch_size)}{threads}"


def _job_setting(job: Job, batch_size: int | None = None) -> str:
    parts = [
        job.kind.replace("_", " "),
        f"batch {batch_size or job.batch_size}",
        job.precision,
        *([] if job.memory_format == "contiguous" else [job.memory_format]),
        f"on {job.device}",
    ]
    return ", ".join(parts)
