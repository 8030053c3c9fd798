"""What a plan will take: the memory check before it starts, and the duration."""

import re

import pytest
import torch

from explorer.benchmark.footprint import LiveTensors, footprint
from explorer.benchmark.forecast import check_memory, estimate_seconds, needed_mib, uncounted
from explorer.benchmark.plan import Job, Plan
from explorer.cost.complexity import estimate_complexity
from explorer.models.counting import build_meta_model, meta_images, model_cost
from explorer.models.model_ref import model_by_name, variant
from hrformer import create_model, optimize_for_inference
from tests.variants import tiny

MIB = 2**20
TINY = model_by_name("hrformer_tiny")
SMALL_CONFIG = tiny(channels=(8, 16, 16, 32), num_blocks=(2,) * 4)


def tensors_of(model: torch.nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]


def test_live_tensors_counts_what_is_alive_at_once():
    quarter_mib = torch.empty(2**16, device="meta")
    with LiveTensors() as live:
        a = quarter_mib + 1
        b = a + 1
        del a
        c = b.view(2, -1) * 2
        del b, c
        _ = quarter_mib * 3
    assert live.peak_bytes == 2 * quarter_mib.nbytes  # views and what is gone do not count


def test_live_tensors_agrees_with_the_closed_form():
    ref = model_by_name("hrformer_base")
    model, images = build_meta_model(ref, (224, 224)), meta_images(ref, (224, 224))
    live = LiveTensors()
    with torch.no_grad(), live:
        model(images)
    assert live.peak_bytes / MIB == pytest.approx(estimate_complexity(ref.config).peak_activation_mib, rel=0.001)


def test_training_keeps_the_activations_and_four_copies_of_the_weights():
    ref = variant(SMALL_CONFIG)
    inference, training = (footprint(ref, (64, 64), training=training) for training in (False, True))
    assert training.resident_mib == pytest.approx(4 * inference.resident_mib)
    assert training.step_mib(8) > 5 * inference.step_mib(8)
    assert training.step_mib(8) == pytest.approx(8 * training.step_mib(1))


def test_half_precision_needs_half_of_all_but_the_overhead():
    full, half = (
        needed_mib(Job(model=TINY, img_size=(224, 224), batch_size=batch, precision=precision))
        for batch, precision in ((64, "fp32"), (64, "bf16"))
    )
    overhead = 900.0
    assert half - overhead == pytest.approx((full - overhead) / 2)


def test_every_engine_but_the_eager_one_holds_the_position_biases_written_out():
    """Those of the optimised form, as it is built."""
    config = tiny(window_sizes=(16,) * 4, relative_position_bias=True)
    eager, optimised, openvino = (
        needed_mib(Job(model=variant(config), img_size=(64, 64), engine=engine))
        for engine in ("eager", "optimised eager", "OpenVINO")
    )
    built = optimize_for_inference(create_model(config).eval(), packed=False)
    biases = sum(value.nbytes for value in tensors_of(built) if value.shape[-2:] == (256, 256)) / MIB
    assert biases > 1
    assert optimised - eager == openvino - eager == pytest.approx(biases, rel=0.05)  # the tables themselves are small


def test_a_plan_that_fits_is_let_through():
    check_memory(Plan(models=(TINY,), batch_sizes=(8,)), lambda _: 4000.0)
    check_memory(Plan(models=(TINY,), batch_sizes=(2**16,)), lambda _: None)


SMALL = variant(SMALL_CONFIG)


def of_64_pixels(*models, **axes):
    return Plan(models=models, img_sizes=((64, 64),), **axes)


@pytest.fixture
def let_timm_build(monkeypatch):
    def let(model):
        monkeypatch.setattr("timm.create_model", lambda name, **options: model)
        return model_by_name("resnet10t")

    for counted in (model_cost, footprint):
        counted.cache_clear()
    yield let
    for counted in (model_cost, footprint):
        counted.cache_clear()


def test_what_cannot_be_counted_refuses_nothing_but_itself(let_timm_build):
    class Failing(torch.nn.Module):
        def forward(self, images):
            raise IndexError("no window left")

    failing = let_timm_build(Failing())
    both, alone, only_counted = of_64_pixels(SMALL, failing), of_64_pixels(failing), of_64_pixels(SMALL)
    check_memory(both, lambda _: 4000.0)
    assert estimate_seconds(both) == estimate_seconds(only_counted)
    (reason,) = uncounted(both)
    assert reason.startswith("resnet10t can't take images of 64x64 pixels (no window left)")
    assert uncounted(only_counted) == ()
    with pytest.raises(ValueError, match="no window left"):
        check_memory(alone, lambda _: 4000.0)
    with pytest.raises(ValueError, match="no window left"):
        estimate_seconds(alone)


def test_what_was_counted_once_but_cannot_be_run_again_is_refused_with_its_reason(let_timm_build):
    class FailsLater(torch.nn.Module):
        calls = 0

        def forward(self, images):
            self.calls += 1
            if self.calls > 1:
                raise IndexError("no window left")
            return images

    with pytest.raises(ValueError, match=r"resnet10t can't take images of 64x64 pixels \(no window left\)"):
        check_memory(of_64_pixels(let_timm_build(FailsLater())), lambda _: 4000.0)


def test_what_cannot_be_trained_on_trial_refuses_nothing_but_itself(let_timm_build):
    class Frozen(torch.nn.Module):
        def forward(self, images):
            return images.detach()

    plan = of_64_pixels(SMALL, let_timm_build(Frozen()), kinds=("inference", "training_step"))
    (reason,) = uncounted(plan)
    assert reason == "resnet10t can't be trained for a trial without memory: RuntimeError."
    check_memory(plan, lambda _: 4000.0)


def test_a_plan_that_cannot_fit_is_refused_with_a_batch_that_would():
    with pytest.raises(ValueError, match="hrformer_tiny with a batch of 4096 at 224x224 needs about") as caught:
        check_memory(Plan(models=(TINY,), batch_sizes=(1, 4096)), lambda _: 4000.0)
    fits = int(re.search(r"a batch of (\d+) would fit", str(caught.value))[1])
    check_memory(Plan(models=(TINY,), batch_sizes=(fits,)), lambda _: 4000.0)
    with pytest.raises(ValueError, match="are free"):
        check_memory(Plan(models=(TINY,), batch_sizes=(fits + 1,)), lambda _: 4000.0)


def test_models_that_only_fit_one_by_one_are_refused_together():
    models = (model_by_name("hrformer_base"), model_by_name("vit_base_patch16_224"))
    free_mib = max(needed_mib(Job(model=model, img_size=(224, 224))) for model in models) + 1
    for model in models:
        check_memory(Plan(models=(model,)), lambda _: free_mib)
    with pytest.raises(ValueError, match="2 models measured together on cpu need about"):
        check_memory(Plan(models=models), lambda _: free_mib)


def test_a_search_for_the_largest_batch_is_checked_for_one_image():
    check_memory(Plan(models=(TINY,), kinds=("largest_batch",), batch_sizes=(4096,)), lambda _: 4000.0)


def test_a_longer_plan_takes_longer():
    short = Plan(models=(TINY,))
    assert 5 < estimate_seconds(short) < 60
    assert estimate_seconds(Plan(models=(TINY,), batch_sizes=(1, 8))) > 1.5 * estimate_seconds(short)
    training = Plan(models=(TINY,), kinds=("training_step",), batch_sizes=(64,))
    assert estimate_seconds(training) > estimate_seconds(Plan(models=(TINY,), batch_sizes=(64,)))
