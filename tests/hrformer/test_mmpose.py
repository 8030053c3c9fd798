"""The backbone under mmengine's registry; where mmengine is not installed, under a stand-in with its interface."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hrformer import create_model
from tests.hrformer.stand_in_mmengine import mmengine_or_stand_in
from tests.variants import tiny

SMALL = {"channels": (4, 8, 8, 16), "num_heads": (1, 2, 2, 4), "num_modules": (1,) * 4, "num_blocks": (1,) * 4}


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The registry, with the backbone in it."""
    with mmengine_or_stand_in(monkeypatch) as registry:
        yield registry


def test_a_config_builds_the_backbone_without_its_head(models: Any) -> None:
    backbone = models.build({"type": "HRFormerBackbone", "size": "tiny", **SMALL})
    assert isinstance(backbone, nn.Module)
    assert not any(name.startswith("head.") for name in backbone.state_dict())
    (feature,) = backbone(torch.randn(2, 3, 64, 48))
    assert feature.shape == (2, 4, 16, 12)


def test_maps_are_those_of_the_model(models: Any, tmp_path: Path) -> None:
    model = create_model(tiny("segmentation")).eval()
    torch.save({"state_dict": model.state_dict()}, tmp_path / "model.pth")
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "model.pth")}
    cfg = {"type": "HRFormerBackbone", "size": "tiny", "task": "segmentation", "init_cfg": init_cfg, **SMALL}
    backbone = models.build({**cfg, "out_indices": (0, 3)}).eval()
    backbone.init_weights()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model.forward_features(x)
        for feature, index in zip(backbone(x), (0, 3), strict=True):
            torch.testing.assert_close(feature, expected[index], rtol=0, atol=0)


def test_without_a_checkpoint_weights_stay_as_drawn(models: Any) -> None:
    backbone = models.build({"type": "HRFormerBackbone", "size": "tiny", **SMALL})
    before = backbone.conv1.weight.clone()
    backbone.init_weights()
    assert torch.equal(backbone.conv1.weight, before)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"out_indices": (1,)}, r"fuses into branch 0; fused_outputs='all'"),
        ({"out_indices": (), "task": "classification"}, "fuses into the branches 0 to 3"),
        ({"init_cfg": {"type": "Kaiming"}}, r"use dict\(type='Pretrained'"),
        ({"depth": 3}, "Unknown field depth"),
    ],
)
def test_what_does_not_fit_is_one_sentence(models: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        models.build({"type": "HRFormerBackbone", "size": "tiny", **SMALL, **options})
