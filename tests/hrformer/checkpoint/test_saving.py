"""Saved networks come back exactly, in the keys of the code that they are for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from hrformer import HRFormerConfig, create_model, load_checkpoint, optimize_for_inference, preset, save_checkpoint
from hrformer.checkpoint import read_checkpoint
from tests.official import mmpose_keys, official_keys
from tests.variants import tiny, tiny_variants

EVERY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PUBLISHED = {"dw_conv": True, "dw_kernel_size": 3, "multi_scale_fusion": True, "segmentation_head": "ocr"}


def assert_comes_back(config: HRFormerConfig, path: Path, form: Any) -> None:
    model = create_model(config).eval()
    for table in (value for key, value in model.named_parameters() if key.endswith("bias_table")):
        nn.init.normal_(table)
    save_checkpoint(model, path, form)
    checkpoint = read_checkpoint(path)
    loaded = checkpoint.build().eval()
    assert loaded.config == config
    assert checkpoint.report.is_certain
    x = torch.randn(1, config.in_chans, 32, 40)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), model(x), rtol=0, atol=0)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@given(config=tiny_variants(max_side=40))
@EVERY
def test_every_variant_comes_back_from_our_form(config: HRFormerConfig, tmp_path: Path) -> None:
    assert_comes_back(config, tmp_path / "mine.safetensors", "hrformer")


@given(config=tiny_variants(max_side=40))
@EVERY
def test_what_the_authors_code_has_comes_back_from_their_form(config: HRFormerConfig, tmp_path: Path) -> None:
    published = preset("tiny", config.task)
    fields = {name: getattr(published, name) for name in ("relative_position_bias", "fusion_upsample")}
    assert_comes_back(replace(config, **PUBLISHED, **fields), tmp_path / "mine.pth", "authors")


@given(config=tiny_variants(tasks=("pose",), max_side=40))
@EVERY
def test_what_mmpose_has_comes_back_from_its_form(config: HRFormerConfig, tmp_path: Path) -> None:
    assert_comes_back(replace(config, **PUBLISHED, fusion_upsample="bilinear"), tmp_path / "mine.pth", "mmpose")


@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
def test_the_authors_form_has_their_keys_in_their_order(task: str, tmp_path: Path) -> None:
    save_checkpoint(create_model(preset("small", task)), tmp_path / "mine.pth", "authors")
    saved = torch.load(tmp_path / "mine.pth", weights_only=True)
    case = {"segmentation": "segmentation_small_104x136", "pose": "pose_small_256x192"}
    keys = list(saved["model" if task == "classification" else "state_dict"])
    official = official_keys(case.get(task, "classification_small_224x224"))
    if task == "classification":
        assert keys == official
    else:
        backbone = [key.removeprefix("backbone.") for key in keys if key.startswith("backbone.")]
        in_stages = [[key for key in keys if key.startswith("stage")] for keys in (backbone, official)]
        assert in_stages[0] == in_stages[1]
        assert sorted(backbone) == sorted(official)  # their pose code names the shortcut of a bottleneck first
        heads = {"pose": {"keypoint_head"}, "segmentation": {"conv3x3", "ocr_distri_head", "cls_head", "aux_head"}}
        assert {key.partition(".")[0] for key in keys} - {"backbone"} == heads[task]


@pytest.mark.parametrize("size", ["small", "base"])
def test_mmposes_form_has_its_keys_in_its_order(size: str, tmp_path: Path) -> None:
    config = preset(size, "pose", relative_position_bias=True)
    save_checkpoint(create_model(config), tmp_path / "mine.pth", "mmpose")
    assert list(torch.load(tmp_path / "mine.pth", weights_only=True)["state_dict"]) == mmpose_keys(
        f"mmpose_{size}_256x192"
    )


def test_mmposes_form_without_the_bias_has_no_tables(tmp_path: Path) -> None:
    save_checkpoint(create_model(tiny("pose")), tmp_path / "mine.pth", "mmpose")
    keys = torch.load(tmp_path / "mine.pth", weights_only=True)["state_dict"]
    assert not [key for key in keys if "relative_position" in key]


@pytest.mark.parametrize(
    ("config", "form", "words"),
    [
        (tiny(), "mmpose", "mmpose has no classification network"),
        (tiny("segmentation"), "mmpose", "mmpose has no segmentation network"),
        (tiny("pose", fusion_upsample="nearest"), "mmpose", "fusion_upsample = 'nearest' cannot be said in this form"),
        (tiny("pose", relative_position_bias=True), "authors", "relative_position_bias = True cannot be said"),
        (tiny(dw_conv=False), "authors", "dw_conv = False cannot be said"),
        (tiny("segmentation", segmentation_head="fcn"), "authors", "segmentation_head = 'fcn' cannot be said"),
        (tiny(), "timm", "form = 'timm' is not known: use one of hrformer, authors, mmpose"),
    ],
)
def test_what_a_form_cannot_express_is_refused(config: HRFormerConfig, form: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        save_checkpoint(create_model(config), tmp_path / "mine.pth", form)
    assert str(caught.value).endswith(".")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "form"), [("a.pth", "hrformer"), ("a.safetensors", "authors"), ("a", "mmpose")])
def test_a_name_of_another_form_is_refused(name: str, form: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no name for the form .*: end it in \."):
        save_checkpoint(create_model(tiny("pose")), tmp_path / name, form)


def test_a_network_that_was_changed_after_it_was_built_is_refused(tmp_path: Path) -> None:
    model = create_model(tiny(num_classes=10))
    model.head.classifier = nn.Linear(2048, 5)
    with pytest.raises(ValueError, match="says num_classes = 10, but its weights are of 5"):
        save_checkpoint(model, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="A Linear is not an HRFormer"):
        save_checkpoint(nn.Linear(2, 2), tmp_path / "a.safetensors")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"no longer the variant"):
        save_checkpoint(optimize_for_inference(create_model(tiny()).eval()), tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_file_stays_whole_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.pth"
    save_checkpoint(create_model(tiny()), path, "authors")
    before = path.read_bytes()

    def fail(saved: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(create_model(tiny()), path, "authors")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    load_checkpoint(path)
