"""Controls and values of the page Where the time goes: up to two models, their profiles, and what they say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import pandas as pd
import streamlit as st

from explorer.benchmark.device import device_names
from explorer.benchmark.forecast import check_memory
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.profile import Profile, Split
from explorer.benchmark.profile_run import ProfileRun
from explorer.charts.theme import branch_name
from explorer.ui.job_manager import free_mib, job_manager, visitor
from explorer.ui.model_choice import NO_MODEL, OWN_SIZE, SIZES, THIS_VARIANT, model_of, model_options, parse_size
from explorer.units import significant, with_prefix
from hrformer import HRFormerConfig

SPLITS: dict[str, Split] = {"Kind of work": "kind", "Operator": "operator", "Stage": "stage", "Branch": "branch"}
NO_SECOND = NO_MODEL
_RUNS = "profile_runs"
_STARTED = "profile_started_at"
_ERROR = "profile_error"
_POLL_S = 0.4
#: What a profile usually takes, interpreter and libraries included, for the bar only.
_TYPICAL_S = 20.0


def profile_controls() -> None:
    """Models, batch, image size and device, in the sidebar."""
    state = st.session_state
    for key, value in {
        "profile_model": THIS_VARIANT,
        "profile_second": NO_SECOND,
        "profile_batch": 1,
        "profile_size": OWN_SIZE,
        "profile_device": device_names()[0],
    }.items():
        state.setdefault(key, value)
    with st.sidebar:
        _choice("Model", "profile_model", model_options(), "Type any name of timm's, such as resnet50.")
        _choice("Beside it", "profile_second", [NO_SECOND, *model_options()], "A second model, profiled the same way.")
        st.number_input("Images per call", 1, 4096, key="profile_batch", persist_state="session")
        _choice(
            "Image size, height x width in pixels",
            "profile_size",
            list(SIZES),
            '"own" is the size each model was made for; type any other, such as 320x256.',
        )
        st.selectbox("Device", device_names(), key="profile_device", persist_state="session")


def chosen_jobs(config: HRFormerConfig) -> tuple[Job, ...]:
    """What the sidebar asks to profile, one or two jobs.

    Raises:
        ValueError: If a name is unknown or a value is illegal.
    """
    state = st.session_state
    names = [name for name in (state["profile_model"], state["profile_second"]) if name not in (None, NO_SECOND)]
    size = parse_size(state["profile_size"] or OWN_SIZE)
    models = [model_of(name, config) for name in names]
    return tuple(
        Job(
            model=model,
            batch_size=state["profile_batch"],
            img_size=size or model.default_img_size,
            device=state["profile_device"],
        )
        for model in dict.fromkeys(models)
    )


def start_profiles(jobs: Sequence[Job]) -> None:
    """Put the profiles into the queue; what is wrong is told by `profile_error`."""
    state = st.session_state
    throw_profiles_away()
    try:
        for job in jobs:
            plan = Plan(
                models=(job.model,), batch_sizes=(job.batch_size,), img_sizes=(job.img_size,), devices=(job.device,)
            )
            check_memory(plan, free_mib)
        manager = job_manager()
        state[_RUNS] = tuple(manager.submit_profile(job, visitor()) for job in jobs)
        state[_STARTED] = time.monotonic()
    except ValueError as error:
        state[_ERROR] = str(error)


def profile_runs() -> tuple[ProfileRun, ...]:
    """The session's profiles, running or kept."""
    return cast("tuple[ProfileRun, ...]", st.session_state.get(_RUNS, ()))


def profile_error() -> str | None:
    """Why the last request was refused."""
    return cast("str | None", st.session_state.get(_ERROR))


def throw_profiles_away() -> None:
    """Let go of the profiles and delete their traces; a running one is stopped."""
    st.session_state.pop(_ERROR, None)
    for run in st.session_state.pop(_RUNS, ()):
        run.cancel()
        if run.trace_path is not None:
            run.trace_path.unlink(missing_ok=True)


def are_done(runs: Sequence[ProfileRun]) -> bool:
    """Whether all have ended."""
    return all(run.wait(0) for run in runs)


@st.fragment(run_every=_POLL_S)
def watch_profiles(runs: Sequence[ProfileRun]) -> None:
    """Progress of running profiles; the page runs again when they have ended."""
    if are_done(runs):
        st.rerun()
    done = sum(run.wait(0) for run in runs)
    current = next((run for run in runs if not run.wait(0)), runs[-1])
    others = [run for run in job_manager().ahead_of(current) if run not in runs]
    elapsed_s = time.monotonic() - st.session_state[_STARTED]
    bar, button = st.columns([5, 1], vertical_alignment="center")
    button.button("Stop", key="stop_profiles", icon=":material/stop:", on_click=_stop, args=(runs,))
    if others:
        bar.progress(0.0, f"Waiting for {len(others)} run{'s' if len(others) > 1 else ''} before this one")
        return
    share = max(done / len(runs), min(elapsed_s / (_TYPICAL_S * len(runs)), 0.95))
    left_s = _TYPICAL_S * len(runs) - elapsed_s
    left = f", about {left_s:.0f} s left" if left_s >= 1 else ""
    bar.progress(share, f"Profiling {current.job.model.name} · {done} of {len(runs)} done · {elapsed_s:.0f} s{left}")


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
    """The part that takes the most time beyond its share of the work, as a chart's title."""
    excess = table["time_share"] - table["macs_share"]
    row = table.iloc[int(excess.argmax())]
    shares = f"{_percent(row['macs_share'])} of the MACs, {_percent(row['time_share'])} of the time"
    return f"{_sentence(str(row['part']))}: {shares}"


def part_order(tables: Sequence[pd.DataFrame]) -> list[str]:
    """The parts of all tables, in the networks' order."""
    return list(dict.fromkeys(part for table in tables for part in table["part"]))


def every_row(profiles: Sequence[Profile]) -> pd.DataFrame:
    """All rows of the profiles, for the CSV."""
    rows = [
        {"model": profile.model_name, "batch_size": profile.batch_size, **vars(row)}
        for profile in profiles
        for row in profile.rows
    ]
    return pd.DataFrame(rows).astype({"branch": "Int64"})


def show_profile_details(run: ProfileRun, table: pd.DataFrame) -> None:
    """Figures of a profile: its total, the ratio of each part, and the trace."""
    profile = cast("Profile", run.profile)
    height, width = run.job.img_size
    st.caption(
        f"**{profile.model_name}** at {height}x{width}, batch {profile.batch_size}, on {run.job.device}: "
        f"{significant(profile.time_ms)} ms and {with_prefix(profile.macs, 'MACs')} a call. The profiler's own cost "
        "makes a call longer than a benchmark's. Norms, activations and copies have no multiply-adds by convention."
    )
    st.dataframe(
        table.drop(columns="branch"),
        hide_index=True,
        alt=f"Shares of time and work of {profile.model_name}",
        column_config={
            "time_ms": st.column_config.NumberColumn("time, ms", format="%.2f"),
            "macs": st.column_config.NumberColumn("MACs", format="compact"),
            "time_share": st.column_config.NumberColumn("time share", format="percent"),
            "macs_share": st.column_config.NumberColumn("MAC share", format="percent"),
            "time_over_macs": st.column_config.NumberColumn(
                "time / MACs",
                format="%.2f",
                help="Share of the time over share of the MACs: above 1 costs more than its FLOPs say; empty where "
                "there are no MACs.",
            ),
        },
    )
    trace_path = run.trace_path
    if trace_path is not None and trace_path.exists():
        st.download_button(
            "Chrome trace",
            data=trace_path.read_bytes,
            file_name=f"trace_{profile.model_name}.json",
            mime="application/json",
            icon=":material/download:",
            key=f"trace_{run.id}",
            on_click="ignore",
            help="Opens in chrome://tracing and ui.perfetto.dev; ranges bear the parts' names.",
        )


def _choice(label: str, key: str, options: list[str], explanation: str) -> None:
    chosen = st.session_state[key]
    st.selectbox(
        label,
        list(dict.fromkeys([*options, *([chosen] if chosen else [])])),
        key=key,
        accept_new_options=True,
        filter_mode="contains",
        persist_state="session",
        help=explanation,
    )


def _stop(runs: Sequence[ProfileRun]) -> None:
    for run in runs:
        run.cancel()


def _branch_label(branch: int) -> str:
    return "no branch" if branch < 0 else branch_name(branch)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _percent(share: Any) -> str:
    percent = float(share) * 100
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else "under 1 %"
