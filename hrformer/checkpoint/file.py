"""Weights out of a file: `.pth` in its many endings, and `.safetensors`; nothing in a file is run."""

from __future__ import annotations

import json
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from mmap import mmap
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from hrformer.checkpoint.names import FAMILIES, Origin, check_dense, normalise_keys, origin_of
from hrformer.checkpoint.sets import WeightSet, chosen_set, weight_sets
from hrformer.collection import uncollected
from hrformer.config import HRFormerConfig
from hrformer.mapped_tensors import map_file, values_at
from hrformer.pickled_state import Skipped, UnreadableError
from hrformer.torch_file import TorchFile
from hrformer.wording import listed

SAFETENSORS = ".safetensors"
#: Endings of checkpoints, in either case.
SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".pth.tar", SAFETENSORS)
#: Under which name a file says its variant, as JSON: in the metadata of safetensors, in `meta` of others.
VARIANT = "hrformer_variant"
META = "meta"
_SAFETENSORS_LENGTH_BYTES = 8
_SAFETENSORS_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
#: HRFormer-B takes 150 KB.
_MAX_SAFETENSORS_HEADER_BYTES = 4 * 2**20
_MAX_VARIANT_CHARACTERS = 10_000
_MAX_NAMES = 50
_MAX_NAME = 80
#: What torch and safetensors raise on a damaged file, beside their own errors.
_DAMAGED = (
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,
    MemoryError,
    AssertionError,
    struct.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class StoredWeights:
    """One set of weights of a file, and what the file tells of it.

    Attributes:
        weights: Under this library's names; views of the file, which must stay as it is as long as they are used.
        origin: Whose they are.
        name: "ema", "raw" or where they lie in the file.
        others: The names of the file's other sets.
        skipped: What else the file holds, by its names; it is not read.
        variant: What the file says of its variant, where it does.
        contents: The mapped file that they are views of, but for those that it did not align.
    """

    weights: Mapping[str, Tensor]
    origin: Origin
    name: str
    others: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    variant: HRFormerConfig | None = None
    contents: mmap | None = field(default=None, compare=False)

    def description(self) -> dict[str, Any]:
        """All but the weights, as JSON values; of many names the first, cut where they are long."""
        return {
            "family": self.origin.family,
            "evidence": self.origin.evidence,
            "name": self.name,
            "others": _few(self.others),
            "skipped": _few(self.skipped),
            "variant": None if self.variant is None else self.variant.to_dict(),
        }

    @classmethod
    def described(cls, weights: Mapping[str, Tensor], description: object) -> StoredWeights:
        """The weights, with a description that is checked.

        Raises:
            ValueError: If it is none, or names no legal variant.
        """
        match description:
            case {
                "family": str(family),
                "evidence": str(evidence),
                "name": str(name),
                "others": list(others),
                "skipped": list(skipped),
                "variant": variant,
            } if family in FAMILIES and all(isinstance(text, str) for text in [*others, *skipped]):
                origin = Origin(cast("Any", family), evidence)
                told = None if variant is None else HRFormerConfig.from_dict(variant)
                return cls(weights, origin, name, tuple(others), tuple(skipped), told)
        raise ValueError("That is no description of a checkpoint.")


def _few(names: Sequence[str]) -> list[str]:
    return [name[:_MAX_NAME] for name in names[:_MAX_NAMES]]


def read_weights(path: str | Path, weights: str | None = None) -> StoredWeights:
    """One set of weights of a checkpoint under this library's names, and what the file tells of it.

    Args:
        path: The file.
        weights: Which set: "ema", "raw" or the name of another; None takes the averaged one where there is one.

    Raises:
        ValueError: If the file type is unknown, the file is damaged, holds no state dict or no such set, or says a
            variant that is none; one sentence.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    found, variant, contents = _read(path, weights)
    own = normalise_keys(found.weights)
    check_dense(own)
    told = _told_variant(path.name, variant)
    return StoredWeights(own, origin_of(found.weights), found.name, found.others, found.beside, told, contents)


def read_tensors(path: str | Path) -> Mapping[str, Tensor]:
    """The tensors of a checkpoint's state dict, wrappers taken off; what else the file holds is skipped, never run.

    They are views of the file, which must stay as it is as long as they are used.

    Raises:
        ValueError: If the file type is unknown, or the file is damaged or holds no state dict.
        FileNotFoundError: If there is no such file.
    """
    return _read(Path(path), None)[0].weights


@uncollected()
def _read(path: Path, name: str | None) -> tuple[WeightSet, object, mmap]:
    """A set of weights under the file's names, what the file says of its variant, and the file."""
    if not path.name.lower().endswith(SUFFIXES):
        raise ValueError(f"{path.name} is not a checkpoint: use a .pth or .safetensors file.")
    if path.suffix.lower() == SAFETENSORS:
        tensors, metadata, contents = _read_safetensors(path)
        return chosen_set(weight_sets(tensors), name), metadata.get(VARIANT), contents
    with _refusing_damage(path.name):
        contents = map_file(path)
        file = TorchFile(contents)
        saved = file.value if isinstance(file.value, Mapping) else {}
        sets = weight_sets(saved)
    chosen = chosen_set(sets, name)
    with _refusing_damage(path.name):
        tensors = file.tensors(chosen.weights)
    if not tensors:
        raise ValueError(f"{path.name} holds no state dict{_instead(file.value)}: save model.state_dict().")
    meta = saved.get(META)
    variant = meta.get(VARIANT) if isinstance(meta, Mapping) else None
    return replace(chosen, weights=tensors), variant, contents


@contextmanager
def _refusing_damage(file_name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except UnreadableError as error:
        raise ValueError(f"{file_name} is not a readable checkpoint: {error}.") from error
    except _DAMAGED as error:
        raise ValueError(f"{file_name} is not a readable checkpoint: it is damaged or of another format.") from error


def _instead(value: object) -> str:
    """What a file without weights holds, by the classes of its objects."""
    values = [value, *value.values()] if isinstance(value, Mapping) else [value]
    classes = sorted({each.name.replace(" ", ".") for each in values if isinstance(each, Skipped) and each.name})
    return f" but what is of {listed(classes)}" if classes else ""


def _told_variant(file_name: str, text: object) -> HRFormerConfig | None:
    """The variant that a file says it is of; a user may have written anything there."""
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > _MAX_VARIANT_CHARACTERS:
        raise ValueError(f"{file_name} says its variant, but not as a short text: leave out its metadata.")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file_name} says its variant, but not as JSON: leave out its metadata.") from error
    try:
        return HRFormerConfig.from_dict(values)
    except ValueError as error:
        raise ValueError(f"{file_name} says a variant that is none: {error}") from error


def _read_safetensors(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, str], mmap]:
    """Its tensors, its metadata, and the file that they are views of."""
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError as error:
        raise ValueError("Reading .safetensors needs the package safetensors: pip install safetensors.") from error
    try:
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(_SAFETENSORS_LENGTH_BYTES), "little")
        if header_bytes > _MAX_SAFETENSORS_HEADER_BYTES:
            raise ValueError("Its header is too large for a checkpoint.")
        with safe_open(path, "pt") as opened:  # refuses tensors that overlap, leave gaps or reach beyond the file
            metadata = opened.metadata() or {}
            keys = opened.keys()
            kinds = {key: _kind(opened.get_slice(key)) for key in opened.offset_keys()}
        contents = map_file(path)
        tensors = {}
        start = _SAFETENSORS_LENGTH_BYTES + header_bytes
        for key, (dtype, shape) in kinds.items():
            tensors[key] = values_at(contents, start, dtype, math.prod(shape)).view(shape)
            start += tensors[key].nbytes
        return {key: tensors[key] for key in keys}, metadata, contents
    except FileNotFoundError:
        raise
    except (SafetensorError, *_DAMAGED) as error:
        raise ValueError(f"{path.name} is not a readable .safetensors file: it is damaged or cut off.") from error


def _kind(tensor: Any) -> tuple[torch.dtype, list[int]]:
    """Type and shape of an entry of safetensors, whose values are not read."""
    return _SAFETENSORS_DTYPES[tensor.get_dtype()], tensor.get_shape()
