"""Ways to write a variant down: as a difference from a preset, a URL query, a line of Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from hrformer import PRESETS, TASKS, HRFormerConfig, preset
from hrformer.wording import shown

#: Query keys that describe a variant; a page may keep its own keys beside them.
QUERY_KEYS = ("preset", *(field.name for field in fields(HRFormerConfig)))
PAPER_NAMES = {"tiny": "HRFormer-T", "small": "HRFormer-S", "base": "HRFormer-B"}


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


def nearest_preset(config: HRFormerConfig) -> PresetDifference:
    """The preset of the same task that shares most fields with the variant; the smaller one where several do."""
    candidates = [PresetDifference(name, _difference(config, preset(name, config.task))) for name in PRESETS]
    return min(candidates, key=lambda candidate: len(candidate.overrides))


def _difference(config: HRFormerConfig, reference: HRFormerConfig) -> dict[str, Any]:
    names = (field.name for field in fields(config))
    return {name: getattr(config, name) for name in names if getattr(config, name) != getattr(reference, name)}


def nearest_legal(values: Mapping[str, Any]) -> HRFormerConfig | None:
    """The variant with channels rounded to multiples of their heads; None where that does not make it legal."""
    channels = tuple(
        max(1, round(channels / heads)) * heads
        for channels, heads in zip(values["channels"], values["num_heads"], strict=True)
    )
    try:
        return HRFormerConfig(**{**values, "channels": channels})
    except ValueError:
        return None


def to_python(config: HRFormerConfig) -> str:
    """The line that builds the variant after `from hrformer import create_model, preset`."""
    nearest = nearest_preset(config)
    arguments = [repr(nearest.preset)]
    if config.task != "classification":
        arguments.append(f"task={config.task!r}")
    arguments += [f"{name}={value!r}" for name, value in nearest.overrides.items()]
    return f"create_model(preset({', '.join(arguments)}))".replace("'", '"')


def to_query(config: HRFormerConfig) -> dict[str, str]:
    """The shortest URL query that names the variant, such as `preset=tiny&task=pose&dw_conv=false`."""
    nearest = nearest_preset(config)
    query = {"preset": nearest.preset, "task": config.task}
    return query | {name: _write(value) for name, value in nearest.overrides.items()}


def from_query(query: Mapping[str, str]) -> HRFormerConfig:
    """Read a variant from a URL query; keys that describe no variant are left alone.

    Raises:
        ValueError: If a value cannot be read or is illegal.
    """
    name = query.get("preset", "tiny")
    task = query.get("task", "classification")
    if name not in PRESETS:
        raise ValueError(f"preset = {shown(name)} is not known: use one of {', '.join(PRESETS)}.")
    if task not in TASKS:
        raise ValueError(f"task = {shown(task)} is not known: use one of {', '.join(TASKS)}.")
    reference = preset(name, task)
    overrides = {
        key: _read(key, query[key], getattr(reference, key))
        for key in QUERY_KEYS
        if key in query and key not in ("preset", "task")
    }
    return preset(name, task, **overrides)


def from_json(text: str | bytes) -> HRFormerConfig:
    """Read a variant from the JSON that `HRFormerConfig.to_json` writes.

    Raises:
        ValueError: If the text is no JSON, or names unknown, missing or illegal fields.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("This file is no JSON: use a variant that was downloaded here.") from error
    return HRFormerConfig.from_dict(values)


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(_write(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


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
