"""Files of training programs, what they say of their variant, and what in them is refused."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from hrformer import HRFormerConfig, create_model, load_checkpoint, read_checkpoint, save_checkpoint
from hrformer.checkpoint import StoredWeights, read_weights
from tests.checkpoint_forms import WITH_AVERAGE, WITHOUT_AVERAGE, other_packages, write_form
from tests.variants import tiny

SMALL = tiny()
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return create_model(SMALL).state_dict()


@pytest.fixture(scope="module")
def average(weights: Weights) -> Weights:
    return {key: value + 1 for key, value in weights.items()}


def assert_holds(path: Path, expected: Weights, **options: Any) -> None:
    loaded = load_checkpoint(path, **options).state_dict()
    for key, value in loaded.items():
        if not key.startswith("head.") or key in expected:
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("form", WITHOUT_AVERAGE)
def test_files_of_training_programs_are_read(
    form: Callable[..., Any], legacy: bool, tmp_path: Path, weights: Weights, average: Weights
) -> None:
    path = tmp_path / "last.ckpt"
    write_form(form, path, weights, average, _use_new_zipfile_serialization=not legacy)
    assert not {"yacs", "mmengine", "omegaconf"} & set(sys.modules)
    headless = not any(key.startswith("head.") for key in read_weights(path).weights)
    assert_holds(path, {key: value for key, value in weights.items() if not (headless and key.startswith("head."))})
    assert read_checkpoint(path).report.weights == "raw"


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("form", WITH_AVERAGE)
def test_of_an_average_and_raw_weights_the_average_is_taken_and_the_other_offered(
    form: Callable[..., Any], protocol: int, tmp_path: Path, weights: Weights, average: Weights
) -> None:
    path = tmp_path / "last.PTH"
    write_form(form, path, weights, average, pickle_protocol=protocol)
    report = read_checkpoint(path).report
    assert (report.weights, report.other_weights) == ("ema", ("raw",))
    assert "Took the weights 'ema'; the file also holds raw." in str(report)
    assert_holds(path, average)
    assert_holds(path, weights, weights="raw")


def test_what_is_left_out_is_named(tmp_path: Path, weights: Weights, average: Weights) -> None:
    path = tmp_path / "neck.pth"
    write_form(next(form for form in WITHOUT_AVERAGE if form.__name__ == "detector"), path, weights, average)
    report = read_checkpoint(path).report
    assert report.skipped == ("img_neck.conv.weight",)
    assert report.adapted == ("Made a fresh classification head: the file holds none.",)


def test_a_refusal_names_the_class_of_what_the_file_holds_instead(tmp_path: Path) -> None:
    with other_packages() as make:
        torch.save({"model": make("mmengine.logging.message_hub.MessageHub"), "epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(
        ValueError, match=r"^a\.pth holds no state dict but what is of mmengine\.logging\.message_hub\."
    ):
        load_checkpoint(tmp_path / "a.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(ValueError, match=r"of torch\.nn\.modules\.linear\.Linear: save model\.state_dict\(\)\.$"):
        load_checkpoint(tmp_path / "whole.pth")


NO_VARIANT = {
    "no_json": "{",
    "no_object": "[1]",
    "deep": "[" * 9_000,
    "huge": json.dumps("x" * 20_000),
    "unknown_key": json.dumps(SMALL.to_dict() | {"colour": 1}),
    "missing_key": json.dumps({key: value for key, value in SMALL.to_dict().items() if key != "task"}),
    "illegal": json.dumps(SMALL.to_dict() | {"channels": [4, 8, 8, 10**9]}),
    "nan": json.dumps(SMALL.to_dict() | {"mlp_ratios": [float("nan")] * 4}),
}


@pytest.mark.parametrize("text", NO_VARIANT.values(), ids=NO_VARIANT)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_variant_that_is_none_is_refused_in_one_line(
    text: str, suffix: str, tmp_path: Path, weights: Weights
) -> None:
    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save({"meta": {"hrformer_variant": text}, "state_dict": weights}, path)
    else:
        save_file(weights, path, {"hrformer_variant": text})
    with pytest.raises(ValueError, match=r"^mine\..*says (its|a) variant[^\n]*\.$") as caught:
        load_checkpoint(path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": [8000, 8000, 8000, 8000]}, r"says channels = \(8000, .*weights are of \(4, 8, 8, 16\)"),
        ({"num_modules": [1, 64, 64, 64]}, r"says num_modules"),
        ({"window_sizes": [7, 7, 7, 128]}, r"says window_sizes"),
        ({"dw_conv": False}, r"says dw_conv"),
        ({"task": "pose"}, r"says task = 'pose', but its weights are of 'classification'\."),
    ],
)
def test_a_variant_that_the_weights_speak_against_builds_nothing(
    change: dict[str, Any], words: str, tmp_path: Path, weights: Weights
) -> None:
    said = json.dumps(SMALL.to_dict() | change)
    save_file(weights, tmp_path / "mine.safetensors", {"hrformer_variant": said})
    with pytest.raises(ValueError, match=words):
        read_checkpoint(tmp_path / "mine.safetensors")


def test_metadata_of_others_says_nothing(tmp_path: Path, weights: Weights) -> None:
    save_file(weights, tmp_path / "mine.safetensors", {"format": "pt", "variant": "{"})
    assert not read_checkpoint(tmp_path / "mine.safetensors").report.says_its_variant


def test_a_description_comes_back(tmp_path: Path) -> None:
    config = tiny("pose", relative_position_bias=True)
    save_checkpoint(create_model(config), tmp_path / "mine.safetensors")
    stored = read_weights(tmp_path / "mine.safetensors")
    again = StoredWeights.described(stored.weights, json.loads(json.dumps(stored.description())))
    assert again == stored
    assert again.variant == config


@pytest.mark.parametrize(
    "change",
    [{"family": "theirs"}, {"evidence": 1}, {"others": [1]}, {"skipped": None}, {"variant": {"task": "pose"}}],
)
def test_a_description_is_not_believed(change: dict[str, Any]) -> None:
    legal = {"family": "authors", "evidence": "", "name": "raw", "others": [], "skipped": [], "variant": None}
    assert StoredWeights.described({}, legal).name == "raw"
    for description in (legal | change, {}, None, [legal]):
        with pytest.raises(ValueError, match=r"no description|Missing key"):
            StoredWeights.described({}, description)


def test_a_file_of_ours_says_its_variant_whatever_the_switches(tmp_path: Path) -> None:
    config: HRFormerConfig = tiny(relative_position_bias=False, fusion_upsample="bilinear")
    save_checkpoint(create_model(config), tmp_path / "mine.safetensors")
    checkpoint = read_checkpoint(tmp_path / "mine.safetensors")
    assert checkpoint.config == config
    assert checkpoint.report.is_certain
