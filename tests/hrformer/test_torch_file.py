"""Files of torch.save: the same values as torch reads, and one way only to read each file."""

import io
import struct
import warnings
import zipfile
from mmap import mmap
from typing import Any

import pytest
import torch

from hrformer.pickled_state import UnreadableError
from hrformer.torch_file import TorchFile


def saved(value: Any, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def opened(contents: bytes) -> TorchFile:
    mapped = mmap(-1, len(contents))
    mapped[:] = contents
    return TorchFile(mapped)


BASE = torch.arange(24.0)
TENSORS = {
    "whole": BASE,
    "transposed": BASE.view(4, 6).T,
    "part": BASE[5:9],
    "again": BASE,
    "half": torch.randn(3, 5).half(),
    "brain": torch.randn(7).bfloat16(),
    "counts": torch.arange(5),
    "flags": torch.tensor([True, False]),
    "scalar": torch.tensor(2.5, dtype=torch.float64),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    "complex": torch.randn(3, dtype=torch.complex64),
}


@pytest.mark.parametrize("legacy", [False, True])
def test_values_are_those_that_were_saved(legacy: bool) -> None:
    file = opened(saved({**TENSORS, "epoch": 3}, legacy))
    tensors = file.tensors(file.value)
    assert file.value["epoch"] == 3
    assert list(tensors) == list(TENSORS)
    for key, value in TENSORS.items():
        torch.testing.assert_close(tensors[key], value.data, rtol=0, atol=0)


def test_kinds_of_tensor_that_no_network_here_has_are_left_out() -> None:
    odd = {"sparse": torch.eye(3).to_sparse(), "meta": torch.zeros(3, device="meta"), "dense": torch.ones(2)}
    file = opened(saved(odd))
    assert list(file.tensors(file.value)) == ["dense"]


def zip64_end(start: int, length: int, entries: int) -> bytes:
    return struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, length, start)


def with_two_directories(gap: bytes) -> bytes:
    """One reader goes where the locator says, another takes what lies before it."""
    contents = saved({"a": torch.ones(3)})
    ends = contents.rindex(b"PK\6\6")
    start, length = struct.unpack("<QQ", contents[ends + 48 : ends + 56] + contents[ends + 40 : ends + 48])
    locator, last = contents[ends + 56 : ends + 76], contents[ends + 76 :]
    return contents[:ends] + contents[ends : ends + 56] + gap + zip64_end(start, length, 1) + locator + last


def test_two_end_records_are_refused() -> None:
    with pytest.raises(UnreadableError, match="two directories"):
        opened(with_two_directories(b""))


@pytest.mark.parametrize("gap", [b"x", bytes(100)])
def test_bytes_between_end_records_are_refused(gap: bytes) -> None:
    with pytest.raises(UnreadableError, match="two directories"):
        opened(with_two_directories(gap))


@pytest.mark.parametrize(
    "change",
    [
        lambda contents: contents + contents[-22:],
        lambda contents: contents[:-2] + b"\x05\x00PK\5\6x",
        lambda contents: contents + b"trailing",
        lambda contents: b"PK\3\4" + bytes(96) + contents,
        lambda contents: contents[:-98] + b"x" + contents[-98:],
    ],
    ids=["second_end", "comment", "trailing", "prefix", "gap"],
)
def test_a_directory_has_one_place(change: Any) -> None:
    with pytest.raises((UnreadableError, zipfile.BadZipFile)):
        opened(change(saved({"a": torch.ones(3)})))


def rewritten(change: Any, compression: int = zipfile.ZIP_STORED) -> bytes:
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved({"a": torch.ones(300)}))) as old,
        zipfile.ZipFile(result, "w", compression) as new,
    ):
        for entry in old.infolist():
            for name, contents in change(entry.filename, old.read(entry)):
                with warnings.catch_warnings(action="ignore"):  # doubled names
                    new.writestr(name, contents)
    return result.getvalue()


def read(contents: bytes) -> Any:
    file = opened(contents)
    return file.tensors(file.value)


def test_an_archive_that_was_packed_anew_is_read() -> None:
    torch.testing.assert_close(read(rewritten(lambda name, old: [(name, old)]))["a"], torch.ones(300))


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (rewritten(lambda name, old: [(name, old)], zipfile.ZIP_DEFLATED), "compressed"),
        (rewritten(lambda name, old: [(name, old)] * 2), "doubled"),
        (rewritten(lambda name, old: [(name, old), (f"b/{name.split('/')[1]}", old)]), "no archive of torch.save"),
        (rewritten(lambda name, old: [(name, b"big" if name.endswith("byteorder") else old)]), "big-endian"),
        (rewritten(lambda name, old: [(name, old[:100] if "/data/" in name else old)]), "shorter than its tensors"),
    ],
    ids=["compressed", "doubled", "two_folders", "big_endian", "short"],
)
def test_archives_that_torch_does_not_write_are_refused(contents: bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        read(contents)


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(1).expand(2**40), torch.ones(4)[:2].expand(3, 2), torch.ones(2, 1, 1).expand(2, 5, 5)],
    ids=["terabytes", "rows", "inner"],
)
def test_a_tensor_is_not_larger_than_its_values(tensor: torch.Tensor) -> None:
    with pytest.raises(UnreadableError, match="larger than what is stored"):
        read(saved({"a": tensor}))


def test_many_views_of_the_same_values_are_no_larger_than_the_file() -> None:
    values = torch.ones(100_000)
    with pytest.raises(UnreadableError, match="larger than the file"):
        read(saved({str(number): values for number in range(100)}))
