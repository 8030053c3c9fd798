"""What shapes do not tell: who decides it, that it is said, and that it can be decided otherwise."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from hrformer import TASKS, HRFormer, HRFormerConfig, create_model, load_checkpoint, load_official_state_dict, preset
from hrformer.checkpoint import CheckpointReport, read_checkpoint, save_checkpoint
from tests.variants import tiny


def saved_as(form: str, config: HRFormerConfig, path: Path) -> HRFormer:
    """A network in a form that does not say its variant, as the other code writes it."""
    model = create_model(config).eval()
    if form == "hrformer":
        torch.save(model.state_dict(), path)
        return model
    save_checkpoint(model, path, form)  # type: ignore[arg-type]
    saved = torch.load(path, weights_only=True)
    del saved["meta"]
    torch.save(saved, path)
    return model


def assumed(report: CheckpointReport) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    return {each.field: (each.value, each.alternatives) for each in report.assumptions}


PUBLISHED = {
    "classification": {"relative_position_bias": True, "fusion_upsample": "nearest"},
    "segmentation": {"relative_position_bias": True, "fusion_upsample": "nearest"},
    "pose": {"relative_position_bias": False, "fusion_upsample": "bilinear"},
    "mmpose": {"relative_position_bias": True, "fusion_upsample": "bilinear"},
}


@pytest.mark.parametrize(
    ("form", "task"),
    [(form, task) for form in ("hrformer", "authors") for task in TASKS] + [("mmpose", "pose")],
)
def test_the_family_decides_what_shapes_do_not_tell_and_it_is_said(
    form: str, task: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "weights.pth"
    decided = PUBLISHED["mmpose" if form == "mmpose" else task]
    model = saved_as(form, tiny(task, **decided), path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.report.family == form
    others = {True: False, False: True, "nearest": "bilinear", "bilinear": "nearest"}
    assert assumed(checkpoint.report) == {name: (value, (others[value],)) for name, value in decided.items()}
    loaded = load_checkpoint(path).eval()
    for name, value in decided.items():
        assert f"Assumed {name} = {value!r}, because" in caplog.text
        assert f"otherwise load it with {name}={others[value]!r}." in caplog.text
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("choice", [{"relative_position_bias": False}, {"fusion_upsample": "nearest"}])
def test_an_assumption_can_be_decided_otherwise_and_is_one_no_more(choice: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    saved_as("mmpose", tiny("pose", relative_position_bias=True), path)
    checkpoint = read_checkpoint(path, **choice)
    (name, value), *_ = choice.items()
    assert getattr(checkpoint.config, name) == value
    assert name not in assumed(checkpoint.report)
    assert len(assumed(checkpoint.report)) == 1


@pytest.mark.parametrize("size", ["small", "base"])
def test_mmposes_first_generation_has_no_tables_and_no_bias(size: str, tmp_path: Path) -> None:
    config = preset(size, "pose", num_modules=(1,) * 4, num_blocks=(1,) * 4, drop_path_rate=0.0)
    model = saved_as("mmpose", config, tmp_path / "first.pth")
    checkpoint = read_checkpoint(tmp_path / "first.pth")
    assert checkpoint.config == config
    assert set(assumed(checkpoint.report)) == {"num_heads", "window_sizes", "fusion_upsample"}
    x = torch.randn(1, 3, 64, 48)
    with torch.inference_mode():
        torch.testing.assert_close(checkpoint.build().eval()(x), model(x), rtol=1e-4, atol=1e-5)


def test_heads_that_nothing_tells_are_asked_for(tmp_path: Path) -> None:
    config = tiny("pose", window_sizes=(5,) * 4)
    saved_as("mmpose", config, tmp_path / "first.pth")
    with pytest.raises(ValueError, match="nothing tells their heads: give num_heads"):
        read_checkpoint(tmp_path / "first.pth")
    told = read_checkpoint(tmp_path / "first.pth", num_heads=config.num_heads, window_sizes=config.window_sizes)
    assert told.config == config
    assert set(assumed(told.report)) == {"fusion_upsample"}
    told.build()


def test_imagenet_files_of_mmpose_are_backbones_trained_by_the_authors_code(tmp_path: Path) -> None:
    """mmpose's names, all four outputs and no head: mmpose itself trains no classification."""
    config = tiny("pose", relative_position_bias=True, fused_outputs="all")
    model = create_model(config)
    save_checkpoint(model, tmp_path / "imagenet.pth", "mmpose")
    weights = torch.load(tmp_path / "imagenet.pth", weights_only=True)["state_dict"]
    bare = {re.sub(r"^backbone\.", "", key): value for key, value in weights.items() if not key.startswith("head.")}
    torch.save({"state_dict": bare}, tmp_path / "imagenet.pth")
    checkpoint = read_checkpoint(tmp_path / "imagenet.pth")
    assert checkpoint.report.family == "mmpose"
    assert (checkpoint.config.task, checkpoint.config.fusion_upsample) == ("classification", "nearest")
    assert assumed(checkpoint.report)["task"] == ("classification", ("pose", "segmentation"))
    for_pose = read_checkpoint(tmp_path / "imagenet.pth", task="pose")
    assert (for_pose.config.relative_position_bias, for_pose.config.fusion_upsample) == (True, "bilinear")
    torch.testing.assert_close(for_pose.build().conv1.weight, model.conv1.weight)


def test_a_variant_that_contradicts_the_family_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without it, a published preset would leave out the bias of mmpose's weights in silence."""
    config = tiny("pose")
    saved_as("mmpose", tiny("pose", relative_position_bias=True), tmp_path / "mmpose.pth")
    doubt = "The network has relative_position_bias = False, but the weights are of mmpose's form"
    assert load_checkpoint(tmp_path / "mmpose.pth", config).config == config
    assert doubt in caplog.text
    caplog.clear()
    state_dict = torch.load(tmp_path / "mmpose.pth", weights_only=True)
    load_official_state_dict(create_model(config), state_dict)
    assert doubt in caplog.text
    caplog.clear()
    load_official_state_dict(create_model(tiny("pose", relative_position_bias=True)), state_dict)
    assert caplog.text == ""


def test_a_variant_that_contradicts_what_the_file_says_is_doubted(tmp_path: Path) -> None:
    save_checkpoint(create_model(tiny(relative_position_bias=False)), tmp_path / "mine.safetensors")
    (doubt,) = read_checkpoint(tmp_path / "mine.safetensors", tiny()).report.doubts
    assert doubt == ("The network has relative_position_bias = True, but the weights are of a file that says False.")


def test_a_refusal_names_the_nearest_form_and_the_first_keys_that_differ(tmp_path: Path) -> None:
    weights = create_model(tiny()).state_dict()
    in_blocks = re.compile(r"(branches\.\d\.\d)\.(attn|mlp|norm\d)")
    hrnet = {in_blocks.sub(r"\1.conv1", key): value for key, value in weights.items()}
    torch.save(hrnet, tmp_path / "hrnet.pth")
    with pytest.raises(ValueError, match="not the weights of an HRFormer") as caught:
        load_checkpoint(tmp_path / "hrnet.pth")
    assert "they are nearest to this library's classification networks" in str(caught.value)
    assert "networks, but for stage2.0.branches.0.0.conv1." in str(caught.value)
    torch.save({"blocks.0.norm1.weight": torch.zeros(3)}, tmp_path / "vit.pth")
    with pytest.raises(ValueError, match=r"expected keys such as .*, found blocks\.0\.norm1\.weight\.$"):
        load_checkpoint(tmp_path / "vit.pth")


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    weights = create_model(tiny()).state_dict()
    del weights["stage3.0.branches.1.0.attn.k_proj.weight"]
    torch.save(weights, tmp_path / "part.pth")
    with pytest.raises(ValueError, match=r"1 missing \(stage3\.0\.branches\.1\.0\.attn\.k_proj\.weight\)"):
        load_checkpoint(tmp_path / "part.pth")
