"""What the measuring process does, called in this one: steps, turns, and the search for the largest batch."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.benchmark.measuring import worker
from explorer.benchmark.measuring.device import open_device
from explorer.benchmark.measuring.nvml import CardWatch
from explorer.benchmark.measuring.step import (
    BuiltStep,
    build_step,
    compute_dtype,
    set_precision,
)
from explorer.benchmark.measuring.worker import (
    largest_fitting,
    measure_alone,
    turn_timer,
)
from explorer.benchmark.outcome import reason_of
from explorer.benchmark.plan import PRECISIONS, Job
from explorer.engines.engine import EngineError
from explorer.models.model_ref import model_by_name, variant
from tests.variants import tiny

pytestmark = pytest.mark.alone

CONFIG = tiny(img_size=(64, 64), num_classes=10)
JOB = Job(model=variant(CONFIG), img_size=(64, 64), threads=1)


def built(**changes):
    job = replace(JOB, **changes)
    return build_step(job, torch.device("cpu"), job.batch_size, lambda: None)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(limit=st.integers(0, 5000), start=st.integers(1, 200))
def test_the_search_finds_the_limit_to_within_a_32nd(limit, start):
    found = largest_fitting(lambda batch_size: batch_size <= limit, start)
    assert limit - max(1, limit // 32) <= found <= limit
    if limit < 32:
        assert found == limit


def test_the_search_never_tries_beyond_its_bound():
    tried = []
    assert largest_fitting(lambda batch_size: not tried.append(batch_size), 3, limit=50) == 50
    assert max(tried) == 50


def test_a_batch_that_does_not_fit_is_no_error_of_the_search(monkeypatch):
    def build(job, device, batch_size, synchronize):
        if batch_size > 5:
            raise MemoryError
        return BuiltStep(torch.nn.Identity(), lambda: None, None)

    monkeypatch.setattr(worker, "build_step", build)
    found = measure_alone(replace(JOB, kind="largest_batch"), open_device("cpu"), lambda message: None)
    assert found.batch_size == 5


def test_another_error_ends_the_search(monkeypatch):
    def build(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(worker, "build_step", build)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        measure_alone(replace(JOB, kind="largest_batch"), open_device("cpu"), lambda message: None)


def test_a_model_of_which_not_one_image_fits_is_out_of_memory(monkeypatch):
    def build(*_):
        raise MemoryError

    monkeypatch.setattr(worker, "build_step", build)
    with pytest.raises(MemoryError, match="not even a batch of one"):
        measure_alone(replace(JOB, kind="largest_batch"), open_device("cpu"), lambda message: None)


def test_alone_finds_memory_and_says_why_nothing_was_compiled():
    found = measure_alone(JOB, open_device("cpu"), lambda message: None)
    assert found.figures.values["peak_rss_mib"] > 50
    assert "eager" in found.figures.reasons["compile_time_s"]


@pytest.mark.parametrize("precision", [name for name in PRECISIONS if name != "tf32"])
def test_every_precision_runs(precision):
    step = built(precision=precision, batch_size=2)
    output = step.run()
    assert output.shape == (2, 10)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision.removeprefix("autocast_"), torch.float32)
    assert output.dtype == half == compute_dtype(precision)
    weight_dtype = half if precision in ("bf16", "fp16") else torch.float32
    assert next(step.model.parameters()).dtype == weight_dtype


def test_channels_last_reaches_the_weights():
    step = built(memory_format="channels_last")
    assert step.model.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_training_step_moves_every_weight_and_drops_the_gradients():
    step = built(kind="training_step", batch_size=2)
    before = [parameter.detach().clone() for parameter in step.model.parameters()]
    step.run()
    after = list(step.model.parameters())
    assert step.model.training
    assert all(parameter.grad is None for parameter in after)
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_inference_keeps_no_graph_and_no_statistics():
    step = built()
    mean = step.model.bn1.running_mean.clone()
    assert not step.run().requires_grad
    assert not step.model.training
    assert torch.equal(step.model.bn1.running_mean, mean)


def test_compiling_is_timed_and_uses_the_mode(monkeypatch):
    modes = []
    monkeypatch.setattr(torch, "compile", lambda model, mode: modes.append((type(model).__name__, mode)) or model)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, mode: modes.append(("itself", mode)))
    assert built(engine="torch.compile", compile_mode="max-autotune").compile_time_s > 0
    assert built(engine="torch.compile", compile_mode="default", kind="training_step", batch_size=2).model.training
    assert modes == [("HRFormer", "max-autotune"), ("itself", "default")]
    assert built().compile_time_s is None


@pytest.mark.parametrize("precision", [name for name in PRECISIONS if name != "tf32"])
def test_the_optimised_form_runs_in_every_precision(precision):
    step = built(engine="optimised eager", precision=precision, batch_size=2)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision.removeprefix("autocast_"), torch.float32)
    assert step.run().dtype == half
    assert not step.run().requires_grad
    assert step.compile_time_s > 0
    assert step.model is None  # the readable form is not kept beside the one that runs


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"engine": "optimised eager", "kind": "training_step"}, "runs inference only: measure training steps"),
        ({"engine": "ONNX Runtime", "precision": "bf16"}, "in fp32 only, not in bf16"),
        ({"engine": "OpenVINO", "precision": "autocast_bf16"}, "in fp32 only, not in autocast_bf16"),
        ({"engine": "OpenVINO", "memory_format": "channels_last"}, "contiguous images only, not channels_last"),
        ({"engine": "ONNX Runtime", "kind": "largest_batch"}, "no search for the largest batch"),
        ({"engine": "optimised eager", "model": model_by_name("test_resnet")}, "rewrites HRFormer only, not ResNet"),
    ],
)
def test_what_an_engine_cannot_run_it_says_in_one_sentence(changes, sentence, monkeypatch):
    monkeypatch.setattr("explorer.engines.onnx_runtime.missing_packages", lambda: None)
    monkeypatch.setattr("explorer.engines.openvino.missing_packages", lambda: None)
    monkeypatch.setattr("explorer.engines.openvino.find_spec", lambda name: object())
    with pytest.raises(EngineError, match=sentence) as caught:
        built(**changes)
    assert reason_of(caught.value) == str(caught.value)


def test_an_engine_that_is_not_installed_says_so(monkeypatch):
    monkeypatch.setattr("explorer.engines.openvino.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"^OpenVINO is not installed: run pip install"):
        built(engine="OpenVINO")


@pytest.mark.parametrize(("precision", "meaning"), [("tf32", "tf32"), ("fp32", "ieee"), ("bf16", "ieee")])
def test_fp32_means_fp32_on_a_card_unless_tf32_is_asked_for(precision, meaning):
    flags = (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn)
    before = [flag.fp32_precision for flag in flags]
    older = (torch.backends.cuda.matmul, torch.backends.cudnn)
    older_before = [flag.allow_tf32 for flag in older]
    try:
        set_precision(precision)
        assert {flag.fp32_precision for flag in flags} == {meaning}
        # The exporter and the compiler read these, which raise where they contradict the others.
        assert {flag.allow_tf32 for flag in older} == {meaning == "tf32"}
    finally:
        for flag, value in zip(older, older_before, strict=True):
            flag.allow_tf32 = value
        for flag, value in zip(flags, before, strict=True):
            flag.fp32_precision = value


def test_a_turn_of_several_calls_opens_with_an_untimed_one():
    calls = []
    turn = turn_timer(open_device("cpu"), lambda: calls.append(1), CardWatch(None), 1)
    assert len(turn(3)) == 3
    assert len(calls) == 4
    assert len(turn(1)) == 1
    assert len(calls) == 5


def test_a_batch_that_fits_only_once_is_not_the_answer(monkeypatch):
    tries = []

    def build(job, device, batch_size, synchronize):
        tries.append(batch_size)
        limit = 37 if tries.count(40) > 1 else 40
        if batch_size > limit:
            raise MemoryError
        return BuiltStep(torch.nn.Identity(), lambda: None, None)

    monkeypatch.setattr(worker, "build_step", build)
    found = measure_alone(replace(JOB, kind="largest_batch"), open_device("cpu"), lambda message: None)
    assert found.batch_size == 37
