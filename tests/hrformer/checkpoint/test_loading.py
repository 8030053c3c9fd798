"""Checkpoints: the authors' wrappings, configurations read off shapes, and files that mean harm."""

import argparse
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from safetensors.torch import save_file

from hrformer import HRFormerConfig, create_model, load_checkpoint, load_official_state_dict, preset
from hrformer.checkpoint import infer_config, normalise_keys
from tests.official import official_state_dict
from tests.variants import tiny, tiny_variants

SMALL = {
    "num_modules": (1, 1, 2, 1),
    "num_blocks": (2, 1, 1, 2),
    "window_sizes": (7, 5, 3, 4),
}


@given(tiny_variants(max_side=40))
@settings(max_examples=20, deadline=None)
def test_the_configuration_is_read_off_the_shapes(config: HRFormerConfig) -> None:
    with torch.device("meta"):
        weights = create_model(config).state_dict()
    inferred = infer_config(weights)
    told = ["channels", "num_heads", "hidden_channels", "window_sizes", "dw_conv", "in_chans", "num_classes", "task"]
    told.append("multi_scale_fusion")
    # What a switched-off part would have looked like leaves no shape.
    told += ["dw_kernel_size"] if config.dw_conv else []
    told += ["fused_outputs"] if config.multi_scale_fusion else []
    told += ["segmentation_head"] if config.task == "segmentation" else []
    for name in told:
        assert getattr(inferred, name) == getattr(config, name), name
    with torch.device("meta"):
        again = create_model(inferred).state_dict()
    assert {key: value.shape for key, value in again.items()} == {key: value.shape for key, value in weights.items()}


@pytest.mark.parametrize("wrap", ["state_dict", "model", "module.", "backbone.", "nested"])
def test_the_authors_wrappings_are_taken_off(wrap: str) -> None:
    official = official_state_dict("pose_small_256x192")
    wrapped = {
        "state_dict": {"state_dict": official, "epoch": 3},
        "model": {"model": official},
        "module.": {f"module.{key}": value for key, value in official.items()},
        "backbone.": {f"backbone.{key}": value for key, value in official.items()},
        "nested": {"state_dict": {f"module.backbone.{key}": value for key, value in official.items()}},
    }[wrap]
    model = create_model(preset("small", "pose"))
    report = load_official_state_dict(model, wrapped, strict=False)
    assert set(report.missing) == {"head.final_layer.weight", "head.final_layer.bias"}
    assert report.unexpected == report.mismatched == ()
    key = "stage4.1.branches.3.1.attn.attn.q_proj.weight"
    torch.testing.assert_close(model.stage4[1].branches[3][1].attn.q_proj.weight.data, official[key])


@pytest.mark.parametrize(
    ("task", "official", "ours"),
    [
        ("classification", "classifier.weight", "head.classifier.weight"),
        ("pose", "keypoint_head.final_layer.weight", "head.final_layer.weight"),
        ("segmentation", "cls_head.weight", "head.cls_head.weight"),
        ("segmentation fcn", "last_layer.3.weight", "head.last_layer.3.weight"),
        ("segmentation", "conv3x3.1.0.running_var", "head.conv3x3.1.0.running_var"),
        (
            "segmentation",
            "ocr_distri_head.object_context_block.f_pixel.3.0.weight",
            "head.ocr_distri_head.object_context_block.f_pixel.3.0.weight",
        ),
    ],
)
def test_the_authors_head_keys_fit(task: str, official: str, ours: str) -> None:
    task, _, head = task.partition(" ")
    with torch.device("meta"):
        keys = create_model(tiny(task, **SMALL, segmentation_head=head or "ocr")).state_dict()
    assert ours in keys
    assert list(normalise_keys({official: torch.zeros(1)})) == [ours]


def test_a_strict_load_names_every_kind_of_misfit_and_changes_nothing() -> None:
    model = create_model(tiny(**SMALL))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    weights = {key: torch.full_like(value, 2.0) for key, value in before.items() if value.is_floating_point()}
    del weights["bn1.weight"]
    weights["colour"] = torch.zeros(1)
    weights["conv2.weight"] = torch.zeros(64, 64, 1, 1)
    with pytest.raises(ValueError, match=r"bn1\.weight.*colour.*conv2\.weight: 64x64x1x1 vs\. 64x64x3x3"):
        load_official_state_dict(model, weights)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_not_strict_still_wants_the_whole_backbone() -> None:
    model = create_model(tiny(**SMALL))
    weights = {key: value for key, value in model.state_dict().items() if not key.startswith("stage3.1.")}
    with pytest.raises(ValueError, match=r"stage3\.1\."):
        load_official_state_dict(model, weights, strict=False)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_saved_model_comes_back(tmp_path: Path, suffix: str) -> None:
    config = tiny("segmentation", num_classes=5, dw_conv=False, **SMALL)
    model = create_model(config).eval()
    path = tmp_path / f"weights{suffix}"
    save = torch.save if suffix == ".pth" else save_file
    save(model.state_dict(), path)
    loaded = load_checkpoint(path).eval()
    assert replace(loaded.config, img_size=config.img_size) == config
    x = torch.randn(1, 3, 50, 70)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), model(x))


@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
def test_a_model_from_a_file_is_what_filling_a_fresh_one_gives(tmp_path: Path, task: str) -> None:
    """It owns its tensors, in the types and with the gradients of a model that was drawn and then filled."""
    config = tiny(task)
    filled = create_model(config)
    weights = {
        key: (torch.randn(value.shape) if value.is_floating_point() else value + 3)
        for key, value in filled.state_dict().items()
    }
    half = {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    filled.load_state_dict(half)
    path = tmp_path / "weights.pth"
    torch.save(half, path)
    model = load_checkpoint(path, config)
    path.write_bytes(b"")
    assert model.training
    for (name, ours), (_, theirs) in zip(
        [*model.named_parameters(), *model.named_buffers()],
        [*filled.named_parameters(), *filled.named_buffers()],
        strict=True,
    ):
        assert (ours.dtype, ours.device, ours.requires_grad) == (theirs.dtype, theirs.device, theirs.requires_grad), (
            name
        )
        assert torch.equal(ours, theirs), name


def test_a_head_that_ends_at_the_features_comes_back(tmp_path: Path) -> None:
    model = create_model(tiny(num_classes=0)).eval()
    torch.save(model.state_dict(), tmp_path / "features.pth")
    loaded = load_checkpoint(tmp_path / "features.pth").eval()
    images = torch.randn(1, 3, 64, 64)
    assert loaded.config.num_classes == 0
    with torch.inference_mode():
        assert torch.equal(loaded(images), model(images))


def test_counters_that_a_file_lacks_begin_at_zero(tmp_path: Path) -> None:
    weights = create_model(tiny()).state_dict()
    torch.save({key: value for key, value in weights.items() if "num_batches_tracked" not in key}, tmp_path / "w.pth")
    loaded = load_checkpoint(tmp_path / "w.pth")
    counters = [buffer for name, buffer in loaded.named_buffers() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(torch.equal(counter, torch.tensor(0)) for counter in counters)


def test_a_backbone_without_head_becomes_a_model_with_a_fresh_head(tmp_path: Path) -> None:
    model = create_model(tiny("pose", **SMALL))
    backbone = {key: value for key, value in model.state_dict().items() if not key.startswith("head.")}
    torch.save({"state_dict": backbone}, tmp_path / "backbone.pth")
    loaded = load_checkpoint(tmp_path / "backbone.pth")
    assert loaded.config.task == "pose"
    torch.testing.assert_close(loaded.conv1.weight, model.conv1.weight)


class Payload:
    """Unpickling this would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path, write) -> None:
    target = tmp_path / "executed"
    write({"state_dict": {"conv1.weight": Payload(target)}}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil\.pth"):
        load_checkpoint(tmp_path / "evil.pth")
    assert not target.exists()


def test_weights_beside_what_would_run_code_load_and_it_does_not_run(tmp_path: Path) -> None:
    model = create_model(tiny(**SMALL))
    target = tmp_path / "executed"
    torch.save({"config": Payload(target), "state_dict": model.state_dict()}, tmp_path / "both.pth")
    torch.testing.assert_close(load_checkpoint(tmp_path / "both.pth").conv1.weight, model.conv1.weight)
    assert not target.exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_training_checkpoints_load_and_what_is_no_tensor_is_skipped(
    tmp_path: Path, legacy: bool, protocol: int
) -> None:
    model = create_model(tiny(**SMALL))
    optimizer = torch.optim.AdamW(model.parameters(), amsgrad=True)
    model.conv1(torch.zeros(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    with written_by_other_packages() as others:
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])  # keeps a Counter
        saved = {
            "epoch": 7,
            "best": np.float64(0.75),
            "scores": np.arange(3.0),
            "args": argparse.Namespace(lr=1e-3, betas=(0.9, 0.999), where=Path("runs")),
            "cfg": others.CfgNode({"MODEL": {"NAME": "hrt"}, "SCALES": [1, 2]}),
            "config": others.Config(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "seen": {1, 2},
            "rng": torch.get_rng_state(),
            "state_dict": model.state_dict(),
        }
        path = tmp_path / "epoch7.PTH"
        torch.save(saved, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    loaded = load_checkpoint(path)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=0, atol=0)


@contextmanager
def written_by_other_packages() -> Iterator[ModuleType]:
    """Classes as those of yacs and MMEngine pickle themselves, whose module is gone when the file is read."""
    module = ModuleType("of_another_package")
    own = {"__module__": module.__name__}
    module.CfgNode = type("CfgNode", (dict,), own)
    state = {"_cfg_dict": module.CfgNode(lr=0.1), "text": "lr = 0.1"}
    module.Config = type("Config", (), own | {"__reduce_ex__": lambda self, protocol: (type(self), (), state)})
    sys.modules[module.__name__] = module
    try:
        yield module
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("suffix", [".pth", ".PTH", ".pt", ".bin", ".ckpt", ".pth.tar"])
def test_checkpoints_have_many_endings(tmp_path: Path, suffix: str) -> None:
    model = create_model(tiny(**SMALL))
    torch.save(model.state_dict(), tmp_path / f"weights{suffix}")
    torch.testing.assert_close(load_checkpoint(tmp_path / f"weights{suffix}").conv1.weight, model.conv1.weight)


@pytest.mark.parametrize("kind", ["compiled", "averaged", "both", "inside", "state_dict_ema", "model_ema", "ema"])
def test_compiled_and_averaged_models_load(tmp_path: Path, kind: str) -> None:
    model = create_model(tiny(**SMALL))
    weights = model.state_dict()
    saved = {
        "compiled": {f"_orig_mod.{key}": value for key, value in weights.items()},
        "averaged": torch.optim.swa_utils.AveragedModel(model).state_dict(),
        "both": {f"module._orig_mod.{key}": value for key, value in weights.items()} | {"n_averaged": torch.tensor(3)},
        "inside": {key.replace("stage2.", "stage2._orig_mod."): value for key, value in weights.items()},
        "state_dict_ema": {"model": model, "state_dict_ema": weights},
        "model_ema": {"model_ema": {f"module.{key}": value for key, value in weights.items()}},
        "ema": {"ema": weights, "model": None},
    }[kind]
    torch.save(saved, tmp_path / "weights.pth")
    loaded = load_checkpoint(tmp_path / "weights.pth")
    for key, value in weights.items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("beside", [{"model": {"name": "hrt"}}, {"model": "hrt", "ema": None}, {"state_dict": {}}])
def test_other_things_under_a_wrappers_name_are_passed_over(tmp_path: Path, beside: dict) -> None:
    weights = create_model(tiny(**SMALL)).state_dict()
    torch.save(beside | {"model_state_dict": weights}, tmp_path / "weights.pth")
    torch.testing.assert_close(load_checkpoint(tmp_path / "weights.pth").conv1.weight.data, weights["conv1.weight"])


def test_an_average_comes_before_plain_weights_which_can_be_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = create_model(tiny(**SMALL)).state_dict()
    average = {key: torch.zeros_like(value) for key, value in weights.items()}
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": weights, "state_dict_ema": average}, path)
    assert not load_checkpoint(path).conv1.weight.any()
    assert "Took the weights 'ema'; the file also holds raw." in caplog.text
    torch.testing.assert_close(load_checkpoint(path, weights="raw").conv1.weight.data, weights["conv1.weight"])
    with pytest.raises(ValueError, match=r"weights = 'swa' is not in the file: it has ema, raw\."):
        load_checkpoint(path, weights="swa")


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("empty.pth", b""),
        ("text.pth", b"hello"),
        ("cut.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"),
        ("empty.safetensors", b""),
        ("picture.png", b"\x89PNG"),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path, name: str, contents: bytes) -> None:
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        load_checkpoint(tmp_path / name)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"not the weights of an HRFormer.*features\.0\.weight"):
        load_checkpoint(tmp_path / "other.pth")


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    for name in ("none.pth", "none.safetensors"):
        with pytest.raises(FileNotFoundError):
            load_checkpoint(tmp_path / name)
