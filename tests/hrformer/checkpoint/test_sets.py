"""Which sets of weights a file holds, which is taken, and that odd files cost nothing."""

from typing import Any

import pytest
import torch

from hrformer.checkpoint.sets import chosen_set, weight_sets

ONE = {"stage4.0.weight": torch.zeros(1)}
OTHER = {"stage4.0.weight": torch.ones(1)}
ELSE = {"fc.weight": torch.ones(1)}


def values(saved: dict[str, Any]) -> dict[str, float]:
    return {
        each.name: next(value.item() for value in each.weights.values() if isinstance(value, torch.Tensor))
        for each in weight_sets(saved)
    }


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (ONE, {"raw": 0}),
        ({"model": ONE}, {"raw": 0}),
        ({"state_dict": {"model": {"net": ONE}}}, {"raw": 0}),
        ({"model": ONE, "model_ema": OTHER}, {"ema": 1, "raw": 0}),
        ({"model_ema": OTHER}, {"ema": 1}),
        ({"ema": {"state_dict": OTHER}, "state_dict": ONE}, {"ema": 1, "raw": 0}),
        ({"model": {"state_dict": ONE, "state_dict_ema": OTHER}}, {"ema": 1, "raw": 0}),
        ({"net": ONE, "model": ELSE}, {"raw": 0}),
        ({"state_dict": ONE, "net": OTHER}, {"raw": 0, "net": 1}),
        ({"ema": {"decay": torch.ones(1)}, "model": ONE}, {"raw": 0}),
        ({"model": {"config": {}}, **ONE}, {"raw": 0}),
        ({"ema": None, "model": "name", "state_dict": ONE}, {"raw": 0}),
        (ELSE, {"raw": 1}),
    ],
)
def test_sets_are_found_below_their_wrappers(saved: dict[str, Any], expected: dict[str, float]) -> None:
    assert values(saved) == expected
    assert list(values(saved)) == list(expected)


MMENGINE = {"state_dict": OTHER, "ema_state_dict": {f"module.{key}": value for key, value in ONE.items()}}


@pytest.mark.parametrize(
    "mark",
    [{"message_hub": {}}, {"meta": {"mmengine_version": "0.10"}}],
)
def test_mmengine_saves_the_average_as_the_state_dict(mark: dict[str, Any]) -> None:
    """Its EMA hook swaps the two before it saves, so that the average is what deployment loads."""
    assert values(MMENGINE | mark) == {"ema": 1, "raw": 0}
    assert values(MMENGINE) == {"ema": 0, "raw": 1}


def test_what_lies_beside_the_weights_is_named() -> None:
    saved = {"epoch": 3, "state_dict": ONE, "state_dict_ema": OTHER, "optimizer": {"state": {}}}
    assert weight_sets(saved)[0].beside == ("epoch", "optimizer")
    assert weight_sets({"epoch": 3, **ONE})[0].beside == ("epoch",)


def test_a_set_is_chosen_by_its_name() -> None:
    sets = weight_sets({"model": ONE, "model_ema": OTHER})
    assert chosen_set(sets, None).name == "ema"
    assert chosen_set(sets, "raw").weights is ONE
    assert chosen_set(sets, "raw").others == ("ema",)
    with pytest.raises(ValueError, match=r"weights = 'best' is not in the file: it has ema, raw\."):
        chosen_set(sets, "best")


def test_wrappers_that_share_what_they_hold_are_looked_into_once() -> None:
    """Each level refers to the one below under every name; walking all ways would take 14^9 steps."""
    names = ("state_dict", "model", "net", "params", "ema", "teacher", "student", "module", "network", "model_ema")
    saved: dict[str, Any] = dict(ONE)
    for _ in range(9):
        saved = dict.fromkeys(names, saved)
    assert len(weight_sets(saved)) == 1
    saved["state_dict"] = saved  # a pickle can hold itself
    assert len(weight_sets(saved)) == 1
