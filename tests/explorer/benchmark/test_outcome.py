"""Records from figures: achieved FLOP/s, missing figures, failures."""

import pytest
import torch

from explorer.benchmark.measuring.device import open_device
from explorer.benchmark.outcome import (
    Place,
    finished_record,
    reason_of,
    status_of,
    unfinished_record,
)
from explorer.benchmark.plan import Job
from explorer.models.model_ref import model_by_name
from explorer.records.figures import Figures
from explorer.records.record import FIGURES

TINY = model_by_name("hrformer_tiny")
REST = Figures({"peak_flop_s": 1e12, "peak_rss_mib": 700.0}, dict.fromkeys(FIGURES, "not asked for"))


def place(job):
    device = open_device("cpu")
    return Place.here(job, device.name, device.uuid)


@pytest.mark.parametrize(("kind", "passes"), [("inference", 1), ("training_step", 3)])
def test_achieved_flops_are_those_of_the_whole_batch(kind, passes):
    job = Job(model=TINY, img_size=(224, 224), batch_size=4, kind=kind)
    record = finished_record(job, place(job), [50.0] * 30, REST)
    # 1,708,032,196 MACs an image (tests of the model's cost); 4 images in 50 ms.
    assert record.achieved_flop_s == pytest.approx(2 * 1_708_032_196 * 4 / 0.05 * passes)
    assert record.peak_flop_share == pytest.approx(record.achieved_flop_s / 1e12)
    assert record.throughput_img_s == pytest.approx(80)
    assert record.samples_ms == (50.0,) * 30


def test_the_products_inside_attention_are_told_apart():
    job = Job(model=model_by_name("deit_tiny_patch16_224"), img_size=(224, 224))
    record = finished_record(job, place(job), [50.0] * 30, REST)
    assert record.product_macs == 12 * 2 * 197**2 * 192  # blocks, two products, tokens, width


def test_a_figure_wins_over_a_reason():
    job = Job(model=TINY, img_size=(224, 224))
    record = finished_record(job, place(job), [50.0] * 30, REST)
    assert record.peak_rss_mib == 700
    assert "peak_rss_mib" not in record.reasons
    assert record.reasons["energy_mj_per_img"] == "not asked for"


def test_without_a_peak_there_is_no_share():
    job = Job(model=TINY, img_size=(224, 224))
    record = finished_record(job, place(job), [50.0] * 30, Figures(reasons=dict.fromkeys(FIGURES, "no product")))
    assert record.peak_flop_share is None
    assert record.reasons["peak_flop_share"] == "no product"


def test_a_record_names_everything_that_was_chosen():
    job = Job(model=TINY, img_size=(192, 256), batch_size=2, threads=1, precision="bf16", memory_format="channels_last")
    record = finished_record(job, place(job), [10.0] * 30, REST)
    assert (record.img_height, record.img_width, record.batch_size) == (192, 256, 2)
    assert (record.device, record.device_index, record.threads) == ("cpu", None, 1)
    assert (record.precision, record.memory_format, record.compile_mode) == ("bf16", "channels_last", "eager")
    assert record.config["img_size"] == [192, 256]
    assert record.environment["method"]["min_seconds"] == job.method.min_seconds


def test_an_unfinished_job_keeps_its_costs_and_no_measurement():
    job = Job(model=model_by_name("resnet18"), img_size=(64, 64))
    record = unfinished_record(job, Place.here(job), "out_of_memory", "no room")
    assert (record.status, record.status_reason) == ("out_of_memory", "no room")
    assert record.params == 11_689_512
    assert record.latency_ms_p50 is None


def test_a_job_whose_size_the_model_does_not_take_is_a_record_all_the_same():
    job = Job(model=model_by_name("deit_tiny_patch16_224"), img_size=(8, 8))
    record = unfinished_record(job, Place.here(job), "failed", "wrong size")
    assert "can't take images of 8x8" in record.reasons["macs"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory."), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes."), "out_of_memory"),
        (RuntimeError("MPS backend out of memory"), "out_of_memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "failed"),
        (KeyError("x"), "failed"),
    ],
)
def test_errors_are_told_apart(error, status):
    assert status_of(error) == status


def test_an_error_is_told_in_one_line():
    assert reason_of(ValueError("first\nsecond")) == "ValueError: first"
    assert reason_of(MemoryError()) == "MemoryError"
