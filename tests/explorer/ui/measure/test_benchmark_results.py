"""Records of a run as a table: in the plan's order, each with its job, its ratio and what went wrong."""

from dataclasses import replace

from explorer.benchmark.outcome import Measured, Place, finished_record, unfinished_record
from explorer.benchmark.plan import Plan
from explorer.charts.benchmark import latency_bars
from explorer.models.model_ref import ModelRef, model_by_name
from explorer.ui.measure.benchmark_results import finding, records_in_words, results_of, results_table
from hrformer import preset
from tests.explorer.benchmark.examples import NOTHING_ELSE


def test_engines_of_a_model_are_told_apart_and_compared() -> None:
    plan = Plan(models=(model_by_name("hrformer_tiny"),), engines=("eager", "ONNX Runtime"))
    eager, exported = plan.jobs()
    place = Place.here(eager)
    measured = [
        Measured(exported, finished_record(exported, place, [10.0] * 30, NOTHING_ELSE)),
        Measured(eager, finished_record(eager, place, [30.0] * 30, NOTHING_ELSE)),
    ]
    table = results_table(plan, results_of(plan, measured))
    assert table["label"].to_list() == ["hrformer_tiny · eager", "hrformer_tiny · ONNX Runtime"]
    assert table["latency_ms_p50"].to_list() == [30, 10]
    assert table["ratio_to_first"].round(3).to_list() == [1, 0.333]
    assert finding(table).startswith("hrformer_tiny · eager takes 3 times as long as hrformer_tiny · ONNX Runtime")


def test_ratios_are_to_the_first_model_at_the_same_batch_and_failures_keep_their_reason() -> None:
    plan = Plan(models=(model_by_name("hrnet_w18"), model_by_name("hrformer_tiny")), batch_sizes=(1, 8))
    place = Place.here(plan.jobs()[0])
    jobs = plan.jobs()  # batch 1: hrnet, hrformer; batch 8: hrnet, hrformer
    measured = [
        Measured(jobs[1], finished_record(jobs[1], place, [30.0] * 30, NOTHING_ELSE)),
        Measured(jobs[0], finished_record(jobs[0], place, [10.0] * 30, NOTHING_ELSE)),
        Measured(jobs[3], unfinished_record(jobs[3], place, "out_of_memory", "no room")),
        Measured(jobs[2], finished_record(jobs[2], place, [50.0] * 30, NOTHING_ELSE)),
    ]
    table = results_table(plan, results_of(plan, measured))
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


def test_what_was_not_measured_alone_is_marked_and_said() -> None:
    plan = Plan(models=(model_by_name("hrnet_w18"), model_by_name("hrformer_tiny")))
    jobs = plan.jobs()
    beside = ["nothing", "1 benchmark, 1 app computation"]
    measured = [
        Measured(job, replace(finished_record(job, Place.here(job), [10.0] * 30, NOTHING_ELSE), ran_beside=told))
        for job, told in zip(jobs, beside, strict=True)
    ]
    table = results_table(plan, results_of(plan, measured))
    assert table["ran_beside"].fillna("").to_list() == ["", "1 benchmark, 1 app computation"]
    bars = table.assign(model=table["label"], latency_ratio=table["ratio_to_first"])
    (drawn,) = latency_bars(bars, "hrnet_w18", "title").data
    assert list(drawn.marker.pattern.shape) == ["", "x"]
    assert [row[4] for row in drawn.customdata] == ["", "; beside it ran 1 benchmark, 1 app computation"]


def test_a_file_of_records_says_what_it_holds() -> None:
    (job,) = Plan(models=(model_by_name("hrformer_tiny"),)).jobs()
    place = Place.here(job)
    measured = finished_record(job, place, [10.0] * 30, NOTHING_ELSE)
    failed = unfinished_record(job, place, "failed", "boom")
    cancelled = unfinished_record(job, place, "cancelled", "cancelled")
    assert records_in_words([measured]) == "1 record"
    assert records_in_words([measured] * 3) == "3 records"
    assert records_in_words([cancelled, measured, failed, measured, cancelled]) == "2 measured, 1 failed, 2 cancelled"


def test_a_job_that_two_groups_share_keeps_a_record_in_each() -> None:
    """ResNet's own size is 224x224, so that both sizes of the plan are the same to it."""
    models = (model_by_name("hrformer_tiny_pose"), model_by_name("resnet18"))
    plan = Plan(models=models, img_sizes=(None, (224, 224)))
    jobs = plan.jobs()
    assert jobs[1] == jobs[3]
    latencies = (10.0, 20.0, 30.0, 90.0)
    measured = [
        Measured(job, finished_record(job, Place.here(job), [latency] * 30, NOTHING_ELSE))
        for job, latency in zip(jobs, latencies, strict=True)
    ]
    assert results_table(plan, results_of(plan, measured))["ratio_to_first"].to_list() == [1, 2, 1, 3]


def test_a_record_belongs_to_its_job_whatever_it_says_of_itself() -> None:
    """The largest batch is found out, threads may be torch's own choice, and a name is no identity."""
    plan = Plan(models=(model_by_name("resnet18"),), kinds=("largest_batch",))
    (job,) = plan.jobs()
    record = finished_record(replace(job, batch_size=64), Place.here(job), [10.0] * 30, NOTHING_ELSE)
    (result,) = results_of(plan, [Measured(job, replace(record, model_name="renamed", threads=3))])
    assert (result.job, result.record.batch_size, result.ratio_to_first) == (job, 64, None)


def test_a_variant_has_its_familys_colour_whatever_it_is_called() -> None:
    plan = Plan(models=(ModelRef(name="mine", config=preset("tiny")),))
    (job,) = plan.jobs()
    record = finished_record(job, Place.here(job), [10.0] * 30, NOTHING_ELSE)
    assert results_table(plan, results_of(plan, [Measured(job, record)]))["family"].to_list() == ["HRFormer"]
