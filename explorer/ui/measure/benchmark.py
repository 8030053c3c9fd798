"""Controls of the Benchmark page: a plan from the sidebar or a file, its forecast, and the run it starts."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pandas as pd
import streamlit as st

from explorer.benchmark.forecast import check_memory, estimate_seconds, needed_mib, uncounted
from explorer.benchmark.measuring.device import device_names
from explorer.benchmark.method import MOST, Method
from explorer.benchmark.plan import Job, Plan, parse_device
from explorer.benchmark.running.runner import Run
from explorer.engines.registry import engine_by_name
from explorer.models.counting import model_cost
from explorer.models.labels import engine_label
from explorer.reading.uploads import plan_values_from_upload, reading_server
from explorer.ui import address, choices
from explorer.ui.measure.job_manager import free_mib, job_manager
from explorer.ui.measure.model_choice import (
    THIS_VARIANT,
    model_labels,
    model_of,
    model_options,
    name_of,
    pinned_models,
    write_img_size,
)
from explorer.ui.measure.plan_axes import AXES, Axis, write_threads
from explorer.ui.panels import csv_button, file_button
from explorer.ui.visitors import visitor
from explorer.units import counted, duration
from hrformer import HRFormerConfig

MAX_PLAN_MIB = 1
DEFAULT_MODELS = (THIS_VARIANT, "hrnet_w18", "deit_tiny_patch16_224")
_MODELS = "bench_models"
_RUN_ID = "bench_run"
_ERROR = "bench_error"
_RUN_QUERY = "run"

#: What measures a saved plan on a machine with a GPU, and writes its records.
GPU_COMMANDS = """python -m explorer bench --plan plan.yaml --device cuda:0
python -m explorer export gpu.csv --device cuda"""

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
    with st.sidebar:
        choices.several_of(
            "Models",
            _with_chosen(model_options(), _chosen_models()),
            key=_MODELS,
            default=DEFAULT_MODELS,
            format_func=model_labels(),
            filter_mode="contains",
            select_all=False,
            help="Ratios are to the first one. Type to find any of timm's models, such as resnet50.",
        )
        if missing := [name for name in pinned_models() if name not in _chosen_models()]:
            st.button(
                f"Add {counted(len(missing), 'pinned variant')}",
                key="add_pinned",
                icon=":material/keep:",
                type="tertiary",
                on_click=_add_models,
                args=(missing,),
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
        reading_server().start()  # it is ready by the time that a file has been chosen
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
    axes: dict[str, Any] = {axis.field: axis.read(choices.held(axis.key, axis.default)) for axis in AXES}
    models = tuple(model_of(name, config) for name in _chosen_models())
    usual = Method()
    method = Method(**{name: choices.held(_method_key(name), getattr(usual, name)) for name in _METHOD_LABELS})
    return Plan(models=models, method=method, **axes)


def unknown_models(config: HRFormerConfig) -> list[str]:
    """The chosen names that no model has."""
    return [name for name in _chosen_models() if not _is_known(name, config)]


def drop_models(names: list[str]) -> None:
    """Take names out of the choice."""
    choices.hold(_MODELS, [name for name in _chosen_models() if name not in names])


def _add_models(names: list[str]) -> None:
    choices.hold(_MODELS, [*_chosen_models(), *names])


def forecast_problem(plan: Plan) -> str | None:
    """Why a plan can't run here, one sentence; None if it can."""
    try:
        with st.spinner("Counting work and memory of the models"):
            check_memory(plan, free_mib)
            estimated_seconds(plan, plan.to_yaml())
    except ValueError as error:
        return str(error)
    return None


def without_forecast(plan: Plan) -> list[str]:
    """Why some of the plan's jobs can't be counted before they run, one sentence each; the others go on."""
    return [f"Not in the forecast, and fails alone if it can't run: {reason}" for reason in uncounted(plan)]


def missing_engines(plan: Plan) -> list[str]:
    """Why some of the plan's engines do not run on this machine, one sentence each; the others go on."""
    reasons = (engine_by_name(name).available() for name in plan.engines)
    return [reason for reason in reasons if reason is not None]


@st.cache_data(max_entries=64, show_spinner=False)
def estimated_seconds(_plan: Plan, plan_yaml: str) -> float:
    """Rough duration of a plan, s; `plan_yaml` stands for the plan."""
    del plan_yaml
    return estimate_seconds(_plan)


def plan_bar(plan: Plan, *, is_busy: bool, problem: str | None) -> None:
    """Run and download of a plan, with how long it takes."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run this plan",
            icon=":material/play_arrow:",
            key="start_run",
            disabled=is_busy or problem is not None,
            on_click=_start_run,
            args=(plan,),
            help="Each job runs in a process of its own; models are measured in turns, so a drifting machine hits all.",
        )
        file_button("Plan as YAML", plan.to_yaml, "plan.yaml", "application/yaml", key="download_plan")
        if problem is None:
            jobs = len(plan.jobs())
            takes = duration(estimated_seconds(plan, plan.to_yaml()))
            st.markdown(f"**{jobs} job{'s' if jobs > 1 else ''}, about {takes}** (rough, within a factor of three)")
        if not any(parse_device(name)[0] == "cuda" for name in device_names()):
            _show_way_to_a_gpu()


def _show_way_to_a_gpu() -> None:
    """How to run the same plan where there is a GPU, and bring its records back."""
    with st.popover("No GPU here?", icon=":material/memory:", type="tertiary"):
        st.markdown(
            "**Run the same plan on a machine with a GPU.** Save it with *Plan as YAML*, copy the file to that "
            "machine's explorer, and there:"
        )
        st.code(GPU_COMMANDS, language="bash")
        st.markdown("Bring `gpu.csv` back: *Import records* in the sidebar of the Comparison page.")
        st.page_link("pages/measure/comparison.py", label="Comparison", icon=":material/compare_arrows:")


def show_plan(plan: Plan) -> None:
    """The jobs of a plan with what each will take."""
    table = plan_table(plan)
    st.dataframe(
        table,
        hide_index=True,
        alt="Jobs of the plan",
        column_config={
            "GMACs": st.column_config.NumberColumn(format="%.3g", help="Multiply-adds of one image, in billions."),
            "MiB": st.column_config.NumberColumn(format="%.0f", help="Memory needed, estimated, process included."),
        },
    )
    csv_button(table, "plan", "Jobs as CSV")


def plan_table(plan: Plan) -> pd.DataFrame:
    """One row per job with what it will take."""
    return pd.DataFrame(
        [
            {
                "model": job.model.name,
                "measure": job.kind.replace("_", " "),
                "batch": job.batch_size,
                "image": write_img_size(job.img_size),
                "device": job.device,
                "threads": write_threads(job.threads) if job.device == "cpu" else "",
                "precision": job.precision,
                "format": job.memory_format,
                "engine": engine_label(job.engine, job.compile_mode),
                **_forecast(job),
            }
            for job in plan.jobs()
        ]
    )


def _forecast(job: Job) -> dict[str, float | None]:
    try:
        return {"GMACs": model_cost(job.model, job.img_size).macs / 1e9, "MiB": needed_mib(job)}
    except ValueError:  # said once above the plan
        return {"GMACs": None, "MiB": None}


def current_run() -> Run | None:
    """The session's run, or the one that the address names; a reloaded page finds its run again."""
    run = job_manager().find(address.take(_RUN_QUERY) or st.session_state.get(_RUN_ID))
    if run is not None:
        st.session_state[_RUN_ID] = run.id
        address.keep(_RUN_QUERY, run.id)
    return run


def start_error() -> str | None:
    """Why the last plan or file was refused."""
    error: str | None = st.session_state.get(_ERROR)
    return error


def _start_run(plan: Plan) -> None:
    """Put a plan into the queue; what is wrong with it is told by `start_error`."""
    st.session_state.pop(_ERROR, None)
    try:
        st.session_state[_RUN_ID] = job_manager().submit(plan, visitor()).id
    except ValueError as error:
        st.session_state[_ERROR] = str(error)


def _axis_field(axis: Axis) -> None:
    if isinstance(axis.default, str):
        choices.typed(axis.label, key=axis.key, default=axis.default, help=axis.explanation)
        return
    choices.several_of(
        axis.label,
        _with_chosen(list(axis.options), choices.held(axis.key, axis.default)),
        key=axis.key,
        default=axis.default,
        format_func=lambda option: option.replace("_", " ") if axis.field == "kinds" else option,
        help=axis.explanation,
    )


def _method_fields() -> None:
    for name, label in _METHOD_LABELS.items():
        usual: int | float = getattr(Method(), name)
        whole = isinstance(usual, int)
        choices.number(
            st.number_input,
            label,
            1 if whole else 0.001,
            MOST if whole else float(MOST),
            key=_method_key(name),
            default=usual,
            step=1 if whole else None,
            format=None if whole else "%g",
        )


def _chosen_models() -> list[str]:
    return choices.held(_MODELS, list(DEFAULT_MODELS))


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
        plan = Plan.from_dict(plan_values_from_upload(file.getvalue()))
    except ValueError as error:
        state[_ERROR] = f"{file.name} was not taken. {error}"
        return
    choices.hold(_MODELS, [name_of(model) for model in plan.models])
    for axis in AXES:
        choices.hold(axis.key, axis.hold(getattr(plan, axis.field)))
    for field in fields(Method):
        value = getattr(plan.method, field.name)
        # A number field keeps whole and decimal numbers apart, a file may write 3 for 3.0.
        choices.hold(_method_key(field.name), value if isinstance(field.default, int) else float(value))
