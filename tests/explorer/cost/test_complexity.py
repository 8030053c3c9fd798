"""Closed-form cost against the authors' counts, a traced model and measured memory."""

import json
import weakref

import pytest
import torch
from hypothesis import given, settings
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from explorer.cost.complexity import STAGES, estimate_complexity
from explorer.cost.operator_counts import total
from hrformer import PRESETS, TASKS, HRFormerConfig, create_model, preset
from tests.official import REFERENCE
from tests.variants import tiny_variants

PUBLISHED = json.loads((REFERENCE / "flops_classification_224.json").read_text())


@pytest.mark.parametrize("name", PRESETS)
def test_published_figures_are_reproduced_operator_by_operator(name: str) -> None:
    cost, published = estimate_complexity(preset(name)), PUBLISHED[name]
    assert cost.params == published["params"]
    assert cost.macs == published["macs"]
    assert cost.by_operator() == published["by_operator"]
    assert cost.flops_published == published["published_convention"]
    assert round(cost.flops_published / 1e9, 2) == published["published_gflops"]


def traced(config: HRFormerConfig) -> tuple[int, int]:
    """MACs by torch's own counter and parameters of the built model, on the meta device."""
    with torch.device("meta"):
        model = create_model(config).eval()
        x = torch.empty(1, config.in_chans, *config.img_size)
        with FlopCounterMode(display=False) as counter:
            model(x)
    return counter.get_total_flops() // 2, sum(parameter.numel() for parameter in model.parameters())


@given(tiny_variants())
@settings(max_examples=12, deadline=None)
def test_cost_equals_the_traced_model(config: HRFormerConfig) -> None:
    cost = estimate_complexity(config)
    assert (cost.macs, cost.params) == traced(config)
    assert cost.flops == 2 * cost.macs


@pytest.mark.parametrize("task", ["pose", "segmentation"])
def test_cost_of_base_equals_the_traced_model(task: str) -> None:
    config = preset("base", task)
    cost = estimate_complexity(config)
    assert (cost.macs, cost.params) == traced(config)


@given(tiny_variants())
@settings(max_examples=50, deadline=None)
def test_every_split_adds_up_to_the_whole(config: HRFormerConfig) -> None:
    cost = estimate_complexity(config)
    for split in (cost.by_stage(), cost.by_branch(), cost.by_kind()):
        assert total(split.values()) == cost.counts
    assert tuple(cost.by_stage()) == STAGES
    assert 0 <= cost.wasted_attention_share < 1


def test_nothing_is_wasted_where_windows_fit_and_all_but_one_token_where_they_dwarf_the_map() -> None:
    assert estimate_complexity(preset("tiny", img_size=(224, 448))).wasted_attention_share == 0
    # 32x32 pixels leave 8x8, 4x4, 2x2 and 1 token(s). In a window of 64 one token stays one of 4,096.
    wasted = estimate_complexity(preset("tiny", img_size=(32, 32), window_sizes=(8, 4, 2, 64)))
    projections, products = 4 * 144**2, 2 * 144
    padded = 4096 * projections + 4096**2 * products
    blocks = 2 * 2  # two modules of two blocks, in stage 4 only
    assert wasted.wasted_attention_macs["stage 4", 3] == blocks * (padded - projections - products)
    assert all(value == 0 for place, value in wasted.wasted_attention_macs.items() if place != ("stage 4", 3))


class LiveTensors(TorchDispatchMode):
    """Counts the bytes of all storages that operators make, from their birth to their death."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
        self.live_bytes = self.peak_bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._register(tensor.untyped_storage())
        return result

    def _register(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self.known:
            return
        self.known.add(storage._cdata)
        self.live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._release, storage._cdata, storage.nbytes())

    def _release(self, identity: int, size: int) -> None:
        self.known.discard(identity)
        self.live_bytes -= size


def measured_peak(config: HRFormerConfig) -> int:
    """Elements of all activations at the peak of a real forward."""
    model = create_model(config).eval()
    x = torch.randn(1, config.in_chans, *config.img_size)
    with torch.no_grad(), LiveTensors(model) as tracker:
        tracker.known.add(x.untyped_storage()._cdata)
        model(x)
    return tracker.peak_bytes // 4


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["tiny", "base"])
def test_peak_memory_of_presets_is_near_the_measured_one(name: str, task: str) -> None:
    config = preset(name, task, img_size=(192, 256))
    assert estimate_complexity(config).peak_activation_elements == pytest.approx(measured_peak(config), rel=0.05)


@given(tiny_variants())
@settings(max_examples=15, deadline=None)
def test_peak_memory_is_near_the_measured_one(config: HRFormerConfig) -> None:
    assert estimate_complexity(config).peak_activation_elements == pytest.approx(measured_peak(config), rel=0.2)


def test_half_precision_takes_half_the_bytes() -> None:
    cost = estimate_complexity(preset("tiny"))
    assert cost.peak_activation_mib == 2 * cost.peak_activation_half_mib


def test_an_enormous_variant_is_costed() -> None:
    config = preset("base", num_modules=(1, 64, 64, 64), num_blocks=(64,) * 4, img_size=(8192, 8192))
    assert estimate_complexity(config).params > 10**10
