"""Controls of the Ablation page, and what it finds out: at once, with progress beside the page, or by measuring."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from explorer.ablation.arms import Arm, Axes
from explorer.ablation.switches import SWITCHES, Switch, switch_named
from explorer.ablation.views import WINDOW_STAGES, View, look_at, position_in
from explorer.benchmark.method import Method
from explorer.benchmark.plan import Plan
from explorer.benchmark.running.runner import Run
from explorer.cost.capacity import building_mib, gradient_mib
from explorer.models.model_ref import variant
from explorer.sharing.memory_budget import BudgetError
from explorer.ui import address, choices
from explorer.ui.measure.benchmark import estimated_seconds
from explorer.ui.measure.job_manager import job_manager
from explorer.ui.progress import OnProgress, ShouldStop, throw_away_button, with_progress
from explorer.ui.sources import PictureSource, WeightsSource
from explorer.ui.visitors import visitor
from explorer.units import duration
from hrformer import HRFormerConfig

_RUN_ID = "ablation_run"
_ERROR = "ablation_error"
_MAX_THREADS = 64
_MAX_BATCH = 1024
_MIN_SECONDS = 3.0

Views = dict[HRFormerConfig, View]
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Choice:
    """What the sidebar says.

    Attributes:
        switches: What is taken out, one at a time.
        axes: Further axes.
        stage: Where receptive fields and leak are looked at.
        batch_size: Images per timed call.
        threads: Of the timed calls; None for torch's own choice.
        min_seconds: Each network is timed at least so long.
    """

    switches: tuple[Switch, ...]
    axes: Axes
    stage: int
    batch_size: int
    threads: int | None
    min_seconds: float


def ablation_controls() -> Choice:
    """All choices, in the sidebar.

    Raises:
        ValueError: If a typed axis value is no number.
    """
    with st.sidebar:
        keys = choices.several_of(
            "Take out, one at a time",
            [switch.key for switch in SWITCHES],
            key="ablation_switches",
            default=[SWITCHES[0].key],
            format_func=_switch_name,
            help=" ".join(f"**{_switch_name(switch.key)}**: {switch.sentence}" for switch in SWITCHES),
        )
        stage = choices.segments(
            "Fields and leak after stage",
            WINDOW_STAGES,
            key="ablation_stage",
            help="The middle of the 1/4 map after the stage's last module; later stages often see the whole picture.",
        )
        with st.expander("Further axes"):
            axes = Axes(
                window_sizes=_axis("K · window", "window_sizes", "7, 15", int),
                num_heads=_axis("H · heads of the 1/4 branch", "num_heads", "1, 2", int),
                mlp_ratios=_axis("R · MLP ratio", "mlp_ratios", "2, 4", float),
            )
        with st.expander("How latency is measured"):
            batch = choices.number(st.number_input, "Batch", 1, _MAX_BATCH, key="ablation_batch", default=1)
            threads = choices.number(
                st.number_input, "Threads (0: torch's own choice)", 0, _MAX_THREADS, key="ablation_threads", default=0
            )
            seconds = choices.number(
                st.number_input, "Timed seconds, at least", 0.1, 60.0, key="ablation_seconds", default=_MIN_SECONDS
            )
    return Choice(tuple(switch_named(key) for key in keys), axes, stage, batch, threads or None, seconds)


def _switch_name(key: str) -> str:
    name = switch_named(key).name
    return name[:1].upper() + name[1:]


def _axis(label: str, field: str, examples: str, read: Callable[[str], Number]) -> tuple[Number, ...]:
    """The chosen values of an axis, none to keep the variant's own.

    Raises:
        ValueError: If a typed value is no number.
    """
    text = choices.typed(
        label,
        key=f"ablation_{field}",
        placeholder="as the variant has it",
        help=f"Every value is crossed with every switch; several with commas between them, such as {examples}.",
    )
    try:
        return tuple(read(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"{label}: {text} is not only numbers: use such as {examples}.") from None


def views_key(arms: tuple[Arm, ...], weights: WeightsSource, picture: PictureSource, stage: int) -> Hashable:
    """Everything that the views depend on."""
    return arms, weights.key, picture.key, stage


def views_of(arms: tuple[Arm, ...], weights: WeightsSource, picture: PictureSource, stage: int) -> Views | None:
    """What the arms see; None while that is being computed, with progress and Stop, and where it is refused."""

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> Views:
        config = arms[0].config
        image, position = picture.as_input(config), position_in(config, stage)
        return look_at(arms, weights.model, image, position, on_progress=on_progress, should_stop=should_stop)

    key = views_key(arms, weights, picture, stage)
    label = "Looking through each network"
    try:
        return with_progress("ablation_views", key, label, work, needed_mib=max(map(_viewing_mib, arms)))
    except BudgetError as error:
        st.error(f"What each network sees is not shown. {error}", icon=":material/memory:")
        return None


def _viewing_mib(arm: Arm) -> float:
    """Memory for an arm's network, its reference's, and the gradient of the effective field, MiB."""
    return building_mib(arm.config) + building_mib(arm.reference) + gradient_mib(arm.config)


def throw_views_away(arms: tuple[Arm, ...], weights: WeightsSource, picture: PictureSource, stage: int) -> None:
    """A button that lets go of the views."""
    throw_away_button("ablation_views", views_key(arms, weights, picture, stage))


def latency_plan(arms: tuple[Arm, ...], choice: Choice) -> Plan:
    """All arms in one group, so that they are measured in turns.

    Raises:
        ValueError: If it would be no legal plan.
    """
    models = tuple(variant(arm.config) for arm in arms)
    method = Method(min_seconds=choice.min_seconds)
    return Plan(models=models, batch_sizes=(choice.batch_size,), threads=(choice.threads,), method=method)


def current_ablation_run() -> Run | None:
    """The session's run, or the one that the address names; a reloaded page finds its run again."""
    run = job_manager().find(address.take(_RUN_ID) or st.session_state.get(_RUN_ID))
    if run is not None:
        st.session_state[_RUN_ID] = run.id
        address.keep(_RUN_ID, run.id)
    return run


def measure_button(plan: Plan, *, is_busy: bool, problem: str | None) -> None:
    """The button that measures the latencies, with how long that takes."""
    takes = "" if problem else f" (about {duration(estimated_seconds(plan, plan.to_yaml()))})"
    st.button(
        f"Measure latency{takes}",
        icon=":material/play_arrow:",
        key="start_ablation",
        disabled=is_busy or problem is not None,
        on_click=_start,
        args=(plan,),
        help="Each network in processes of its own, timed in turns with all others, so that a drifting machine hits "
        "all alike. Records go to the store.",
    )


def start_problem() -> str | None:
    """Why the last run was refused."""
    problem: str | None = st.session_state.get(_ERROR)
    return problem


def _start(plan: Plan) -> None:
    st.session_state.pop(_ERROR, None)
    try:
        st.session_state[_RUN_ID] = job_manager().submit(plan, visitor()).id
    except ValueError as error:
        st.session_state[_ERROR] = str(error)
