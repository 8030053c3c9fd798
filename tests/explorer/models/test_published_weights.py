"""What is said of published weights: their line, their size as parameters make it, and whether the cache has them."""

from pathlib import Path

import pytest
import torch

from explorer.models.published_weights import kept_bytes, title, weights_size
from hrformer import create_model, published_weights
from hrformer.published import PublishedWeights, published_by_name
from tests.file_server import serving
from tests.published import LISTED, list_of

CONTENTS = bytes(3000)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedWeights:
    monkeypatch.setenv("HRFORMER_CACHE", str(tmp_path / "cache"))
    with serving(CONTENTS) as server:
        monkeypatch.setattr("hrformer.published.TABLE", list_of(server.file, tmp_path))
    return published_by_name(LISTED)


def test_a_line_names_variant_task_and_score() -> None:
    assert [title(weights) for weights in published_weights().values()] == [
        "HRFormer-S · classification 224x224",
        "HRFormer-B · classification 224x224",
        "HRFormer-S · pose 256x192 · AP 0.738",
        "HRFormer-S · pose 384x288 · AP 0.757",
        "HRFormer-B · pose 256x192 · AP 0.754",
        "HRFormer-B · pose 384x288 · AP 0.774",
    ]


@pytest.mark.parametrize("name", ["hrformer_small_imagenet", "hrformer_base_coco_384x288"])
def test_the_size_is_that_of_the_parameters(name: str) -> None:
    """Four bytes each; the few thousand running means of the norms do not show in three digits."""
    weights = published_weights()[name]
    with torch.device("meta"):
        params = sum(parameter.numel() for parameter in create_model(weights.config).parameters())
    told = float(weights_size(weights).removeprefix("about ").removesuffix(" MB"))
    assert told == pytest.approx(4 * params / 1e6, rel=5e-3)


def test_the_cache_has_what_its_hash_says(small: PublishedWeights) -> None:
    assert kept_bytes(small) is None
    small.path.parent.mkdir()
    small.path.write_bytes(CONTENTS)
    assert kept_bytes(small) == 3000
    small.path.write_bytes(CONTENTS + b"x")
    assert kept_bytes(small) is None
    small.path.unlink()
    small.path.mkdir()
    assert kept_bytes(small) is None
