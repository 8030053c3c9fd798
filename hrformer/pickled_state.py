"""The pickle of a checkpoint, read without Python's unpickler: dicts with text keys, and where their tensors lie.

It is a small interpreter of the instructions that `torch.save` writes. Nothing is imported or called, and nothing but
text is hashed; an object that is no tensor, dict or plain value (a configuration, a NumPy scalar) is left out where it
stands, so that a file that holds more than weights is still of use.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch

#: About 300 KB describe the tensors of HRFormer-B; an optimizer's state and a training's log take some MiB.
MAX_PICKLE_BYTES = 32 * 2**20
#: HRFormer-B with an optimizer's state takes about 200,000.
MAX_INSTRUCTIONS = 1_000_000
MAX_TENSORS = 50_000
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class Skipped:
    """Stands for whatever was not built.

    Attributes:
        name: Its class or what would have made it, as "module name", where that is known.
    """

    name: str = ""


SKIPPED: Any = Skipped()

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
_REBUILDS_TENSOR = ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2")
_REBUILDS_PARAMETER = ("torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state")
_REBUILDS_OBJECT = ("copy_reg _reconstructor", "copyreg _reconstructor", "copyreg __newobj__", "copy_reg __newobj__")
_REBUILDS_SUBCLASS = "torch._tensor _rebuild_from_type_v2"

#: Their argument is the value.
_LITERALS = (
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "EMPTY_SET": SKIPPED}
#: Bytes that can be changed, as NumPy's arrays have them; no tensor does.
_LEFT_OUT = "BYTEARRAY8"
#: How many values they take: objects that are left out, and tuples.
_SKIPPED = {"NEWOBJ": 2, "NEWOBJ_EX": 3}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class UnreadableError(ValueError):
    """A checkpoint is refused: why, as the end of a sentence."""


class Storage(NamedTuple):
    """Where values lie in the file: under which key, of which kind, how many."""

    key: str
    dtype: torch.dtype
    numel: int


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor as a part of a storage, from whole numbers that are not checked against it."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Global(NamedTuple):
    """The name of something in a module, as "module name"; it is never looked up."""

    name: str


class PickledState(NamedTuple):
    """What a pickle holds.

    Attributes:
        value: A dict with text keys, a list, a tuple, a `StoredTensor`, a plain value or a `Skipped`; nested.
        storages: All that it names, by their keys.
    """

    value: Any
    storages: Mapping[str, Storage]


def read_pickle(file: io.BytesIO) -> PickledState:
    """One pickle, to its end.

    Raises:
        UnreadableError: If it is damaged, or holds an instruction that `torch.save` does not write.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count >= MAX_INSTRUCTIONS:
                raise UnreadableError("its pickle is too long for a checkpoint")
            if opcode.name == "STOP":
                return PickledState(machine.value, machine.storages)
            machine.run(opcode.name, argument)
    except UnreadableError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise UnreadableError("its pickle is damaged") from error
    raise UnreadableError("its pickle has no end")


class _Machine:
    """The unpickler's stack, marks and memo."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[Any, Any] = {}
        self._tensors = 0
        self.storages: dict[str, Storage] = {}
        self._instructions: Mapping[str, Callable[[Any], object]] = {
            **dict.fromkeys(("PROTO", "FRAME"), lambda _: None),
            **dict.fromkeys(_LITERALS, self._push),
            **{name: partial(self._push_constant, value) for name, value in _CONSTANTS.items()},
            _LEFT_OUT: partial(self._push_constant, SKIPPED),
            "EMPTY_DICT": lambda _: self._push({}),
            "EMPTY_LIST": lambda _: self._push([]),
            "MARK": lambda _: self._marks.append(len(self._stack)),
            **{name: partial(self._push_tuple, count) for name, count in _TUPLES.items()},
            "TUPLE": lambda _: self._push(tuple(self._take_to_mark())),
            "APPEND": lambda _: self._append(self._take(1)),
            "APPENDS": lambda _: self._append(self._take_to_mark()),
            "SETITEM": lambda _: self._set_items(self._take(2)),
            "SETITEMS": lambda _: self._set_items(self._take_to_mark()),
            "MEMOIZE": lambda _: self._remember(len(self._memo)),
            **dict.fromkeys(("BINPUT", "LONG_BINPUT"), self._remember),
            **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda key: self._push(self._memo[key])),
            "GLOBAL": lambda name: self._push(_Global(name)),
            "STACK_GLOBAL": lambda _: self._push_global(*self._take(2)),
            "BINPERSID": lambda _: self._push_storage(*self._take(1)),
            "REDUCE": lambda _: self._reduce(*self._take(2)),
            "FROZENSET": lambda _: self._skip_to_mark(),
            **{name: partial(self._skip, count) for name, count in _SKIPPED.items()},
            **dict.fromkeys(("BUILD", "POP"), lambda _: self._take(1)),
            **dict.fromkeys(("ADDITEMS", "POP_MARK"), lambda _: self._take_to_mark()),
        }

    def run(self, name: str, argument: Any) -> None:
        if name not in self._instructions:
            raise UnreadableError(f"its pickle holds the instruction {name}, which no checkpoint needs")
        self._instructions[name](argument)

    @property
    def value(self) -> Any:
        """What lies on top."""
        return self._stack[-1]

    def _take(self, count: int) -> list[Any]:
        start = len(self._stack) - count
        if start < 0:
            raise IndexError(start)
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def _take_to_mark(self) -> list[Any]:
        return self._take(len(self._stack) - self._marks.pop())

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _push_constant(self, value: Any, _: None) -> None:
        self._push(value)

    def _push_tuple(self, count: int, _: None) -> None:
        self._push(tuple(self._take(count)))

    def _skip(self, count: int, _: None) -> None:
        self._push(_skipped(*self._take(count)[:1]))

    def _skip_to_mark(self) -> None:
        self._take_to_mark()
        self._push(SKIPPED)

    def _remember(self, key: Any) -> None:
        self._memo[key] = self._stack[-1]

    def _push_global(self, module: Any, name: Any) -> None:
        named = isinstance(module, str) and isinstance(name, str)
        self._push(_Global(f"{module} {name}") if named else SKIPPED)

    def _push_storage(self, reference: Any) -> None:
        storage = _storage(reference)
        if isinstance(storage, Storage) and self.storages.setdefault(storage.key, storage) != storage:
            raise UnreadableError("it describes the same values in two ways")
        self._push(storage)

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            target.update((key, value) for key, value in pairs if isinstance(key, str))

    def _reduce(self, function: Any, arguments: Any) -> None:
        made = _called(function, arguments)
        self._tensors += isinstance(made, StoredTensor)
        if self._tensors > MAX_TENSORS:
            raise UnreadableError("it holds too many tensors for a checkpoint")
        self._push(made)


def _skipped(maker: Any = None) -> Any:
    return Skipped(maker.name) if isinstance(maker, _Global) else SKIPPED


def _called(function: Any, arguments: Any) -> Any:
    """What a call would have made, for the calls that stand for a dict or a dense tensor."""
    if not isinstance(function, _Global) or not isinstance(arguments, tuple):
        return SKIPPED
    if function.name in _REBUILDS_OBJECT and arguments:
        return _skipped(arguments[0])
    if function.name == "collections OrderedDict":
        return SKIPPED if arguments else {}
    if function.name in _REBUILDS_PARAMETER and arguments:
        return arguments[0] if isinstance(arguments[0], StoredTensor) else SKIPPED
    if function.name == _REBUILDS_SUBCLASS and len(arguments) >= 3:
        function, _, arguments = arguments[:3]
    if isinstance(function, _Global) and function.name in _REBUILDS_TENSOR and isinstance(arguments, tuple):
        return _tensor(*arguments[:4]) if len(arguments) >= 4 else SKIPPED
    return _skipped(function)


def _storage(reference: Any) -> Any:
    """A storage from `("storage", type, key, device, numel)`, to which old files add that it is no view (None)."""
    if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
        return SKIPPED
    _, kind, key, _, numel, *view = reference
    if not isinstance(kind, _Global) or not isinstance(key, str) or not _is_count(numel) or view not in ([], [None]):
        return SKIPPED
    module, _, name = kind.name.partition(" ")
    known = module in ("torch", "torch.cuda") and name in _DTYPES
    return Storage(key, _DTYPES[name], numel) if known else SKIPPED


def _tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Any:
    described = isinstance(storage, Storage) and _is_count(offset) and _are_counts(size) and _are_counts(stride)
    return StoredTensor(storage, offset, size, stride) if described and len(size) == len(stride) else SKIPPED


def _are_counts(numbers: Any) -> bool:
    return isinstance(numbers, tuple) and len(numbers) <= _MAX_DIMENSIONS and all(map(_is_count, numbers))


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 <= number < 2**48
