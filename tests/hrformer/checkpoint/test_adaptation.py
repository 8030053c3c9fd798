"""Weights for other windows, input channels and classes, against timm's functions and what they must keep."""

from pathlib import Path

import pytest
import torch
from timm.layers import resize_rel_pos_bias_table_simple
from timm.models import adapt_input_conv

from hrformer import HRFormer, create_model, load_checkpoint, read_checkpoint
from hrformer.checkpoint.adaptation import adapt_input, resize_bias_table
from tests.variants import tiny


@pytest.fixture(scope="module")
def model() -> HRFormer:
    return create_model(tiny(num_classes=6, window_sizes=(7, 5, 3, 4))).eval()


@pytest.fixture(scope="module")
def path(model: HRFormer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize(("before", "after"), [(7, 15), (7, 12), (8, 5), (1, 3)])
def test_bias_tables_are_interpolated_as_timm_does(before: int, after: int) -> None:
    table = torch.randn((2 * before - 1) ** 2, 3)
    theirs = resize_rel_pos_bias_table_simple(table, (after, after), ((2 * after - 1) ** 2, 3))
    torch.testing.assert_close(resize_bias_table(table, after), theirs)


def test_a_bias_that_is_the_same_everywhere_stays_so() -> None:
    torch.testing.assert_close(resize_bias_table(torch.full((169, 2), 1.5), 15), torch.full((29**2, 2), 1.5))


@pytest.mark.parametrize("in_chans", [1, 2, 4, 6])
def test_the_first_convolution_is_changed_as_timm_does(in_chans: int) -> None:
    weight = torch.randn(8, 3, 3, 3)
    torch.testing.assert_close(adapt_input(weight, in_chans), adapt_input_conv(in_chans, weight))


def test_a_grey_picture_looks_the_same_to_one_channel_and_to_three(model: HRFormer, path: Path) -> None:
    grey = load_checkpoint(path, in_chans=1).eval()
    x = torch.randn(1, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(grey(x), model(x.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_other_windows_change_the_tables_alone(model: HRFormer, path: Path) -> None:
    checkpoint = read_checkpoint(path, window_sizes=(15, 5, 6, 4))
    wider = checkpoint.build()
    assert wider.config.window_sizes == (15, 5, 6, 4)
    for key, value in model.state_dict().items():
        if not (key.endswith("bias_table") and (".branches.0." in key or ".branches.2." in key)):
            torch.testing.assert_close(wider.state_dict()[key], value, rtol=0, atol=0)
    key = "stage4.0.branches.2.0.attn.relative_position_bias_table"
    torch.testing.assert_close(wider.state_dict()[key], resize_bias_table(model.state_dict()[key], 6))
    told = "Interpolated the bias tables from windows of 7, 5, 3, 4 to windows of 15, 5, 6, 4."
    assert told in checkpoint.report.adapted


def test_another_number_of_classes_makes_a_fresh_output_and_says_so(
    model: HRFormer, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = load_checkpoint(path, num_classes=9)
    assert other.head.classifier.weight.shape == (9, 2048)
    torch.testing.assert_close(other.head.final_layer[0].weight, model.head.final_layer[0].weight, rtol=0, atol=0)
    assert "Made a fresh output for 9 classes: the file's has 6." in caplog.text


@pytest.mark.parametrize("head", ["ocr", "fcn"])
def test_a_segmentation_head_keeps_all_but_its_outputs(head: str, tmp_path: Path) -> None:
    model = create_model(tiny("segmentation", num_classes=4, segmentation_head=head))
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    own, other = model.state_dict(), load_checkpoint(tmp_path / "mine.pth", num_classes=2).state_dict()
    changed = {key for key in own if own[key].shape != other[key].shape}
    outputs = {"ocr": ("cls_head", "aux_head.2"), "fcn": ("last_layer.3",)}[head]
    assert changed == {f"head.{layer}.{name}" for layer in outputs for name in ("weight", "bias")}
    for key in set(own) - changed:
        torch.testing.assert_close(other[key], own[key], rtol=0, atol=0)


@pytest.mark.parametrize("task", ["segmentation", "pose"])
def test_a_backbone_goes_on_to_another_task(task: str, model: HRFormer, path: Path) -> None:
    checkpoint = read_checkpoint(path, task=task)
    other = checkpoint.build()
    assert other.config.task == task
    assert f"Made a fresh {task} head: the file's is another one, for classification." in checkpoint.report.adapted
    own = {key: value for key, value in other.state_dict().items() if not key.startswith("head.")}
    for key, value in own.items():
        torch.testing.assert_close(value, model.state_dict()[key], rtol=0, atol=0)
    assert ("Left out the last fusion's rows of lower resolution." in checkpoint.report.adapted) == (task == "pose")


def test_what_no_recipe_changes_is_refused(path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"do not fit this model: .*mlp\.dw3x3.*nearest to .*this library's classification"
    ):
        load_checkpoint(path, dw_conv=False)
    with pytest.raises(ValueError, match="do not fit"):
        load_checkpoint(path, num_blocks=(1, 1, 1, 2))
    with pytest.raises(ValueError, match=r"Unknown field colour: a variant has the fields task, "):
        load_checkpoint(path, colour=3)
    with pytest.raises(ValueError, match=r"^task = 'depth' is not legal: use one of classification, pose, segm"):
        load_checkpoint(path, task="depth")
    with pytest.raises(ValueError, match=r"^window_sizes\[0\] = 500 is outside 1 to 128"):
        load_checkpoint(path, window_sizes=(500,) * 4)


def test_halves_stay_halves_until_they_are_loaded(model: HRFormer, tmp_path: Path) -> None:
    torch.save({key: value.bfloat16() for key, value in model.state_dict().items()}, tmp_path / "half.pth")
    other = load_checkpoint(tmp_path / "half.pth", window_sizes=(9,) * 4, in_chans=1)
    assert {parameter.dtype for parameter in other.parameters()} == {torch.float32}
    assert all(value.isfinite().all() for value in other.parameters())
