"""Ways to write a variant down: as a difference from a preset, a URL query, a line of Python."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from explorer.models.catalogue import PAPER_NAMES
from hrformer import PRESETS, TASKS, HRFormerConfig, preset
from hrformer.config import LIMITS, nearest_channels
from hrformer.wording import shown

#: Query keys that describe a variant; a page may keep its own keys beside them.
QUERY_KEYS = ("preset", *(field.name for field in fields(HRFormerConfig)))
_SHORT = {
    "num_modules": "M",
    "num_blocks": "B",
    "channels": "C",
    "num_heads": "H",
    "mlp_ratios": "R",
    "window_sizes": "K",
    "dw_conv": "DW conv",
    "img_size": "image",
    "num_classes": "classes",
}

#: What the pages show is narrower than what the library builds: pictures have up to four channels and fill some tokens
#: of every branch, and a head has something to tell.
SHOWN_LIMITS = LIMITS | {
    "img_size": (32, LIMITS["img_size"][1]),
    "in_chans": (1, 4),
    "num_classes": (1, LIMITS["num_classes"][1]),
}


def check_shown(config: HRFormerConfig) -> None:
    """Refuse a variant that the library builds and the pages do not show.

    Raises:
        ValueError: If it is one, naming the field, its limits and the nearest value within.
    """
    values = {"in_chans": config.in_chans, "num_classes": config.num_classes}
    values |= {f"img_size[{axis}]": side for axis, side in enumerate(config.img_size)}
    for label, value in values.items():
        low, high = SHOWN_LIMITS[label.partition("[")[0]]
        if not low <= value <= high:
            nearest = min(max(value, low), high)
            raise ValueError(f"{label} = {value} is outside {low} to {high}: the nearest legal value is {nearest}.")


@dataclass(frozen=True)
class PresetDifference:
    """A variant as a preset and the fields in which it differs.

    Attributes:
        preset: Name of the nearest preset of the variant's task: the one with the fewest differing fields.
        overrides: The differing fields with the variant's values.
    """

    preset: str
    overrides: dict[str, Any]

    @property
    def name(self) -> str:
        """What a person calls the variant."""
        return PAPER_NAMES[self.preset] if not self.overrides else f"{PAPER_NAMES[self.preset]}, changed"


def difference_from(name: str, config: HRFormerConfig) -> PresetDifference:
    """The variant as a preset of its task and the fields in which it differs from that one."""
    reference = preset(name, config.task)
    names = (field.name for field in fields(config))
    changed = {name: getattr(config, name) for name in names if getattr(config, name) != getattr(reference, name)}
    return PresetDifference(name, changed)


def nearest_preset(config: HRFormerConfig) -> PresetDifference:
    """The preset of the same task that shares most fields with the variant; the smaller one where several do."""
    return min((difference_from(name, config) for name in PRESETS), key=lambda candidate: len(candidate.overrides))


def short_name(config: HRFormerConfig) -> str:
    """A variant in one line: the nearest preset and what is changed, in the paper's letters: "HRFormer-T · K 9"."""
    nearest = nearest_preset(config)
    changes = [_SHORT.get(field, field) + " " + _short(value) for field, value in nearest.overrides.items()]
    task = [] if config.task == "classification" else [config.task]
    return " · ".join([PAPER_NAMES[nearest.preset], *task, *changes])


def _short(value: object) -> str:
    if isinstance(value, tuple):
        texts = [_write(item) for item in value]
        follows = any(value == tuple(value[0] * factor**branch for branch in range(4)) for factor in (1, 2))
        return texts[0] if len(value) == 4 and follows else "-".join(texts)
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else _write(value)


def nearest_legal(values: Mapping[str, Any]) -> HRFormerConfig | None:
    """The variant with channels rounded to multiples of their heads; None where that does not make it legal."""
    try:
        channels = tuple(map(nearest_channels, values["channels"], values["num_heads"]))
        config = HRFormerConfig(**{**values, "channels": channels})
        check_shown(config)
    except ValueError:
        return None
    return config


def to_python(config: HRFormerConfig) -> str:
    """The line that builds the variant after `from hrformer import create_model, preset`."""
    nearest = nearest_preset(config)
    arguments = [repr(nearest.preset)]
    if config.task != "classification":
        arguments.append(f"task={config.task!r}")
    arguments += [f"{name}={value!r}" for name, value in nearest.overrides.items()]
    return f"create_model(preset({', '.join(arguments)}))".replace("'", '"')


def to_query(config: HRFormerConfig, name: str | None = None) -> dict[str, str]:
    """A URL query that names the variant, such as `preset=tiny&task=pose&dw_conv=false`.

    Args:
        config: The variant.
        name: The preset that it is written as a change of; by default the nearest, which makes the shortest query.
    """
    difference = nearest_preset(config) if name is None else difference_from(name, config)
    query = {"preset": difference.preset, "task": config.task}
    return query | {name: _write(value) for name, value in difference.overrides.items()}


def from_query(query: Mapping[str, str]) -> HRFormerConfig:
    """Read a variant from a URL query; keys that describe no variant are left alone.

    Raises:
        ValueError: If a value cannot be read or is illegal.
    """
    config, problems = legal_part(query)
    if problems:
        raise ValueError(problems[0])
    return config


def legal_part(query: Mapping[str, str]) -> tuple[HRFormerConfig, tuple[str, ...]]:
    """Read as much of a variant from a URL query as is legal.

    Returns:
        The variant, and for each value that was left out a sentence that says why.
    """
    problems: list[str] = []
    name = _known("preset", query.get("preset", "tiny"), PRESETS, problems)
    task = _known("task", query.get("task", "classification"), TASKS, problems)
    reference, values = preset(name, task), {}
    for key in QUERY_KEYS:
        if key in query and key not in ("preset", "task"):
            try:
                values[key] = _read(key, query[key], getattr(reference, key))
            except ValueError as error:
                problems.append(str(error))
    config, refused = _with_legal(reference, values)
    return config, (*problems, *refused)


def _known(key: str, value: str, known: Sequence[str], problems: list[str]) -> str:
    """A preset or task, or the usual one and a sentence on why."""
    if value in known:
        return value
    problems.append(f"{key} = {shown(value)} is not known: use one of {', '.join(known)}.")
    return known[0]


def _with_legal(config: HRFormerConfig, values: Mapping[str, Any]) -> tuple[HRFormerConfig, list[str]]:
    """The variant with all of the values that are legal, and what is wrong with the others."""
    waiting = dict(values)
    while keys := _legal_together(config, waiting):
        config = replace(config, **{key: waiting.pop(key) for key in keys})
    return config, [_problem(config, {key: value}) for key, value in waiting.items()]


def _legal_together(config: HRFormerConfig, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Some of the values that the variant can take: all, else the first that can alone or with one or two others.

    Channels, heads and MLP ratios may be legal only together; no rule joins more fields.
    """
    counts = (len(values), 1, 2, 3)
    groups = itertools.chain.from_iterable(itertools.combinations(values, count) for count in counts)
    return next((keys for keys in groups if not _problem(config, {key: values[key] for key in keys})), ())


def _problem(config: HRFormerConfig, values: Mapping[str, Any]) -> str:
    """What keeps the variant from taking these values; empty where nothing does."""
    try:
        check_shown(replace(config, **values))
    except ValueError as error:
        return str(error)
    return ""


def from_json(text: str | bytes) -> HRFormerConfig:
    """Read a variant from the JSON that `HRFormerConfig.to_json` writes.

    Raises:
        ValueError: If the text is no JSON, names unknown, missing or illegal fields, or is of no variant that is shown.
    """
    try:
        values = json.loads(text, object_pairs_hook=_once)
    except _TwiceError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError("This file is no JSON: use a variant that was downloaded here.") from error
    config = HRFormerConfig.from_dict(values)
    check_shown(config)
    return config


class _TwiceError(ValueError):
    """An object that names a key twice, of which Python would silently take the last."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise _TwiceError(f"The key {shown(key)} stands there twice: keep one of the two.")
        values[key] = value
    return values


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(_write(item) for item in value)
    return _write_float(value) if isinstance(value, float) else str(value)


def _write_float(value: float) -> str:
    """Short where that reads back as the same number: "4", but "0.1234567"."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _read(name: str, text: str, like: object) -> object:
    """Read a query value as the type that the preset holds."""
    if isinstance(like, bool):
        if text not in ("true", "false"):
            raise ValueError(f"{name} = {shown(text)} is not legal: use true or false.")
        return text == "true"
    if isinstance(like, tuple):
        return tuple(_read_number(name, item) for item in text.split(","))
    return _read_number(name, text) if isinstance(like, int | float) else text


def _read_number(name: str, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} holds {shown(text)}, which is no number: write it as in {name}=7.") from None
