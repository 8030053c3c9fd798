"""What the page Where the time goes shows: the run that ships or the session's own, its answer, and each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from explorer.benchmark.outcome import Place
from explorer.benchmark.profile import Profile, Split
from explorer.benchmark.profile_comparison import compare_profiles, finding
from explorer.benchmark.profile_file import reference_profiles
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.charts.theme import branch_name
from explorer.charts.time import kinds_beside, share_bars
from explorer.models.catalogue import display_name
from explorer.processes.neighbours import NOTHING
from explorer.ui import choices
from explorer.ui.panels import csv_button, half_grid, plain, show_chart
from explorer.units import counted, significant, with_prefix

SPLITS: dict[str, Split] = {"Kind of work": "kind", "Operator": "operator", "Stage": "stage", "Branch": "branch"}
#: The row below the kinds of work.
WHOLE_CALL = "whole call"


@dataclass(frozen=True)
class Shown:
    """Profiles on show.

    Attributes:
        profiles: The model, and the one that it is compared with where there is one.
        where: Where and how they were taken, in words.
        is_reference: Whether they are of the run that ships.
        trace_paths: Their traces; none of the run that ships.
    """

    profiles: tuple[Profile, ...]
    where: str
    is_reference: bool = False
    trace_paths: tuple[Path, ...] = ()


def own_shown(run: ProfileRun) -> Shown:
    """The session's own profiles."""
    where = "" if run.place is None else f"{_machine(run.place)}, "
    others = "" if run.ran_beside in (None, NOTHING) else f" Not taken alone: beside {run.ran_beside}."
    where = f"Your own profiles: {where}{_call(run.profiles[0])}.{others}"
    return Shown(run.profiles, where, trace_paths=run.trace_paths)


def reference_shown() -> Shown | None:
    """Of the run that ships what is chosen here; None where it does not ship."""
    run = reference_profiles()
    if run is None:
        return None
    batch_sizes = sorted({profile.batch_size for profile in run.profiles})
    with st.container(horizontal=True):
        batch_size = batch_sizes[-1]
        if len(batch_sizes) > 1:
            batch_size = choices.segments("Images a call", batch_sizes, key="reference_batch", default=batch_size)
        own, *others = (profile for profile in run.profiles if profile.batch_size == batch_size)
        by_name = {display_name(profile.model_name): profile for profile in others}
        name = choices.segments(f"{display_name(own.model_name)} against", tuple(by_name), key="reference_second")
    where = f"{_machine(run.place)}, {datetime.fromisoformat(run.measured_at):%-d %B %Y}, {_call(own)}"
    return Shown((own, by_name[name]), f"{where}. Profiles of your own take its place.", is_reference=True)


def show_answer(shown: Shown) -> None:
    """What makes the first model's call longer or shorter than the second's, in one sentence."""
    profile, *others = shown.profiles
    if others:
        answer = finding(profile, others[0])
    else:
        answer = f"{display_name(profile.model_name)}, {costliest_finding(share_table(profile, 'operator'))}"
    st.markdown(f"## {plain(answer)}.")
    with st.container(horizontal=True, vertical_alignment="center"):
        if shown.is_reference:
            st.badge("Reference run that ships", icon=":material/inventory_2:", color="gray")
        st.caption(plain(shown.where))


def show_difference(shown: Shown) -> None:
    """The two models side by side, in one chart."""
    if len(shown.profiles) < 2:
        st.caption("Choose a second model under **Beside it** to see what sets the two apart.")
        return
    profile, baseline = shown.profiles
    names = display_name(profile.model_name), display_name(baseline.model_name)
    table = with_whole_call(compare_profiles(profile, baseline))
    surplus_ms = profile.time_ms - baseline.time_ms
    sign = "+" if surplus_ms > 0 else "−"
    title = f"{names[0]} minus {names[1]}: {sign}{significant(abs(surplus_ms))} ms a call"
    show_chart(kinds_beside(table, names, title), "time_kinds", table, alt=finding(profile, baseline))
    st.caption(plain(observers_cost(shown.profiles)))


def with_whole_call(table: pd.DataFrame) -> pd.DataFrame:
    """A comparison and its sums, as the last row."""
    sums = table.drop(columns="kind").sum()
    return pd.concat([table, pd.DataFrame([{"kind": WHOLE_CALL, **sums}])], ignore_index=True)


def observers_cost(profiles: Sequence[Profile]) -> str:
    """How much longer the profiler makes a call, and what the rows hold beside what their names say."""
    calls = [
        f"{display_name(profile.model_name)} {significant(profile.time_ms)} ms with the profiler, "
        f"{significant(profile.unobserved_ms)} ms without"
        for profile in profiles
    ]
    return (
        f"{'; '.join(calls)}, taken in turn. Its own cost grows with the number of modules and operators, and "
        "much of it sits in launch and Python. That row also holds the freeing of memory; norms and activations the "
        "sums of residuals; copies and layout the resizing between branches."
    )


def show_models(shown: Shown) -> None:
    """Each model by itself: its parts, their figures and its trace."""
    st.markdown("## Each model by itself")
    split = SPLITS[choices.segments("Split by", tuple(SPLITS), key="profile_split")]
    tables = [share_table(profile, split) for profile in shown.profiles]
    longest = max(table[["time_share", "macs_share"]].max().max() for table in tables)
    halves = half_grid()
    for index, (profile, table) in enumerate(zip(shown.profiles, tables, strict=True)):
        name = display_name(profile.model_name)
        with halves.cell():
            show_chart(
                share_bars(table, f"{name}<br>{costliest_finding(table)}", longest),
                f"time_{split}_{index}",
                table,
                alt=f"Share of time beside share of multiply-adds of {name}",
            )
            _show_figures(profile, table)
            if index < len(shown.trace_paths):
                _trace_button(profile, shown.trace_paths[index])
    csv_button(every_row(shown.profiles), "profile", "Every stage, branch and operator as CSV")


def share_table(profile: Profile, split: Split) -> pd.DataFrame:
    """Time beside work.

    Returns:
        One row per part with the columns part, branch (index; missing where the part is no branch), time_ms, macs,
        time_share, macs_share, time_over_macs (share of time over share of multiply-adds; missing without any).
    """
    shares = profile.shares(split)
    is_branch = split == "branch"
    branches = shares["branch"] if is_branch else pd.Series(float("nan"), index=shares.index)
    parts = [_branch_label(int(value)) for value in shares[split]] if is_branch else shares[split].to_list()
    ratio = shares["time_share"] / shares["macs_share"].where(shares["macs"] > 0)
    return pd.DataFrame(
        {
            "part": parts,
            "branch": branches,
            "time_ms": shares["time_ms"],
            "macs": shares["macs"],
            "time_share": shares["time_share"],
            "macs_share": shares["macs_share"],
            "time_over_macs": ratio,
        }
    )


def costliest_finding(table: pd.DataFrame) -> str:
    """The part that takes the most time beyond its share of the work."""
    excess = table["time_share"] - table["macs_share"]
    row = table.iloc[int(excess.argmax())]
    return f"{row['part']}: {_percent(row['macs_share'])} of MACs, {_percent(row['time_share'])} of time"


def every_row(profiles: Sequence[Profile]) -> pd.DataFrame:
    """All rows of the profiles, for the CSV."""
    rows = [
        {"model": profile.model_name, "batch_size": profile.batch_size, **vars(row)}
        for profile in profiles
        for row in profile.rows
    ]
    return pd.DataFrame(rows).astype({"branch": "Int64"})


def _show_figures(profile: Profile, table: pd.DataFrame) -> None:
    name = display_name(profile.model_name)
    st.caption(
        f"**{name}**: {significant(profile.time_ms)} ms and {with_prefix(profile.macs, 'MACs')} a call. Norms, "
        "activations and copies have no multiply-adds by convention."
    )
    st.dataframe(
        table.assign(gmacs=table["macs"] / 1e9),
        hide_index=True,
        alt=f"Time and work of the parts of {name}",
        column_order=("part", "time_ms", "gmacs", "time_over_macs"),
        column_config={
            "time_ms": st.column_config.NumberColumn("time, ms", format="%.2f"),
            "gmacs": st.column_config.NumberColumn("MACs, G", format="%.3g"),
            "time_over_macs": st.column_config.NumberColumn(
                "time / MACs",
                format="%.2f",
                help="Share of the time over share of the MACs: above 1 costs more than its FLOPs say; empty where "
                "there are no MACs.",
            ),
        },
    )


def _trace_button(profile: Profile, path: Path) -> None:
    if path.exists():
        st.download_button(
            "Chrome trace",
            data=path.read_bytes,
            file_name=f"trace_{profile.model_name}.json",
            mime="application/json",
            icon=":material/download:",
            key=f"trace_{path.stem}",
            on_click="ignore",
            help="Opens in chrome://tracing and ui.perfetto.dev; ranges bear the parts' names.",
        )


def _machine(place: Place) -> str:
    threads = "" if place.threads is None else f", {counted(place.threads, 'thread')}"
    return f"{place.device_name or 'unknown device'}{threads}, torch {place.environment['packages']['torch']}"


def _call(profile: Profile) -> str:
    height, width = profile.img_size
    images = "one image" if profile.batch_size == 1 else f"{profile.batch_size} images"
    return f"{images} of {height}x{width} a call"


def _branch_label(branch: int) -> str:
    return "no branch" if branch < 0 else branch_name(branch)


def _percent(share: Any) -> str:
    percent = float(share) * 100
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else "under 1 %"
