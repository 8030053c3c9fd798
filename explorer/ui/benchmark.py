"""Controls of the Benchmark page: a plan from the sidebar or a file, its forecast, and the run it starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
import streamlit as st

from explorer.benchmark.device import device_names
from explorer.benchmark.forecast import check_memory, estimate_seconds, needed_mib
from explorer.benchmark.method import Method
from explorer.benchmark.models import model_cost
from explorer.benchmark.plan import COMPILE_MODES, JOB_KINDS, MEMORY_FORMATS, PRECISIONS, Plan
from explorer.benchmark.runner import Run
from explorer.ui.job_manager import free_mib, job_manager, visitor
from explorer.ui.model_choice import SIZES, THIS_VARIANT, model_of, model_options, name_of, parse_size, write_size
from hrformer import HRFormerConfig

MAX_PLAN_MIB = 1
TORCHS_CHOICE = "torch's choice"
DEFAULT_MODELS = (THIS_VARIANT, "hrnet_w18", "deit_tiny_patch16_224")
_MODELS = "bench_models"
_RUN_ID = "bench_run"
_ERROR = "bench_error"
_RUN_QUERY = "run"


@dataclass(frozen=True)
class Axis:
    """One axis of a plan as a field for several values.

    Attributes:
        field: Of `Plan`.
        label: What it is called.
        explanation: One sentence.
        options: Ready choices, the first is the default.
        parse: A choice as the plan's value; raises ValueError.
        write: The inverse.
        typed: Whether other values can be typed.
        folded: Whether it is seldom needed.
    """

    field: str
    label: str
    explanation: str
    options: tuple[str, ...]
    parse: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    typed: bool = False
    folded: bool = True

    @property
    def key(self) -> str:
        """Of its widget."""
        return f"bench_{self.field}"


def parse_whole(text: str) -> int:
    """A whole number that was typed.

    Raises:
        ValueError: If it is none.
    """
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is no whole number: write digits only, such as 8.")
    return int(text)


def _parse_threads(text: str) -> int | None:
    return None if text == TORCHS_CHOICE else parse_whole(text)


def _write_threads(threads: int | None) -> str:
    return TORCHS_CHOICE if threads is None else str(threads)


AXES = (
    Axis(
        "kinds",
        "Measure",
        "A forward pass, a whole training step (forward, backward, AdamW), or the largest batch that fits.",
        JOB_KINDS,
        folded=False,
    ),
    Axis(
        "batch_sizes",
        "Batch sizes",
        "Images per call; type any other.",
        tuple(str(2**power) for power in range(8)),
        parse_whole,
        typed=True,
        folded=False,
    ),
    Axis(
        "img_sizes",
        "Image sizes, height x width in pixels",
        '"own" is the size each model was made for; type any other, such as 320x256.',
        SIZES,
        parse_size,
        write_size,
        typed=True,
        folded=False,
    ),
    Axis("devices", "Devices", "What this machine has.", device_names(), folded=False),
    Axis(
        "threads",
        "CPU threads",
        "torch's intra-op threads; for the CPU only.",
        (TORCHS_CHOICE, *(str(2**power) for power in range((os.cpu_count() or 1).bit_length()))),
        _parse_threads,
        _write_threads,
        typed=True,
    ),
    Axis("precisions", "Precision", "autocast keeps fp32 weights; tf32 exists on CUDA only.", PRECISIONS),
    Axis("memory_formats", "Memory format", "channels_last often suits convolutions.", MEMORY_FORMATS),
    Axis("compile_modes", "Compile mode", "eager, or a mode of torch.compile.", COMPILE_MODES),
)

_METHOD_LABELS = {
    "min_iterations": "Timed calls, at least",
    "min_seconds": "Timed seconds, at least",
    "max_iterations": "Timed calls, at most",
    "max_seconds": "Timed seconds, at most",
    "interval_target": "Enough when the 95 % interval is below this share of the median",
    "warmup_max_seconds": "Warm-up seconds, at most",
    "round_seconds": "Seconds of a model's turn",
}


def plan_controls() -> None:
    """All choices, in the sidebar; `chosen_plan` reads them."""
    state = st.session_state
    state.setdefault(_MODELS, list(DEFAULT_MODELS))
    with st.sidebar:
        st.multiselect(
            "Models",
            _with_chosen(model_options(), state[_MODELS]),
            key=_MODELS,
            accept_new_options=True,
            persist_state="session",
            help="Ratios are to the first one. Type any name of timm's, such as resnet50.",
        )
        for axis in AXES:
            if not axis.folded:
                _axis_field(axis)
        with st.expander("Threads, precision, format, compile"):
            for axis in AXES:
                if axis.folded:
                    _axis_field(axis)
        with st.expander("Method"):
            _method_fields()
        st.file_uploader(
            "Open a plan",
            type=["yaml", "yml"],
            key="bench_plan_file",
            on_change=_take_plan_file,
            max_upload_size=MAX_PLAN_MIB,
            help="A YAML file as saved here, or written by hand; it replaces all choices above.",
        )


def chosen_plan(config: HRFormerConfig) -> Plan:
    """The plan that the sidebar says.

    Raises:
        ValueError: If a name is unknown or a value is illegal.
    """
    state = st.session_state
    axes: dict[str, Any] = {axis.field: tuple(axis.parse(text) for text in state[axis.key]) for axis in AXES}
    models = tuple(model_of(name, config) for name in state[_MODELS])
    method = Method(**{field.name: state[_method_key(field.name)] for field in fields(Method)})
    return Plan(models=models, method=method, **axes)


def unknown_models(config: HRFormerConfig) -> list[str]:
    """The chosen names that no model has."""
    return [name for name in st.session_state[_MODELS] if not _is_known(name, config)]


def drop_models(names: list[str]) -> None:
    """Take names out of the choice."""
    st.session_state[_MODELS] = [name for name in st.session_state[_MODELS] if name not in names]


def forecast_problem(plan: Plan) -> str | None:
    """Why a plan can't run here, one sentence; None if it can."""
    try:
        with st.spinner("Counting work and memory of the models"):
            check_memory(plan, free_mib)
    except ValueError as error:
        return str(error)
    return None


def duration(seconds: float) -> str:
    """A rough duration for a person: "40 s", "3 min", "2 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


@st.cache_data(max_entries=64, show_spinner="Estimating the duration")
def estimated_seconds(_plan: Plan, plan_yaml: str) -> float:
    """Rough duration of a plan, s; `plan_yaml` stands for the plan."""
    del plan_yaml
    return estimate_seconds(_plan)


def plan_table(plan: Plan) -> pd.DataFrame:
    """One row per job with what it will take."""
    return pd.DataFrame(
        [
            {
                "model": job.model.name,
                "measure": job.kind.replace("_", " "),
                "batch": job.batch_size,
                "image": write_size(job.img_size),
                "device": job.device,
                "threads": _write_threads(job.threads) if job.device == "cpu" else "",
                "precision": job.precision,
                "memory format": job.memory_format,
                "compile mode": job.compile_mode,
                "GMACs per image": model_cost(job.model, job.img_size).macs / 1e9,
                "memory needed, MiB": needed_mib(job),
            }
            for job in plan.jobs()
        ]
    )


def current_run() -> Run | None:
    """The session's run, or the one that the address names; a reloaded page finds its run again."""
    run = job_manager().find(st.session_state.get(_RUN_ID) or st.query_params.get(_RUN_QUERY))
    if run is not None:
        st.session_state[_RUN_ID] = run.id
        st.query_params[_RUN_QUERY] = run.id
    return run


def start_run(plan: Plan) -> None:
    """Put a plan into the queue; what is wrong with it is told by `start_error`."""
    st.session_state.pop(_ERROR, None)
    try:
        st.session_state[_RUN_ID] = job_manager().submit(plan, visitor()).id
    except ValueError as error:
        st.session_state[_ERROR] = str(error)


def start_error() -> str | None:
    """Why the last plan or file was refused."""
    error: str | None = st.session_state.get(_ERROR)
    return error


def _axis_field(axis: Axis) -> None:
    chosen = st.session_state.setdefault(axis.key, [axis.options[0]])
    st.multiselect(
        axis.label,
        _with_chosen(list(axis.options), chosen),
        key=axis.key,
        accept_new_options=axis.typed,
        persist_state="session",
        format_func=lambda option: option.replace("_", " ") if axis.field == "kinds" else option,
        help=axis.explanation,
    )


def _method_fields() -> None:
    for field in fields(Method):
        whole = isinstance(field.default, int)
        st.session_state.setdefault(_method_key(field.name), field.default)
        st.number_input(
            _METHOD_LABELS[field.name],
            min_value=1 if whole else 0.001,
            step=1 if whole else None,
            format=None if whole else "%g",
            key=_method_key(field.name),
            persist_state="session",
        )


def _with_chosen(options: list[str], chosen: list[str]) -> list[str]:
    """Options with what a plan file or a person has chosen beside them."""
    return list(dict.fromkeys([*options, *chosen]))


def _method_key(name: str) -> str:
    return f"bench_method_{name}"


def _is_known(name: str, config: HRFormerConfig) -> bool:
    try:
        model_of(name, config)
    except ValueError:
        return False
    return True


def _take_plan_file() -> None:
    """Set all choices to those of an uploaded plan; nothing changes when it is refused."""
    state = st.session_state
    file = state["bench_plan_file"]
    state.pop(_ERROR, None)
    if file is None:
        return
    try:
        plan = Plan.from_yaml(file.getvalue().decode("utf-8"))
    except UnicodeDecodeError:
        state[_ERROR] = f"{file.name} was not taken. It is not UTF-8 text: save the plan as YAML in UTF-8."
        return
    except ValueError as error:
        state[_ERROR] = f"{file.name} was not taken. {error}"
        return
    state[_MODELS] = [name_of(model) for model in plan.models]
    for axis in AXES:
        state[axis.key] = [axis.write(value) for value in getattr(plan, axis.field)]
    for field in fields(Method):
        value = getattr(plan.method, field.name)
        # A number field keeps whole and broken numbers apart, a file may write 3 for 3.0.
        state[_method_key(field.name)] = value if isinstance(field.default, int) else float(value)
