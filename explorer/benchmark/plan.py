"""What to measure: jobs, and plans that cross models with axes, from values, mappings or YAML."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from explorer.benchmark.method import Method
from explorer.engines.registry import COMPILED, EAGER, ENGINE_NAMES
from explorer.models.model_ref import ModelRef, Size
from explorer.reading.plan_text import read_plan_text, write_plan_text
from explorer.records.record import JobKind
from hrformer.wording import listed, shown

PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "autocast_bf16", "autocast_fp16")
MEMORY_FORMATS = ("contiguous", "channels_last")
#: Of torch.compile; what is not compiled has the mode "eager".
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
NOT_COMPILED = "eager"
JOB_KINDS = get_args(JobKind)
#: More would take days; a plan file that multiplies its axes into millions is refused before they are made.
MAX_JOBS = 1000
_MAX_BATCH_SIZE = 2**16
_MAX_THREADS = 1024
_MAX_IMG_SIZE = 8192
_MAX_DEVICE_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model measured in one way.

    Attributes:
        model: The model.
        kind: "inference" (forward), "training_step" (forward, backward, AdamW step), or "largest_batch" (the largest
            inference batch that fits, measured; the search starts at `batch_size`).
        batch_size: Images per call.
        img_size: (height, width) in pixels.
        device: "cpu", "mps", or "cuda:0" and on.
        threads: torch's intra-op threads on the CPU; None for torch's own choice.
        precision: One of `PRECISIONS`.
        memory_format: One of `MEMORY_FORMATS`.
        engine: What runs the model, by its name in `explorer.engines.registry`.
        compile_mode: Of the engine torch.compile one of `COMPILE_MODES`, of all others "eager".
        method: How long and how exactly to measure.

    Raises:
        ValueError: One sentence that names the field, what was wrong and what would work.
    """

    model: ModelRef
    kind: JobKind = "inference"
    batch_size: int = 1
    img_size: Size
    device: str = "cpu"
    threads: int | None = None
    precision: str = "fp32"
    memory_format: str = "contiguous"
    engine: str = EAGER
    compile_mode: str = NOT_COMPILED
    method: Method = field(default_factory=Method)

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, JOB_KINDS)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("memory_format", self.memory_format, MEMORY_FORMATS)
        _check_choice("engine", self.engine, ENGINE_NAMES)
        if self.engine == COMPILED:
            _check_choice("compile_mode", self.compile_mode, COMPILE_MODES)
        elif self.compile_mode != NOT_COMPILED:
            raise ValueError(
                f"compile_mode = {self.compile_mode!r} means nothing under the engine {self.engine}: it is for "
                f"{COMPILED}."
            )
        _check_whole("batch_size", self.batch_size, _MAX_BATCH_SIZE)
        object.__setattr__(self, "img_size", _img_size(self.img_size))  # frozen; only __post_init__ normalises
        parse_device(self.device)
        if self.threads is not None:
            _check_whole("threads", self.threads, _MAX_THREADS)
            if self.device != "cpu":
                raise ValueError(f"threads = {self.threads} means nothing on {self.device}: it is for device cpu.")
        if self.precision == "tf32" and parse_device(self.device)[0] != "cuda":
            raise ValueError(f"precision tf32 exists on CUDA only, not on {self.device}: use fp32 or bf16 there.")

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        values = {name.name: getattr(self, name.name) for name in fields(self)}
        return {**values, "model": self.model.to_dict(), "img_size": list(self.img_size), "method": vars(self.method)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """The inverse of `to_dict`; fields left out take their defaults.

        Raises:
            ValueError: If a key is unknown or a value is illegal.
        """
        _check_keys("job", values, cls, required=("model", "img_size"))
        parsed = {**values, "model": ModelRef.from_dict(values["model"]), "method": _method(values.get("method"))}
        return cls(**parsed)


#: Jobs that are measured together, round by round.
Group = tuple[Job, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every model under every engine at every point of the axes; at each point all these are measured interleaved.

    Attributes:
        models: The models, at least one.
        kinds: What to measure of each.
        batch_sizes: Images per call.
        img_sizes: (height, width) in pixels; None for each model's own size.
        devices: "cpu", "mps", "cuda:0" and on.
        threads: For the CPU; other devices are measured once whatever stands here.
        precisions: Of `PRECISIONS`.
        memory_formats: Of `MEMORY_FORMATS`.
        engines: What runs the models, by their names in `explorer.engines.registry`.
        compile_modes: Of `COMPILE_MODES`, for the engine torch.compile; others are measured once.
        method: How long and how exactly to measure.

    Raises:
        ValueError: If an axis is empty, a job would be illegal, or a compile mode is chosen that no job has.
    """

    models: tuple[ModelRef, ...]
    kinds: tuple[JobKind, ...] = ("inference",)
    batch_sizes: tuple[int, ...] = (1,)
    img_sizes: tuple[Size | None, ...] = (None,)
    devices: tuple[str, ...] = ("cpu",)
    threads: tuple[int | None, ...] = (None,)
    precisions: tuple[str, ...] = ("fp32",)
    memory_formats: tuple[str, ...] = ("contiguous",)
    engines: tuple[str, ...] = (EAGER,)
    compile_modes: tuple[str, ...] = (COMPILE_MODES[0],)
    method: Method = field(default_factory=Method)

    def __post_init__(self) -> None:
        # An empty axis is refused below.
        count = math.prod(len(getattr(self, axis)) or 1 for axis in _AXES if axis not in _ENGINE_AXES)
        count *= len(tuple(self._engines_and_modes())) or 1
        if count > MAX_JOBS:
            raise ValueError(f"The plan has {count:,} jobs: take values off its axes, for at most {MAX_JOBS:,}.")
        for axis in _AXES:
            values = getattr(self, axis)
            if not values:
                raise ValueError(f"{axis} is empty: a plan needs at least one value there.")
            once = tuple(value for place, value in enumerate(values) if value not in values[:place])
            object.__setattr__(self, axis, once)
        if COMPILED not in self.engines and self.compile_modes != (COMPILE_MODES[0],):
            raise ValueError(
                f"compile_modes = {', '.join(map(str, self.compile_modes))} means nothing without the engine "
                f"{COMPILED}: add it to engines."
            )
        self.groups()

    def jobs(self) -> tuple[Job, ...]:
        """All jobs, in the order in which they are measured."""
        return tuple(itertools.chain.from_iterable(self.groups()))

    def groups(self) -> tuple[Group, ...]:
        """Jobs that are measured together: all models under all engines at one point of the other axes.

        A largest-batch search runs alone.
        """
        points = itertools.product(*(getattr(self, axis) for axis in _AXES if axis not in _TOGETHER))
        engines = tuple(self._engines_and_modes())
        groups: dict[Group, None] = {}
        for kind, batch_size, img_size, device, threads, precision, memory_format in points:
            group = tuple(
                Job(
                    model=model,
                    kind=kind,
                    batch_size=batch_size,
                    img_size=img_size or model.default_img_size,
                    device=device,
                    threads=threads if device == "cpu" else None,
                    precision=precision,
                    memory_format=memory_format,
                    engine=engine,
                    compile_mode=compile_mode,
                    method=self.method,
                )
                for model in self.models
                for engine, compile_mode in engines
            )
            apart = [(job,) for job in group] if kind == "largest_batch" else [group]
            groups.update(dict.fromkeys(apart))
        return tuple(groups)

    def _engines_and_modes(self) -> Iterator[tuple[str, str]]:
        for engine in self.engines:
            yield from ((engine, mode) for mode in (self.compile_modes if engine == COMPILED else (NOT_COMPILED,)))

    def groups_on(self, device: str) -> tuple[Group, ...]:
        """The groups of one device."""
        return tuple(group for group in self.groups() if group[0].device == device)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        axes: dict[str, Any] = {axis: list(getattr(self, axis)) for axis in _AXES}
        axes["models"] = [model.to_dict() for model in self.models]
        axes["img_sizes"] = [size and list(size) for size in self.img_sizes]
        return {**axes, "method": vars(self.method)}

    def to_yaml(self) -> str:
        """As a file for `from_yaml`."""
        return write_plan_text(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """From `to_dict` or hand-written: models by name, one value without a list, image sizes as one number.

        Compile modes without engines say the engines, too, as in plans from before there were engines: "eager" that
        one, all others torch.compile.

        Raises:
            ValueError: If a key is unknown or a value is illegal.
        """
        _check_keys("plan", values, cls, required=("models",))
        axes = {axis: _listed(values[axis]) for axis in _AXES if axis in values}
        axes["models"] = tuple(ModelRef.from_dict(model) for model in axes["models"])
        if "img_sizes" in values:
            axes["img_sizes"] = tuple(None if size is None else _img_size(size) for size in _sizes(values["img_sizes"]))
        if "compile_modes" in axes and "engines" not in axes:
            axes |= _engines_of(axes["compile_modes"])
        return cls(**axes, method=_method(values.get("method")))

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Plan:
        """From a YAML file's text or contents; nothing in it is executed.

        Raises:
            ValueError: If it is no YAML, or no plan.
        """
        return cls.from_dict(read_plan_text(text))


#: The order of nesting: what stands last changes fastest.
_AXES = (
    "models",
    "kinds",
    "batch_sizes",
    "img_sizes",
    "devices",
    "threads",
    "precisions",
    "memory_formats",
    "engines",
    "compile_modes",
)
_ENGINE_AXES = ("engines", "compile_modes")
#: What is measured interleaved.
_TOGETHER = ("models", *_ENGINE_AXES)


def parse_device(name: str) -> tuple[str, int | None]:
    """Kind and index of a device: "cuda:1" -> ("cuda", 1), "cpu" -> ("cpu", None).

    Raises:
        ValueError: If the name is none of them.
    """
    kind, _, index = name.partition(":") if isinstance(name, str) else ("", "", "")
    if kind == "cuda" and index.isdecimal() and len(index) <= _MAX_DEVICE_DIGITS:
        return kind, int(index)
    if name in ("cpu", "mps"):
        return name, None
    raise ValueError(f"device = {shown(name)} is not legal: use cpu, mps, or cuda with its number, such as cuda:0.")


def _engines_of(compile_modes: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    modes = tuple(mode for mode in compile_modes if mode != NOT_COMPILED)
    engines = ((EAGER,) if len(modes) < len(compile_modes) else ()) + ((COMPILED,) if modes else ())
    return {"engines": engines, "compile_modes": modes or (COMPILE_MODES[0],)} if engines else {}


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _sizes(value: Any) -> tuple[Any, ...]:
    """A list of sizes; one number stands for one square."""
    return tuple((size, size) if isinstance(size, int) else size for size in _listed(value))


def _img_size(value: Any) -> Size:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"img_size = {shown(value)} is not legal: give height and width in pixels, such as 256, 192.")
    for side in value:
        _check_whole("img_size", side, _MAX_IMG_SIZE)
    return value[0], value[1]


def _method(values: Any) -> Method:
    if values is None:
        return Method()
    _check_keys("method", values, Method)
    return Method(**values)


def _check_keys(what: str, values: Any, target: Callable[..., Any], required: tuple[str, ...] = ()) -> None:
    known = [item.name for item in fields(target)]  # type: ignore[arg-type]
    if not isinstance(values, Mapping):
        raise ValueError(f"A {what} is a mapping with the keys {', '.join(known)}; {shown(values)} is not one.")
    unknown = sorted(str(key) for key in values if key not in known)
    if unknown:
        raise ValueError(f"Unknown key {listed(unknown)}: a {what} has the keys {', '.join(known)}.")
    missing = [name for name in required if name not in values]
    if missing:
        raise ValueError(f"Missing key {', '.join(missing)}: a {what} needs it.")


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} = {shown(value)} is not legal: use one of {', '.join(allowed)}.")


def _check_whole(name: str, value: object, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
        raise ValueError(f"{name} = {shown(value)} is not legal: use a whole number from 1 to {highest}.")
