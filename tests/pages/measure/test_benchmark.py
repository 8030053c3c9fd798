"""The Benchmark page, from the entrypoint: plans, their refusals, a run with its records, the queue of all sessions."""

import io
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from streamlit.testing.v1 import AppTest

from explorer.benchmark.machine_load import MachineLoad
from explorer.benchmark.plan import Plan
from explorer.benchmark.running.runner import Run, RunProgress
from explorer.command_line import parser
from explorer.command_line.bench import plan_of
from explorer.models.model_ref import ModelRef, model_by_name
from explorer.records.exchange import read_csv
from explorer.records.store import Store
from explorer.ui.measure.benchmark_results import (
    how_far,
    records_csv,
)
from explorer.ui.measure.job_manager import job_manager, machine_load, record_destination
from tests.explorer.benchmark.examples import ENDLESS
from tests.explorer.records.examples import example_record
from tests.pages.entrypoint import SMALL, hold, open_app
from tests.pages.measure.runs import BENCHMARK, SHORT, open_benchmark
from tests.pages.texts import errors, notes, titles


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    record_destination.clear()
    yield url
    record_destination.clear()


def wait_for_end(app: AppTest, seconds: float = 100) -> None:
    run = job_manager().find(app.session_state["bench_run"])
    assert run is not None
    assert run.wait(seconds)
    app.run()
    assert not app.exception


def test_a_run_ends_in_records_that_are_shown_stored_and_downloadable(store: str) -> None:
    app = open_benchmark("this variant")
    app.button(key="start_run").click().run()
    wait_for_end(app)
    assert not app.error
    row = app.dataframe[0].value.iloc[0]
    assert row["status"] == "measured"
    assert row["latency_ms_p50"] > 0
    assert row["ratio_to_first"] == 1
    run = job_manager().find(app.session_state["bench_run"])
    downloaded = list(read_csv(io.BytesIO(records_csv(run.records))))
    assert downloaded == list(run.records)
    with Store(store) as stored:
        assert stored.get(downloaded[0].record_id) == downloaded[0]


def test_a_model_that_cannot_be_counted_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise IndexError("no window left")

    with monkeypatch.context() as patched:
        patched.setattr("timm.create_model", lambda name, **options: Failing())
        app = open_benchmark("this variant", "test_efficientnet_ln")
        assert not app.error
        (warning,) = (warning.value for warning in app.warning)
        assert "test_efficientnet_ln can't be run with images of 160x160" in warning
        assert "no window left" in warning
        assert not app.button(key="start_run").disabled
        app = open_benchmark("test_efficientnet_ln")
        assert "no window left" in errors(app)
        assert app.button(key="start_run").disabled


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_engines_are_measured_in_turns_and_one_that_is_not_there_costs_the_others_nothing() -> None:
    app = open_benchmark("this variant")
    app.multiselect(key="bench_engines").set_value(["eager", "optimised eager", "CUDA graph"]).run()
    assert "CUDA graphs need an NVIDIA card" in app.warning[0].value
    app.button(key="start_run").click().run()
    wait_for_end(app, 300)
    table = app.dataframe[0].value
    assert dict(zip(table["engine"], table["status"], strict=True)) == {
        "eager": "measured",
        "optimised eager": "measured",
        "CUDA graph": "failed",
    }
    assert table["ratio_to_first"].iloc[0] == 1
    assert table["ratio_to_first"].iloc[1] > 0
    assert "CUDA graph · failed: CUDA graphs need an NVIDIA card, and there is none." in errors(app)
    assert "times as long as" in titles(app)


def test_a_compile_mode_without_the_engine_that_has_it_is_one_sentence() -> None:
    app = open_benchmark("this variant")
    app.multiselect(key="bench_compile_modes").set_value(["max-autotune"]).run()
    assert "means nothing without the engine torch.compile: add it to engines" in errors(app)


def test_a_cancelled_run_says_so() -> None:
    app = open_benchmark("this variant", method=ENDLESS)
    app.button(key="start_run").click().run()
    assert app.button(key="start_run").disabled
    app.button(key="cancel_run").click().run()
    wait_for_end(app)
    run = job_manager().find(app.session_state["bench_run"])
    assert run.progress().state == "cancelled"
    assert "cancelled" in errors(app) + notes(app)


def test_a_cancelled_run_offers_no_file_of_nothing_and_leaves_the_reference_on_screen() -> None:
    app = open_benchmark("this variant", "resnet10t", method=ENDLESS)
    app.button(key="start_run").click().run()
    assert "HRFormer-B takes 1.67 times" in titles(app)
    app.button(key="cancel_run").click().run()
    wait_for_end(app)
    run = job_manager().find(app.session_state["bench_run"])
    assert {record.status for record in run.records} <= {"cancelled"}
    assert "2 jobs were cancelled. Nothing was measured." in notes(app) or not run.records
    assert "download_records" not in [button.key for button in app.get("download_button")]
    assert "HRFormer-B takes 1.67 times" in titles(app)
    assert "**Reference run**" in notes(app)  # cancelled records in the store are nothing to show instead


def test_the_bar_tells_work_and_the_time_left_at_the_pace_of_the_last_report() -> None:
    run = Run(Plan(models=tuple(map(model_by_name, ("hrformer_tiny", "resnet18")))), "ana", print)
    half = RunProgress("running", 0, 2, 0.8, (), elapsed_s=50.0, reported_s=40.0)
    assert (
        how_far(run, half) == "0 of 2 jobs done, 40 % of the work · 50 s so far, about 50 s left"
    )  # 40 s / 0.4 - 50 s
    late = RunProgress("running", 1, 2, 1.9, (), elapsed_s=60.0, reported_s=40.0)
    assert how_far(run, late) == "1 of 2 jobs done, 95 % of the work · 60 s so far"
    begun = RunProgress("running", 0, 2, 0.0, (), elapsed_s=2.0, reported_s=0.0)
    assert "0 % of the work · 2 s so far, about" in how_far(run, begun)


def test_the_page_opens_on_the_reference_run_and_then_on_own_records(store: str) -> None:
    app = open_benchmark("this variant")
    assert "**Reference run**" in notes(app)
    assert "AMD EPYC, 2 cores" in notes(app)
    assert "24 November 2026" in notes(app)
    assert "HRFormer-B takes 1.67 times as long as HRNet-W48" in titles(app)
    assert len(app.dataframe[0].value) == 8
    with Store(store) as own:
        assert own.count() == 0
        own.add(example_record(model_name="hrformer_tiny", latency_ms_p50=30.0))
        own.add(example_record(model_name="hrnet_w48", latency_ms_p50=20.0))
    app.run()
    assert "**Reference run**" not in notes(app)
    assert "HRFormer-T takes 1.50 times as long as HRNet-W48" in titles(app)
    assert app.dataframe[0].value["latency_ms_p50"].to_list() == [20, 30]


def test_how_busy_the_machine_is_stands_beside_the_button_and_forbids_nothing(monkeypatch) -> None:
    busy = MachineLoad(runnable_threads=14, load_average_1min=12.0, cores=2)
    monkeypatch.setattr(MachineLoad, "now", lambda: busy)
    machine_load.clear()
    app = open_benchmark("this variant")
    told = " ".join(text.value for text in app.markdown)
    assert "This machine is busy: 14 runnable threads on 2 cores; results will scatter." in told
    assert not app.button(key="start_run").disabled
    machine_load.clear()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_the_commands_for_a_machine_with_a_gpu_measure_the_saved_plan_there(tmp_path, monkeypatch) -> None:
    app = open_benchmark("this variant")
    bench, export = (shlex.split(line) for line in app.code[0].value.splitlines())
    assert bench[:3] == export[:3] == ["python", "-m", "explorer"]
    monkeypatch.chdir(tmp_path)
    saved = Plan(models=(model_by_name("resnet18"),), batch_sizes=(1, 8), threads=(2,))
    Path("plan.yaml").write_text(saved.to_yaml())
    asked = plan_of(parser().parse_args(bench[3:]))
    assert asked == replace(saved, devices=("cuda:0",))
    assert [job.device for job in asked.jobs()] == ["cuda:0"] * 2
    exported = parser().parse_args(export[3:])
    assert (exported.file, exported.device) == ("gpu.csv", ["cuda"])


def test_every_model_of_timm_can_be_chosen_so_that_none_is_added_by_typing() -> None:
    field = open_benchmark("this variant").multiselect(key="bench_models")
    assert {"this variant", "hrformer_tiny", "deit_tiny_patch16_224", "resnet50", *timm.list_models()} <= set(
        field.options
    )
    assert len(set(field.options)) == len(field.options)
    assert not field.proto.accept_new_options


def test_an_unknown_name_gets_the_nearest_and_can_be_left_out() -> None:
    app = open_benchmark("this variant", "hrnet_w19")
    assert "no model called 'hrnet_w19'" in errors(app)
    assert "hrnet_w18" in errors(app)
    app.button(key="drop_models").click().run()
    assert not app.error
    assert not app.button(key="start_run").disabled


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bench_batch_sizes", "1, eight", "'eight' is no whole number"),
        ("bench_batch_sizes", " , ", "batch_sizes is empty"),
        ("bench_img_sizes", "12 by 7", "write height x width"),
        ("bench_kinds", [], "kinds is empty"),
    ],
)
def test_an_illegal_value_is_one_sentence(key: str, value: str | list[str], words: str) -> None:
    app = open_app(query=SMALL)
    hold(app, bench_models=["this variant"], **{key: value})
    app.switch_page(BENCHMARK).run()
    assert not app.exception
    assert words in errors(app)


def test_what_does_not_fit_is_said_before_it_starts() -> None:
    app = open_app(query=SMALL)
    hold(app, bench_models=["hrformer_tiny"])
    hold(app, bench_batch_sizes="65536")
    app.switch_page(BENCHMARK).run()
    assert "MiB are free" in errors(app)
    assert app.button(key="start_run").disabled


def test_a_plan_file_sets_every_choice_and_a_broken_one_none() -> None:
    app = open_benchmark("this variant")
    plan = Plan(
        models=(model_by_name("deit_tiny_patch16_224"),),
        batch_sizes=(2, 5),
        kinds=("training_step",),
        engines=("eager", "OpenVINO"),
        method=SHORT,
    )
    app.file_uploader(key="bench_plan_file").upload("plan.yaml", plan.to_yaml().encode(), "application/yaml").run()
    assert not app.exception
    assert app.session_state["held_choices"]["bench_models"] == ["deit_tiny_patch16_224"]
    assert app.session_state["bench_batch_sizes"] == "2, 5"
    assert app.session_state["bench_kinds"] == ["training_step"]
    assert app.session_state["bench_engines"] == ["eager", "OpenVINO"]
    assert app.session_state["bench_method_min_iterations"] == 7
    app.file_uploader(key="bench_plan_file").upload("bad.yaml", b"models: [resnet18]\ncolour: red", "text/yaml").run()
    assert "bad.yaml was not taken. Unknown key colour" in errors(app)
    assert app.session_state["held_choices"]["bench_models"] == ["deit_tiny_patch16_224"]


def test_a_label_of_another_visitors_plan_is_shown_as_it_is_written() -> None:
    """In a table Markdown would load the picture, in the browser of everybody who looks at the queue."""
    label = "![x](https://example.org/x.png)"
    config = replace(model_by_name("hrformer_tiny").config, img_size=(32, 32))
    other = job_manager().submit(Plan(models=(ModelRef(name=label, config=config),), method=ENDLESS), "visitor 99")
    try:
        app = open_app(BENCHMARK, SMALL)
        queue = next(table.value for table in app.table if "who" in table.value)
        assert queue["what"].iloc[0] == r"1 job\: \!\[x\](https\://example.org/x.png)"
        shown = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
        assert not any("![" in element.value for element in shown)
    finally:
        other.cancel()
    assert other.wait(100)


def test_the_queue_shows_another_sessions_run_and_the_place_behind_it() -> None:
    plan = Plan(models=(model_by_name("hrformer_tiny"),), img_sizes=((32, 32),), method=ENDLESS)
    other = job_manager().submit(plan, "visitor 99")
    try:
        app = open_benchmark("this variant")
        app.button(key="start_run").click().run()
        queue = next(table.value for table in app.table if "who" in table.value)
        assert queue["who"].iloc[0] == "visitor 99"
        assert "you" in queue["who"].iloc[1]
        assert queue["state"].iloc[1] == "waiting for 1 before it"
        app.button(key="cancel_run").click().run()
        assert "cancelled before anything" in notes(app)
    finally:
        other.cancel()
    assert other.wait(100)


def test_a_store_that_cannot_be_written_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", "sqlite:////proc/nowhere/records.sqlite")
    record_destination.clear()
    app = open_benchmark("this variant")
    assert "can still be downloaded" in app.warning[0].value
    assert not app.button(key="start_run").disabled


def test_a_run_that_was_not_alone_is_warned_of_on_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.processes.neighbours.busy_groups", lambda own: [(1, "training")])
    app = open_benchmark("this variant")
    app.button(key="start_run").click().run()
    wait_for_end(app)
    assert "Not measured alone: beside " in " ".join(warning.value for warning in app.warning)
    assert app.dataframe[0].value["ran_beside"].to_list() == ["1 training"]
