"""The interpreter of pickles: what it builds, what it leaves out, and that size and nesting cost nothing."""

import io
import pickle
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from pathlib import PurePosixPath
from typing import Any

import pytest

from hrformer.pickled_state import MAX_INSTRUCTIONS, Skipped, UnreadableError, read_pickle


def value_of(contents: bytes) -> Any:
    return read_pickle(io.BytesIO(contents)).value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back(protocol: int) -> None:
    plain = {"a": 1, "b": [1.5, None, True, (2, 3, 4, 5), -(2**60)], "c": {"d": OrderedDict(e="ü" * 300)}}
    assert value_of(pickle.dumps(plain, protocol)) == plain


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects_are_left_out_where_they_stand(protocol: int) -> None:
    odd = {"before": 1, "path": PurePosixPath("a"), "set": {1}, "frozen": frozenset([1]), "range": range(3), "after": 2}
    read = value_of(pickle.dumps(odd, protocol))
    assert {key for key, value in read.items() if isinstance(value, Skipped)} == {"path", "set", "frozen", "range"}
    assert (read["before"], read["after"]) == (1, 2)
    assert read["path"] == Skipped("pathlib PurePosixPath")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects_of_a_class_are_named_by_it(protocol: int) -> None:
    values = [PurePosixPath("a"), Namespace(a=1), Counter("aab"), defaultdict(list)]
    names = ["pathlib PurePosixPath", "argparse Namespace", "collections Counter", "collections defaultdict"]
    assert value_of(pickle.dumps(values, protocol)) == [Skipped(name) for name in names]


def test_only_text_becomes_a_key() -> None:
    assert value_of(pickle.dumps({1: 2, (3,): 4, "five": 6}, 2)) == {"five": 6}


def test_several_pickles_in_one_file_are_read_one_after_the_other() -> None:
    file = io.BytesIO(pickle.dumps("first", 2) + pickle.dumps("second", 2))
    assert [read_pickle(file).value, read_pickle(file).value] == ["first", "second"]


SHARED = b"\x80\x02}N" + b"q\x00h\x00\x86" * 60  # (t, t) of itself, 60 times: 2^60 values to a hash


@pytest.mark.parametrize(
    "contents",
    [
        SHARED + b"K\x01s.",
        b"\x80\x02}X\x01\x00\x00\x00a" + SHARED[3:] + b"s.",
        SHARED.replace(b"\x86", b"\x86\x85") + b"K\x01s.",
        b"\x80\x02cbuiltins\nhash\nN" + SHARED[4:] + b"\x85R.",
        b"\x80\x02" + b"cbuiltins\nset\n]N" + SHARED[4:] + b"a\x85R.",
        b"\x80\x02}" + b"N" + b"\x85" * 900_000 + b"K\x01s.",
        b"\x80\x02}X\x01\x00\x00\x00a" + b"]" * 300_000 + b"a" * 299_999 + b"s.",
    ],
    ids=["key", "value", "two_kinds", "call", "set", "deep", "deep_lists"],
)
def test_shared_and_deep_nesting_costs_no_more_than_the_file(contents: bytes) -> None:
    """Hashing what is shared would take 2^60 steps, so that this test would never end."""
    assert type(value_of(contents)) is dict or isinstance(value_of(contents), Skipped)


@pytest.mark.parametrize(
    "call",
    [
        b"cbuiltins\nbytearray\n\x8a\x04\x00\x8c\x86\x47\x85R",
        b"ctorch\nFloatStorage\n\x8a\x04\x00\x8c\x86\x47\x85R",
        b"ctorch\nTensor\n\x8a\x04\x00\x8c\x86\x47\x85R",
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00latin1\x86R",
        b"cbuiltins\nbytearray\n\x8a\x04\x00\x8c\x86\x47\x85\x81",
    ],
    ids=["bytearray", "storage", "tensor", "encode", "new"],
)
def test_no_call_is_made(call: bytes) -> None:
    """0x47868c00 is 1.2e9, a size that a constructor would make memory of."""
    assert int.from_bytes(b"\x00\x8c\x86\x47", "little") == 1_200_000_000
    assert isinstance(value_of(b"\x80\x02" + call + b"."), Skipped)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02u.",
        b"\x80\x02h\x05.",
        b"\x80\x02R.",
        b"\x80\x02}(NNNu.",
        b"(S'touch x'\nios\nsystem\n.",
        b"\x80\x02N2.",
        b"\x80\x02" + b"N0" * MAX_INSTRUCTIONS + b"N.",
    ],
    ids=["empty", "cut", "no_value", "no_mark", "no_memo", "no_call", "odd", "instance", "doubled", "long"],
)
def test_broken_pickles_are_refused(contents: bytes) -> None:
    with pytest.raises(UnreadableError, match="pickle"):
        value_of(contents)
