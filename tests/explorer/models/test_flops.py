"""Counting a model: the same numbers as PyTorch's counter, and nothing of it in other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.benchmark.footprint import footprint
from explorer.benchmark.measuring.profile_measurement import macs_by_part
from explorer.inspection.attribution import integrated_gradients
from explorer.inspection.explained import Explained
from explorer.models.counting import build_meta_model, meta_images, model_cost
from explorer.models.flops import flops_by_module
from explorer.models.model_ref import model_by_name, variant
from hrformer import HRFormer, create_model
from tests.variants import tiny

CONFIG = tiny(img_size=(64, 64))
SEGMENTER = tiny("segmentation", channels=(8, 8, 16, 16), num_blocks=(2,) * 4)
COUNTED = model_by_name("resnet10t")
SIZE = (64, 64)


def test_a_layers_flops_are_two_for_each_weight_and_input() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 5)))
    counts = flops_by_module(model, torch.empty(2, 3, device="meta"))
    totals = {path: sum(by_operator.values()) for path, by_operator in counts.items()}
    first, second = 2 * 2 * 3 * 4, 2 * 2 * 4 * 5
    assert totals == {"": first + second, "0": first, "2": second, "2.0": second}


@pytest.mark.parametrize(
    ("ref", "img_size"),
    [
        *(
            (model_by_name(name), model_by_name(name).default_img_size)
            for name in (
                "resnet10t",
                "deit_tiny_patch16_224",
                "swin_tiny_patch4_window7_224",
                "convnext_atto",
                "cait_xxs24_224",
                "pit_ti_224",
                "gmixer_12_224",
                "halonet26t",
                "swin_tiny_pose",
            )
        ),
        (model_by_name("hrnet_w18_small"), (96, 64)),
        (variant(CONFIG), (64, 96)),
        (variant(SEGMENTER), (64, 64)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_every_module_has_the_count_of_pytorchs_own_counter(ref: Any, img_size: tuple[int, int]) -> None:
    model = build_meta_model(ref, img_size).requires_grad_(False)  # its hooks stumble over learned tokens
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(meta_images(ref, img_size))
    root = type(model).__name__
    expected = {
        path.removeprefix(root).removeprefix("."): counts
        for path, counts in counter.get_flop_counts().items()
        if path != "Global"
    }
    assert flops_by_module(build_meta_model(ref, img_size), meta_images(ref, img_size)) == expected
    assert sum(expected[""].values()) == counter.get_total_flops() > 0


def test_a_layer_that_two_modules_share_counts_in_one_of_them_and_no_part_is_negative() -> None:
    shared = nn.Linear(3, 3, device="meta")
    model = nn.Sequential(nn.Sequential(shared), nn.Sequential(shared))
    counts = flops_by_module(model, torch.empty(2, 3, device="meta"))
    assert {path: sum(by_operator.values()) for path, by_operator in counts.items()} == {
        "": 72,
        "0": 36,
        "1": 36,
        "1.0": 72,
    }
    coat = model_by_name("coat_tiny")  # shares its position encodings
    parts = macs_by_part(coat, coat.default_img_size)
    assert min(parts.values()) >= 0
    assert sum(parts.values()) == model_cost(coat, coat.default_img_size).macs


def test_a_count_leaves_no_hook_behind_even_when_it_fails() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    flops_by_module(model, torch.empty(2, 3, device="meta"))
    with pytest.raises(RuntimeError, match="same reduction dim"):
        flops_by_module(model, torch.empty(2, 4, device="meta"))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


class _Halting(nn.Module):
    """Lets something else happen while it is being counted."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.meanwhile = meanwhile

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.meanwhile()
        return self.layer(x)


def in_a_thread(work: Callable[[], None]) -> None:
    thread = Thread(target=work)
    thread.start()
    thread.join()


def test_what_another_thread_runs_meanwhile_is_not_counted_and_hears_nothing_of_it() -> None:
    other = nn.Sequential(nn.Linear(7, 7), nn.Linear(7, 7))
    hooks: list[int] = []

    def compute() -> None:
        inputs = torch.ones(1, 7, requires_grad=True)
        other(inputs).sum().backward()
        hooks.append(len(nn.modules.module._global_forward_pre_hooks) + len(nn.modules.module._global_forward_hooks))

    with torch.device("meta"):
        model = _Halting(lambda: in_a_thread(compute))
    counts = flops_by_module(model, torch.empty(2, 3, device="meta"))
    assert {path: sum(by_operator.values()) for path, by_operator in counts.items()} == {"": 48, "layer": 48}
    assert hooks == [0]


def count_cost() -> object:
    return model_cost.__wrapped__(COUNTED, SIZE)


def count_parts() -> object:
    return macs_by_part(COUNTED, SIZE)


def count_memory() -> object:
    return footprint.__wrapped__(COUNTED, SIZE, training=True)


@contextmanager
def repeated(work: Callable[[], object], threads: int) -> Iterator[list[object]]:
    """Let threads do some work again and again; the list grows by what comes out, errors too."""
    outcomes: list[object] = []
    stop = Event()

    def repeat() -> None:
        while not stop.is_set():
            try:
                outcomes.append(work())
            except Exception as error:  # noqa: BLE001 - told by the list
                outcomes.append(error)

    running = [Thread(target=repeat) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        for thread in running:
            thread.join()


@pytest.fixture(scope="module")
def explained() -> tuple[HRFormer, torch.Tensor]:
    torch.manual_seed(0)
    return create_model(CONFIG).eval(), torch.randn(1, 3, *SIZE)


@pytest.mark.parametrize("count", [count_cost, count_parts, count_memory])
def test_integrated_gradients_are_the_same_while_others_count(
    count: Callable[[], object], explained: tuple[HRFormer, torch.Tensor]
) -> None:
    alone, counted_alone = integrated_gradients(*explained, Explained(1), steps=4), count()
    with repeated(count, threads=2) as counted:
        results = [integrated_gradients(*explained, Explained(1), steps=4) for _ in range(8)]
    assert all(torch.equal(result.values, alone.values) for result in results)
    assert counted
    assert [outcome for outcome in counted if outcome != counted_alone] == []


@pytest.mark.parametrize("count", [count_cost, count_parts, count_memory])
def test_counts_are_the_same_while_others_train_and_look(count: Callable[[], object]) -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.GELU()) for _ in range(20)))
    inputs = torch.ones(2, 8)

    def gradients() -> list[list[float]]:
        return [
            gradient.flatten().tolist() for gradient in torch.autograd.grad(model(inputs).sum(), model.parameters())
        ]

    @torch.inference_mode()
    def look() -> list[float]:
        return model(inputs).flatten().tolist()

    counted, own, seen = count(), gradients(), look()
    with repeated(gradients, threads=1) as trained, repeated(look, threads=1) as looked:
        assert [count() for _ in range(5)] == [counted] * 5
    assert trained
    assert looked
    assert [outcome for outcome in trained if outcome != own] == []
    assert [outcome for outcome in looked if outcome != seen] == []
