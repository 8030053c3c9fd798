"""Files of `torch.save`, read by this module alone: the zip archive of today, and the format before torch 1.6.

What checks a file and what reads it are one: a second reader, such as torch's, could see other entries in it.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from mmap import mmap
from typing import IO, Any, cast

from torch import Tensor

from hrformer.mapped_tensors import values_at
from hrformer.pickled_state import MAX_PICKLE_BYTES, Storage, StoredTensor, UnreadableError, read_pickle

_MAX_ZIP_ENTRIES = 50_000
_ENTRY = b"PK\x03\x04"
_LOCAL_HEADER_BYTES = 30
_END_BYTES = 22
_LOCATOR_BYTES = 20
_ZIP64_END_BYTES = 56
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PICKLES = 5
_NUMEL_BYTES = 8

FindStorage = Callable[[Storage], int]
"""At which byte of the file a storage begins."""


class TorchFile:
    """A checkpoint in memory, its pickle read.

    Attributes:
        value: What was saved; see `read_pickle`.

    Args:
        contents: The file, mapped for private writing; tensors are views of it.

    Raises:
        UnreadableError: If it is damaged, of another format, or built to be read in two ways.
        zipfile.BadZipFile: If it is a damaged archive.
    """

    def __init__(self, contents: mmap) -> None:
        self._contents = contents
        self._values_by_key: dict[str, Tensor] = {}
        self.value, self._find = _read_archive(contents) if contents[:4] == _ENTRY else _read_legacy(contents)

    def tensors(self, state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
        """Its entries that are tensors, under their keys.

        Raises:
            UnreadableError: If they are not all in the file, or more than it holds.
        """
        stored = {key: value for key, value in state_dict.items() if isinstance(value, StoredTensor)}
        tensors = {key: self._tensor(value) for key, value in stored.items()}
        if sum(tensor.nbytes for tensor in tensors.values()) > len(self._contents):
            raise UnreadableError("its tensors are larger than the file")
        return tensors

    def _tensor(self, stored: StoredTensor) -> Tensor:
        last = stored.offset + sum((side - 1) * step for side, step in zip(stored.size, stored.stride, strict=True))
        numel = math.prod(stored.size)
        if numel > stored.storage.numel or (numel and last >= stored.storage.numel):
            raise UnreadableError("it holds a tensor that is larger than what is stored of it")
        return self._values(stored.storage).as_strided(stored.size, stored.stride, stored.offset)

    def _values(self, storage: Storage) -> Tensor:
        """All of a storage; copied where the file did not align it."""
        if storage.key in self._values_by_key:
            return self._values_by_key[storage.key]
        start = self._find(storage)
        if start + storage.numel * storage.dtype.itemsize > len(self._contents):
            raise UnreadableError("a storage reaches beyond the file")
        values = values_at(self._contents, start, storage.dtype, storage.numel)
        self._values_by_key[storage.key] = values
        return values


class _Archive:
    """The entries of a zip archive, each stored as it is between the file's beginning and the archive's directory."""

    def __init__(self, contents: mmap) -> None:
        self._contents = contents
        self._directory = _directory_start(contents)
        with zipfile.ZipFile(cast("IO[bytes]", contents)) as archive:
            self.entries = {entry.filename: entry for entry in archive.infolist()}
            if len(self.entries) < len(archive.infolist()):
                raise UnreadableError("its entries are doubled")

    def place(self, name: str) -> tuple[int, int]:
        """First byte of an entry and its length."""
        entry = self.entries[name]
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise UnreadableError("its entries are compressed or encrypted")
        header = self._contents[entry.header_offset : entry.header_offset + _LOCAL_HEADER_BYTES]
        if len(header) < _LOCAL_HEADER_BYTES or header[:4] != _ENTRY:
            raise UnreadableError("its entries do not lie where its directory says")
        start = entry.header_offset + _LOCAL_HEADER_BYTES + sum(struct.unpack("<HH", header[26:]))  # name, extra field
        if start + entry.file_size > self._directory:
            raise UnreadableError("its entries do not lie where its directory says")
        return start, entry.file_size

    def read(self, name: str) -> bytes:
        start, length = self.place(name)
        if length > MAX_PICKLE_BYTES:
            raise UnreadableError("its pickle is too large for a checkpoint")
        return self._contents[start : start + length]


def _read_archive(contents: mmap) -> tuple[Any, FindStorage]:
    archive = _Archive(contents)
    pickles = [name for name in archive.entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise UnreadableError("it is no archive of torch.save")
    folder = pickles[0].removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in archive.entries and archive.read(order) != b"little":
        raise UnreadableError("it was written on a big-endian machine")

    def find(storage: Storage) -> int:
        start, length = archive.place(f"{folder}data/{storage.key}")
        if length < storage.numel * storage.dtype.itemsize:
            raise UnreadableError("a storage is shorter than its tensors")
        return start

    return read_pickle(io.BytesIO(archive.read(pickles[0]))).value, find


def _directory_start(contents: mmap) -> int:
    """Where the archive's directory begins, of which there may be one: it ends where its end record begins.

    torch writes two end records, the second of 64 bits, without anything before, between or behind them.
    """
    end = len(contents) - _END_BYTES
    if end < 0 or contents[end : end + 4] != b"PK\x05\x06":
        raise zipfile.BadZipFile("no end record at the end")
    entries, length, start, comment = struct.unpack("<HIIH", contents[end + 10 : end + _END_BYTES])
    locator = end - _LOCATOR_BYTES
    if contents[max(locator, 0) : max(locator, 0) + 4] == b"PK\x06\x07":
        end = locator - _ZIP64_END_BYTES
        (claimed,) = struct.unpack("<Q", contents[locator + 8 : locator + 16])
        if claimed != end or contents[end : end + 4] != b"PK\x06\x06":
            raise UnreadableError("it has two directories")
        entries, length, start = struct.unpack("<QQQ", contents[end + 32 : end + _ZIP64_END_BYTES])
    if start + length != end or comment:
        raise UnreadableError("it has two directories, or its directory does not end where the file does")
    if entries > _MAX_ZIP_ENTRIES or contents[start:end].count(b"PK\x01\x02") > _MAX_ZIP_ENTRIES:
        raise UnreadableError("it has too many entries")
    return int(start)


def _read_legacy(contents: mmap) -> tuple[Any, FindStorage]:
    """Five pickles (magic number, protocol, system, value, storage keys), then each storage behind its length."""
    file = io.BytesIO(contents[:MAX_PICKLE_BYTES])
    magic, _, system, saved, keys = (read_pickle(file) for _ in range(_LEGACY_PICKLES))
    if magic.value != _LEGACY_MAGIC:
        raise UnreadableError("it is no file of torch.save")
    if not isinstance(system.value, dict) or system.value.get("little_endian") is not True:
        raise UnreadableError("it was written on a big-endian machine")
    starts, position = {}, file.tell()
    for key in keys.value:
        if not isinstance(key, str):  # before it is hashed
            raise UnreadableError("its list of storages is damaged")
        storage = saved.storages[key]
        if int.from_bytes(contents[position : position + _NUMEL_BYTES], "little") != storage.numel:
            raise UnreadableError("a storage is not as long as its tensors")
        starts[key] = position + _NUMEL_BYTES
        position = starts[key] + storage.numel * storage.dtype.itemsize
    return saved.value, lambda storage: starts[storage.key]
