"""The Benchmark page, from the entrypoint: plans, their refusals, a run with its records, the queue of all sessions."""

import io
import time
from collections.abc import Iterator

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.benchmark.exchange import read_csv
from explorer.benchmark.figures import Figures
from explorer.benchmark.method import Method
from explorer.benchmark.models import model_by_name
from explorer.benchmark.outcome import Place, finished_record, unfinished_record
from explorer.benchmark.plan import Plan
from explorer.benchmark.store import Store
from explorer.ui.benchmark_results import finding, measured_jobs, records_csv, results_table
from explorer.ui.job_manager import job_manager, store_state
from tests.pages.entrypoint import open_app

PAGE = "pages/measure/benchmark.py"
TINY = {
    "preset": "tiny",
    "img_size": "32,32",
    "channels": "4,8,16,32",
    "num_heads": "1,2,4,8",
    "num_modules": "1,1,1,1",
    "num_blocks": "1,1,1,1",
}
SHORT = Method(min_iterations=7, min_seconds=0.01, max_seconds=0.5, warmup_max_seconds=0.1, round_seconds=0.05)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    store_state.clear()
    yield url
    store_state.clear()


def open_benchmark(*models: str) -> AppTest:
    app = open_app(query=TINY)
    app.session_state["bench_models"] = list(models)
    app.session_state["bench_method_min_iterations"] = SHORT.min_iterations
    app.session_state["bench_method_min_seconds"] = SHORT.min_seconds
    app.session_state["bench_method_max_seconds"] = SHORT.max_seconds
    app.session_state["bench_method_warmup_max_seconds"] = SHORT.warmup_max_seconds
    app.session_state["bench_method_round_seconds"] = SHORT.round_seconds
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def errors(app: AppTest) -> str:
    return " ".join(error.value for error in app.error)


def wait_for_end(app: AppTest, seconds: float = 100) -> None:
    run = job_manager().find(app.session_state["bench_run"])
    assert run is not None
    assert run.wait(seconds)
    app.run()
    assert not app.exception


def test_a_run_ends_in_records_that_are_shown_stored_and_downloadable(store: str) -> None:
    app = open_benchmark("this variant")
    app.button(key="start_run").click().run()
    assert app.button(key="start_run").disabled
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
    titles = " ".join(chart.proto.spec.replace("\\u003cbr\\u003e", " ") for chart in app.get("plotly_chart"))
    assert "times as long as" in titles


def test_a_compile_mode_without_the_engine_that_has_it_is_one_sentence() -> None:
    app = open_benchmark("this variant")
    app.multiselect(key="bench_compile_modes").set_value(["max-autotune"]).run()
    assert "means nothing without the engine torch.compile: add it to engines" in errors(app)


def test_a_cancelled_run_says_so() -> None:
    app = open_benchmark("this variant")
    app.button(key="start_run").click().run()
    start = time.monotonic()
    app.button(key="cancel_run").click().run()
    assert time.monotonic() - start < 5  # the second that is asked for is for an idle machine
    wait_for_end(app)
    run = job_manager().find(app.session_state["bench_run"])
    assert run.progress().state == "cancelled"
    told = errors(app) + " ".join(info.value for info in app.info)
    assert "cancelled" in told


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
    app = open_app(query=TINY)
    app.session_state["bench_models"] = ["this variant"]
    app.session_state[key] = value
    app.switch_page(PAGE).run()
    assert not app.exception
    assert words in errors(app)


def test_what_does_not_fit_is_said_before_it_starts() -> None:
    app = open_app(query=TINY)
    app.session_state["bench_models"] = ["hrformer_tiny"]
    app.session_state["bench_batch_sizes"] = "65536"
    app.switch_page(PAGE).run()
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
    assert app.session_state["bench_models"] == ["deit_tiny_patch16_224"]
    assert app.session_state["bench_batch_sizes"] == "2, 5"
    assert app.session_state["bench_kinds"] == ["training_step"]
    assert app.session_state["bench_engines"] == ["eager", "OpenVINO"]
    assert app.session_state["bench_method_min_iterations"] == 7
    app.file_uploader(key="bench_plan_file").upload("bad.yaml", b"models: [resnet18]\ncolour: red", "text/yaml").run()
    assert "bad.yaml was not taken. Unknown key colour" in errors(app)
    assert app.session_state["bench_models"] == ["deit_tiny_patch16_224"]


def test_the_queue_shows_another_sessions_run_and_the_place_behind_it() -> None:
    plan = Plan(models=(model_by_name("hrformer_tiny"),), img_sizes=((32, 32),))
    other = job_manager().submit(plan, "visitor 99")
    try:
        app = open_benchmark("this variant")
        app.button(key="start_run").click().run()
        queue = next(table.value for table in app.table if "who" in table.value)
        assert queue["who"].iloc[0] == "visitor 99"
        assert "you" in queue["who"].iloc[1]
        assert queue["state"].iloc[1] == "waiting for 1 before it"
        app.button(key="cancel_run").click().run()
        assert "cancelled before anything" in " ".join(info.value for info in app.info)
    finally:
        other.cancel()
    assert other.wait(20)


def test_a_store_that_cannot_be_written_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", "sqlite:////proc/nowhere/records.sqlite")
    store_state.clear()
    app = open_benchmark("this variant")
    assert "can still be downloaded" in app.warning[0].value
    assert not app.button(key="start_run").disabled


def test_engines_of_a_model_are_told_apart_and_compared() -> None:
    plan = Plan(models=(model_by_name("hrformer_tiny"),), engines=("eager", "ONNX Runtime"))
    eager, exported = plan.jobs()
    place = Place.here(eager)
    no_memory = Figures(reasons=dict.fromkeys(_UNMEASURED, "not measured"))
    records = [
        finished_record(exported, place, [10.0] * 30, no_memory),
        finished_record(eager, place, [30.0] * 30, no_memory),
    ]
    table = results_table(plan, measured_jobs(plan, records))
    assert table["label"].to_list() == ["hrformer_tiny · eager", "hrformer_tiny · ONNX Runtime"]
    assert table["latency_ms_p50"].to_list() == [30, 10]
    assert table["ratio_to_first"].round(3).to_list() == [1, 0.333]
    assert finding(table).startswith("hrformer_tiny · eager takes 3 times as long as hrformer_tiny · ONNX Runtime")


def test_ratios_are_to_the_first_model_at_the_same_batch_and_failures_keep_their_reason() -> None:
    plan = Plan(models=(model_by_name("hrnet_w18"), model_by_name("hrformer_tiny")), batch_sizes=(1, 8))
    place = Place.here(plan.jobs()[0])
    jobs = plan.jobs()  # batch 1: hrnet, hrformer; batch 8: hrnet, hrformer
    no_memory = Figures(reasons=dict.fromkeys(_UNMEASURED, "not measured"))
    records = [
        finished_record(jobs[1], place, [30.0] * 30, no_memory),
        finished_record(jobs[0], place, [10.0] * 30, no_memory),
        unfinished_record(jobs[3], place, "out_of_memory", "no room"),
        finished_record(jobs[2], place, [50.0] * 30, no_memory),
    ]
    table = results_table(plan, measured_jobs(plan, records))
    assert table["label"].to_list() == [
        "hrnet_w18 · batch 1",
        "hrformer_tiny · batch 1",
        "hrnet_w18 · batch 8",
        "hrformer_tiny · batch 8",
    ]
    assert table["ratio_to_first"].to_list()[:3] == [1, 3, 1]
    assert table["status"].to_list()[3] == "out of memory"
    assert table["reason"].to_list()[3] == "no room"
    assert finding(table[table["latency_ms_p50"].notna()]).startswith(
        "hrformer_tiny takes 3 times as long as hrnet_w18"
    )


_UNMEASURED = (
    "peak_allocated_mib",
    "peak_reserved_mib",
    "process_memory_mib",
    "peak_rss_mib",
    "compile_time_s",
    "peak_flop_s",
    "energy_mj_per_img",
    "power_w",
    "clock_mhz",
    "temperature_c",
    "throttled",
    "other_processes",
)
