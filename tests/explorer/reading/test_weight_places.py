"""Weights by where they lie in their file: what comes back is what was stored, and no reader is believed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.reading.weight_places import hand_over, take_over
from hrformer import create_model, save_checkpoint
from hrformer.checkpoint import read_weights
from tests.variants import tiny


def file_of(contents: bytes, folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(contents)
    return path


@pytest.mark.parametrize(("suffix", "form"), [(".pth", "mmpose"), (".safetensors", "hrformer")])
def test_what_is_handed_over_is_what_is_taken_over(suffix: str, form: Any, tmp_path: Path) -> None:
    """mmpose's fused projection comes in three parts of one tensor."""
    path, answer = tmp_path / f"mine{suffix}", tmp_path / "answer.safetensors"
    save_checkpoint(create_model(tiny("pose", relative_position_bias=True)), path, form)
    stored = read_weights(path)
    weights = take_over(json.loads(json.dumps(hand_over(stored, answer))), path, answer)
    assert list(weights) == list(stored.weights)
    assert not answer.exists()
    for key, value in stored.weights.items():
        torch.testing.assert_close(weights[key], value, rtol=0, atol=0)


@pytest.mark.parametrize(
    "place",
    [
        *([0, "float32", [3], [1]], [-4, "float32", [1], [1]], [8, "uint8", [1], [1]], [2**60, "uint8", [1], [1]]),
        *([0, "uint8", [1000, 1000], [0, 0]], [0, "uint8", [2**40, 0], [1, 1]], [0, "uint8", [2], [2**47]]),
        *([0, "qint8", [1], [1]], [0, "uint8", [1], []], [0, "uint8", [-1], [1]], [0, "uint8", [1.5], [1]]),
        *([0, "uint8", [True], [1]], ["0", "uint8", [1], [1]], [0, "uint8", [1] * 99, [1] * 99], [], {}, 1),
    ],
)
def test_a_place_outside_the_file_is_refused(place: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"place|beyond"):
        take_over({"a": place}, file_of(bytes(8), tmp_path), tmp_path / "answer.safetensors")


@pytest.mark.parametrize("places", [None, [], "a", 1])
def test_what_are_no_places_is_refused(places: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no places"):
        take_over(places, file_of(bytes(8), tmp_path), tmp_path / "answer.safetensors")


def test_a_file_stands_for_no_more_than_it_holds(tmp_path: Path) -> None:
    path = file_of(bytes(range(8)), tmp_path)
    halves = {"a": [0, "uint8", [4], [1]], "b": [4, "uint8", [2, 2], [1, 2]]}
    weights = take_over(halves, path, path)
    assert [weights[key].tolist() for key in halves] == [[0, 1, 2, 3], [[4, 6], [5, 7]]]
    with pytest.raises(ValueError, match="no place"):
        take_over({**halves, "c": [0, "uint8", [1], [1]]}, path, path)
