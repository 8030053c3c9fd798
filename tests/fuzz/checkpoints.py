"""Checkpoints that mean harm: pickles that would run code, files that swell, tensors that are none, damage."""

import io
import json
import os
import pickle
import re
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from hrformer import create_model
from tests.fuzz.mutations import Case, damaged
from tests.variants import tiny

_SMALL = tiny("pose", window_sizes=(3,) * 4)
#: Created by whatever payload runs; the child looks for it.
EXECUTED = "executed"
#: What files are refused for that are built to reach something: another reason would mean that they do not.
REASONS = {
    **dict.fromkeys(("bytearray.pth", "storage.pth", "tensor.pth", "nested_load.pth"), "no state dict"),
    **dict.fromkeys(("shared_tuple_as_key.pth", "shared_tuple_as_value.pth", "shared_dict.pth"), "no state dict"),
    **dict.fromkeys(("nested_tuple_as_key.pth", "nested_tuple_by_memo.pth"), "no state dict"),
    "instance_opcode_in_zip.pth": "instruction INST",
    "long_pickle.pth": "too long",
    "compressed.pth": "compressed",
    "two_directories.pth": "two directories",
    "many_entries.pth": "no archive of torch.save",
    "expanded.pth": "larger than what is stored",
}


def cases() -> Iterator[Case]:
    """All of them, by name."""
    weights = create_model(_SMALL).state_dict()
    files = {"zip.pth": _zip(weights), "legacy.pth": _legacy(weights), "plain.safetensors": save(weights)}
    for name, contents in files.items():
        yield f"whole-{name}", contents
        yield from damaged(name, contents, 12)
    yield from _payloads()
    yield from _swelling(weights)
    yield from _odd_tensors(weights)
    yield from _odd_keys(weights)
    yield from _safetensors_headers()


def _zip(contents: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    return buffer.getvalue()


def _legacy(contents: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(contents, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


class _Call:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def _payloads() -> Iterator[Case]:
    command = f"touch {EXECUTED}"
    calls = {
        "system": _Call(os.system, command),
        "popen": _Call(subprocess.Popen, ["touch", EXECUTED]),
        "eval": _Call(eval, f"__import__('os').system({command!r})"),
        "exec": _Call(exec, f"open({EXECUTED!r}, 'w')"),
        "open": _Call(open, EXECUTED, "w"),
        "import": _Call(__import__, "antigravity"),
        "nested_load": _Call(pickle.loads, pickle.dumps(_Call(os.system, command))),
    }
    for name, call in calls.items():
        yield f"{name}.pth", _zip({"state_dict": {"conv1.weight": call}})
        yield f"{name}_legacy.pth", _legacy(call)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            yield f"{name}_{protocol}.pt", pickle.dumps(call, protocol)
    instance = b"\x80\x02(X" + struct.pack("<I", len(command)) + command.encode() + b"ios\nsystem\n."
    yield "instance_opcode.pth", instance
    yield "instance_opcode_in_zip.pth", _with_pickle(instance)
    yield (
        "stack_global.pth",
        _with_pickle(
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(command)]) + command.encode() + b"\x85R."
        ),
    )
    for name, constructor in (
        ("bytearray", "builtins bytearray"),
        ("storage", "torch FloatStorage"),
        ("tensor", "torch Tensor"),
    ):
        called = b"\x80\x02c" + constructor.replace(" ", "\n").encode() + b"\n\x8a\x04\x00\x8c\x86\x47\x85R"  # of 1.2e9
        yield f"{name}.pth", _with_pickle(called + b".")
        yield f"{name}_in_dict.pth", _with_pickle(called.replace(b"\x02c", b"\x02}X\x01\x00\x00\x00ac") + b"s.")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(f"../{EXECUTED}")
        tar.addfile(entry, io.BytesIO(b""))
    yield "tar.pth", archive.getvalue()


def _with_pickle(contents: bytes) -> bytes:
    """A checkpoint whose pickle is replaced."""
    return _rewritten(_zip({}), lambda name, old: contents if name.endswith("data.pkl") else old)


def _rewritten(archive: bytes, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(result, "w", compression) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return result.getvalue()


def _swelling(weights: dict[str, Tensor]) -> Iterator[Case]:
    large = _zip(dict(weights) | {"conv1.weight": torch.zeros(100 * 2**20)})
    yield "compressed.pth", _rewritten(large, lambda _, old: old, zipfile.ZIP_DEFLATED)
    deep = 500_000
    yield "nested_tuple_as_key.pth", _with_pickle(b"\x80\x02}N" + b"\x85" * deep + b"K\x01s.")
    yield "nested_tuple_by_memo.pth", _with_pickle(b"\x80\x02}Nq\x00" + b"h\x00\x85q\x00" * (deep // 5) + b"K\x01s.")
    shared = b"N" + b"q\x00h\x00\x86" * 60  # (t, t) of itself: 2^60 values to whoever walks or hashes them
    yield "shared_tuple_as_key.pth", _with_pickle(b"\x80\x02}" + shared + b"K\x01s.")
    yield "shared_tuple_as_value.pth", _with_pickle(b"\x80\x02}X\x01\x00\x00\x00a" + shared + b"s.")
    yield (
        "shared_dict.pth",
        _with_pickle(b"\x80\x02}q\x00" + b"}(X\x01\x00\x00\x00ah\x00X\x01\x00\x00\x00bh\x00uq\x00" * 60 + b"."),
    )
    yield "nested_lists.pth", _with_pickle(b"\x80\x02" + b"]" * deep + b"a" * (deep - 1) + b".")
    yield "nested_legacy.pth", b"\x80\x02}N" + b"\x85" * deep + b"K\x01s."
    yield "long_pickle.pth", _with_pickle(b"\x80\x02" + b"N0" * 8 * 2**20 + b"N.")
    two = io.BytesIO(_zip(weights))
    with zipfile.ZipFile(two, "a") as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        archive.writestr(name.upper(), pickle.dumps(_Call(os.system, f"touch {EXECUTED}")))
    yield "two_pickles.pth", two.getvalue()
    yield "two_directories.pth", _two_directories(weights)
    yield "prefixed.pth", b"PK\x03\x04" + bytes(1000) + _zip(weights)
    outside = _rewritten(_zip(weights), lambda _, old: old).replace(b"archive/", b"../../a/")
    yield "paths_outside.pth", outside
    legacy = _legacy(weights)
    *_, key = re.finditer(rb"X.\x00\x00\x00(\d{6,})", legacy)
    yield "unknown_storage.pth", legacy[: key.start(1)] + b"x" + legacy[key.start(1) + 1 :]
    yield "many_entries.pth", _many_entries(50_000)
    yield (
        "expanded.pth",
        _zip({key: value.flatten()[:1].expand(2**40) for key, value in weights.items() if value.numel()}),
    )


def _two_directories(weights: dict[str, Tensor]) -> bytes:
    """The locator of the second ends where the first is; readers that look before it take the second."""
    contents = _zip(weights)
    start = contents.rindex(b"PK\x06\x06")
    return contents[: start + 56] + contents[start:]


def _many_entries(count: int) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for number in range(count):
            archive.writestr(f"archive/data/{number}", b"")
    return result.getvalue()


def _odd_tensors(weights: dict[str, Tensor]) -> Iterator[Case]:
    weight = weights["conv1.weight"]
    odd: dict[str, Any] = {
        "sparse": weight.to_sparse(),
        "meta": weight.to("meta"),
        "complex": weight.to(torch.complex64),
        "boolean": weight > 0,
        "integer": weight.to(torch.int8),
        "double": weight.double(),
        "nan": torch.full_like(weight, torch.nan),
        "infinite": torch.full_like(weight, torch.inf),
        "scalar": torch.tensor(1.0),
        "empty": torch.zeros(0, 3, 3, 3),
        "text": "weight",
        "list": [1, 2, 3],
        "larger": torch.zeros(64, 3, 5, 5),
    }
    for name, value in odd.items():
        yield f"{name}.pth", _zip(dict(weights) | {"conv1.weight": value})
    for key in ("attn.q_proj.weight", "mlp.fc1.weight", "attn.relative_position_bias_table"):
        for shape in ((0, 1), (1, 0), (), (3,), (2, 2, 2)):
            changed = dict(weights) | {f"stage4.0.branches.0.0.{key}": torch.zeros(shape)}
            yield f"{key}_{len(shape)}_{sum(shape)}.pth", _zip(changed)
    yield "wrong_shapes.safetensors", save({key: torch.zeros(3) for key in weights})
    yield "nan.safetensors", save({key: value * torch.nan for key, value in weights.items()})


def _odd_keys(weights: dict[str, Tensor]) -> Iterator[Case]:
    one = torch.zeros(1)
    yield "nothing.pth", _zip({})
    yield "list.pth", _zip([one])
    yield "tensor_alone.pth", _zip(one)
    yield "wrapped_in_itself.pth", _zip({"state_dict": {"state_dict": {"state_dict": {"state_dict": {}}}}})
    yield "long_key.pth", _zip(dict(weights) | {"x" * 10**6: one})
    yield "many_prefixes.pth", _zip({"module." * 100_000 + "conv1.weight": one})
    yield "numbers_as_keys.pth", _zip({1: one, (2, 3): one})
    yield "many_blocks.pth", _zip(dict(weights) | {f"stage{stage}.63.branches.0.63.x": one for stage in (2, 3, 4)})
    yield "huge_index.pth", _zip(dict(weights) | {f"stage2.{'9' * 5000}.branches.0.0.x": one})
    yield "line_breaks.pth", _zip({"first\nsecond\n": one})


def _safetensors_headers() -> Iterator[Case]:
    def file(header: bytes, data: bytes = b"", claimed: int | None = None) -> bytes:
        return struct.pack("<Q", len(header) if claimed is None else claimed) + header + data

    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    yield "claims_exabytes.safetensors", file(b"{}", claimed=2**63 - 1)
    yield "long_header.safetensors", file(b"{" + b" " * 30 * 2**20 + b"}")
    yield "nested_header.safetensors", file(b'{"a":' + b"[" * 10**6)
    for name, change in {
        "dtype": {"dtype": "F7"},
        "small_dtype": {"dtype": "F8_E4M3"},
        "overflow": {"shape": [2**40, 2**40]},
        "negative": {"shape": [-1]},
        "outside": {"data_offsets": [0, 2**40]},
        "backwards": {"data_offsets": [4, 0]},
    }.items():
        yield f"{name}.safetensors", file(json.dumps({"conv1.weight": entry | change}).encode(), bytes(4))
    overlapping = {"a": entry, "b": entry}
    yield "overlapping.safetensors", file(json.dumps(overlapping).encode(), bytes(4))
    yield "not_utf8.safetensors", file(b"\xff\xfe\xff")
