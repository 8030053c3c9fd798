"""A list of published weights for tests: one entry, "small", of a small pose network at 64x48 pixels."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from hrformer import HRFormerConfig, create_model
from hrformer.download import RemoteFile
from tests.file_server import FileServer, serving
from tests.variants import tiny

LISTED = "small"
_HEAD = "name,task,variant,height,width,score,score_name,sha256_prefix,url,licence,source"


def checkpoint(config: HRFormerConfig, seed: int) -> bytes:
    """A checkpoint as trainings write it, of the weights that the seed gives."""
    torch.manual_seed(seed)
    buffer = io.BytesIO()
    torch.save({"state_dict": create_model(config).state_dict()}, buffer)
    return buffer.getvalue()


def list_of(file: RemoteFile, folder: Path, name: str = LISTED) -> Path:
    """The list as a file."""
    path = folder / "published_weights.csv"
    row = f"{name},pose,tiny,64,48,0.5,COCO val2017 AP,{file.sha256_prefix},{file.url},MIT,a_test *of* ours"
    path.write_text(f"{_HEAD}\n{row}\n")
    return path


@contextmanager
def published_here(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = LISTED) -> Iterator[FileServer]:
    """A server that has a small pose network, which alone is published, and a cache of its own."""
    monkeypatch.setenv("HRFORMER_CACHE", str(folder / "our cache"))
    with serving(checkpoint(tiny("pose"), seed=3)) as running:
        monkeypatch.setattr("hrformer.published.TABLE", list_of(running.file, folder, name))
        yield running
