"""Every recipe of docs/library.md is run as it stands there."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hrformer.stand_in_mmengine import mmengine_or_stand_in
from tests.published import published_here
from tests.recipes import RECIPES, sections

#: Packages that a recipe says it needs beside torch.
_OPTIONAL = ("timm", "torchvision", "huggingface_hub")


def blocks() -> Iterator[object]:
    """Each block under its heading."""
    for title, found in sections().items():
        for number, block in enumerate(found, 1):
            yield pytest.param(block, id=f"{title} {number}")


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has a small network where the recipes ask for published weights, so that none are fetched from elsewhere."""
    with published_here(tmp_path, monkeypatch, "hrformer_small_coco_256x192"):
        yield


@pytest.mark.parametrize("block", list(blocks()))
def test_a_recipe_runs_as_it_stands(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _OPTIONAL:
        if re.search(rf"\b(import|from) {name}\b", block) or (name == "huggingface_hub" and "hrformer.hub" in block):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(RECIPES), "exec"), {})  # noqa: S102 - the repository's own document


def test_the_config_for_mmpose_builds_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    (config,) = [block for found in sections().values() for block in found if "HRFormerBackbone" in block]
    values: dict[str, dict] = {}
    exec(compile(config, str(RECIPES), "exec"), values)  # noqa: S102 - the repository's own document
    with mmengine_or_stand_in(monkeypatch) as models:
        backbone = models.build(values["backbone"])
    assert backbone.config.relative_position_bias
    assert "hrformer.mmpose" not in sys.modules


def test_no_recipe_is_missed() -> None:
    assert len(list(blocks())) == RECIPES.read_text().count("```python")
