"""The list of published weights, and models built from them: fetched on request, or put into the cache by hand."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import requires
from pathlib import Path

import pytest
import torch

import hrformer
from hrformer import create_model, load_published, published_weights
from hrformer.download import DownloadError
from hrformer.published import published_by_name
from tests.file_server import FileServer
from tests.published import checkpoint, published_here
from tests.variants import tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Has the weights "small" of a small pose network, which alone are published."""
    with published_here(tmp_path, monkeypatch) as running:
        yield running


def test_the_list_names_where_each_is_from_and_reaches_what_mmpose_lists() -> None:
    """mmpose 1.3.2, configs/body_2d_keypoint/topdown_heatmap/coco/hrformer_coco.md."""
    weights = published_weights()
    assert {name: each.score for name, each in weights.items() if each.task == "pose"} == {
        "hrformer_small_coco_256x192": 0.738,
        "hrformer_small_coco_384x288": 0.757,
        "hrformer_base_coco_256x192": 0.754,
        "hrformer_base_coco_384x288": 0.774,
    }
    for name, each in weights.items():
        assert each.file.url.startswith("https://download.openmmlab.com/")
        assert f"-{each.file.sha256_prefix}_" in each.file.name  # open-mmlab writes the hash into the name
        assert each.licence == "Apache-2.0"
        assert each.source.startswith("mmpose")
        assert each.config.img_size == each.img_size
        assert f"hrformer_{each.variant}" in name
        if each.task == "pose":
            assert name.endswith("x".join(map(str, each.img_size)))


def test_a_model_is_built_from_what_the_server_has(server: FileServer) -> None:
    told: list[tuple[int, int]] = []
    model = load_published("small", on_progress=lambda done, total: told.append((done, total))).eval()
    size = len(server.contents)
    assert told[-1] == (size, size)
    torch.manual_seed(3)
    expected = create_model(tiny("pose")).eval()
    x = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        torch.testing.assert_close(model(x), expected(x), rtol=0, atol=0)
    assert model.config == replace(expected.config, img_size=(64, 48))
    load_published("small")
    assert len(server.asked) == 1


def test_a_file_put_into_the_cache_by_hand_is_taken_without_a_server(server: FileServer) -> None:
    path = published_by_name("small").path
    path.parent.mkdir()
    path.write_bytes(server.contents)
    assert published_by_name("small").are_kept()
    load_published("small")
    assert server.asked == []


def test_nothing_of_another_file_is_read(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of what the server sends nor of what lies in the cache."""
    monkeypatch.setattr("hrformer.checkpoint.loading.read_weights", lambda path, _: pytest.fail(f"{path} was read"))
    file = server.file
    path = published_by_name("small").path
    server.contents = checkpoint(tiny("pose"), seed=4)
    path.parent.mkdir()
    path.write_bytes(server.contents)
    assert not published_by_name("small").are_kept()
    other = hashlib.sha256(server.contents).hexdigest()[:8]
    with pytest.raises(DownloadError, match=f"begins with {other}, not {file.sha256_prefix}"):
        load_published("small")


def test_an_unknown_name_is_answered_with_near_ones(server: FileServer) -> None:
    with pytest.raises(ValueError, match=r"no published weights called 'smal': use small\."):
        load_published("smal")
    assert server.asked == []


def test_the_list_needs_no_torch_and_no_network() -> None:
    code = (
        "import sys; events = []; sys.addaudithook(lambda event, _: events.append(event))\n"
        "import hrformer; print(len(hrformer.published_weights()), 'torch' in sys.modules)\n"
        "print([event for event in events if event.startswith('socket.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["6 False", "[]"]


def test_torch_alone_brings_what_the_download_needs() -> None:
    assert "filelock" in {text.split(";")[0].strip() for text in requires("torch") or []}
    assert {"load_published", "published_weights"} <= set(hrformer.__all__)
