"""A file's bytes as tensors: views where they are aligned, copies where not, nothing beyond the file."""

import struct
from mmap import mmap
from pathlib import Path

import pytest
import torch

from hrformer.mapped_tensors import map_file, start_in, values_at

VALUES = [1.5, -2.0, 3.25]


def mapped(contents: bytes, folder: Path) -> mmap:
    path = folder / "file"
    path.write_bytes(contents)
    return map_file(path)


@pytest.mark.parametrize("start", range(9))
def test_values_are_read_wherever_they_begin_and_views_know_where(start: int, tmp_path: Path) -> None:
    contents = mapped(bytes(start) + struct.pack("<3f", *VALUES), tmp_path)
    values = values_at(contents, start, torch.float32, 3)
    assert values.tolist() == VALUES
    assert start_in(contents, values) == (start if start % 4 == 0 else None)
    assert start_in(contents, values[1:]) == (start + 4 if start % 4 == 0 else None)


def test_what_is_written_stays_out_of_the_file(tmp_path: Path) -> None:
    contents = mapped(struct.pack("<3f", *VALUES), tmp_path)
    values_at(contents, 0, torch.float32, 3).zero_()
    assert struct.unpack("<3f", (tmp_path / "file").read_bytes()) == tuple(VALUES)


@pytest.mark.parametrize(("start", "numel"), [(0, 4), (4, 3), (12, 1), (-4, 1), (2**62, 1)])
def test_nothing_is_read_beyond_the_file(start: int, numel: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reach beyond a file of 12 bytes"):
        values_at(mapped(bytes(12), tmp_path), start, torch.float32, numel)


def test_no_values_lie_nowhere(tmp_path: Path) -> None:
    contents = mapped(bytes(12), tmp_path)
    values = values_at(contents, 12, torch.float32, 0)
    assert values.shape == (0,)
    assert start_in(contents, values) is None
