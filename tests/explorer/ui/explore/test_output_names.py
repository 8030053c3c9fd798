"""Outputs have names where weights have learned something, and numbers where not."""

from typing import Any

import pytest

from explorer.models.trained import POINTER, SEGMENTER
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.sources import WeightsSource
from hrformer import create_model
from tests.variants import tiny


def names(task: str, count: int, origin: Any = "uploaded") -> OutputNames:
    model = create_model(tiny(task, num_classes=count)).eval()
    return OutputNames(WeightsSource(model, "key", "weights", origin))


@pytest.mark.parametrize(
    ("task", "count", "number", "name"),
    [
        ("classification", 1000, 285, "class 285, Egyptian cat"),
        ("classification", 10, 3, "class 3"),
        ("segmentation", 19, 13, "car"),
        ("segmentation", 60, 13, "class 13"),
        ("pose", 17, 9, "left wrist"),
        ("pose", 14, 9, "key point 9"),
    ],
)
def test_the_number_of_outputs_tells_whose_they_are(task: str, count: int, number: int, name: str) -> None:
    assert names(task, count)[number] == name
    assert names(task, count, "random")[number] == f"output {number}"


def test_the_trained_networks_classes_are_background_and_digits() -> None:
    weights = WeightsSource(SEGMENTER.load(), "key", "weights", "trained", SEGMENTER.class_names)
    trained = OutputNames(weights)
    assert trained.all() == ["background", *(f"digit {digit}" for digit in range(10))]
    assert trained.background == 0


def test_the_trained_networks_key_points_are_digits_without_a_background() -> None:
    trained = OutputNames(WeightsSource(POINTER.load(), "key", "weights", "trained", POINTER.class_names))
    assert trained.all() == [f"digit {digit}" for digit in range(10)]
    assert trained.noun == "Key point"
    assert trained.background is None
