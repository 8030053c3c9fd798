"""The text of a plan file as plain values: YAML without what could make a small file large."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from explorer.units import KIB
from hrformer.wording import shown

#: PyYAML reads about 100 KB a second; a plan of all models and axes has less than 20 KB.
MAX_PLAN_KIB = 128
#: Far more than any value of a plan; a number of a hundred thousand is of no use to anyone.
_MAX_DIGITS = 30

#: The core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): PyYAML's own, of 1.1, takes 010 for 8,
#: 1:30 for 90 and no for false.
_PLAIN_VALUES = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}
_FIRST_CHARACTERS = {"null": ["~", "n", "N", ""], "bool": list("tTfF"), "int": list("-+0123456789")}
_BASES = {"0o": 8, "0x": 16}


class _PlainLoader(yaml.SafeLoader):
    """Values only: references could multiply a few lines into millions, tags choose how a text is read."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            problem = "references and tags have no place in a plan"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            seen: set[Hashable] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    problem = f"the key {shown(key)} stands there twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key)
        return mapping

    def whole_number(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _MAX_DIGITS:
            problem = f"a whole number has at most {_MAX_DIGITS} digits"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return int(node.value, _BASES.get(node.value[:2], 10))


class _PlainDumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than a text."""


_PlainLoader.yaml_implicit_resolvers = {}
for _name, _pattern in _PLAIN_VALUES.items():
    for _handler in (_PlainLoader, _PlainDumper):
        _handler.add_implicit_resolver(
            f"tag:yaml.org,2002:{_name}",
            re.compile(f"(?:{_pattern})$"),
            _FIRST_CHARACTERS.get(_name, list("-+.0123456789")),
        )
_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.whole_number)


def write_plan_text(values: Any) -> str:
    """As `read_plan_text` reads it back."""
    text: str = yaml.dump(values, Dumper=_PlainDumper, sort_keys=False)
    return text


def read_plan_text(text: str | bytes) -> Any:
    """What the YAML says, by YAML 1.2; nothing in it is executed.

    Args:
        text: As text, or as a file's contents.

    Raises:
        ValueError: If the text is too long, not UTF-8, or no YAML of plain values.
    """
    if len(text) > MAX_PLAN_KIB * KIB:
        raise ValueError(f"The plan has {len(text) / KIB:,.0f} KiB: a plan has at most {MAX_PLAN_KIB} KiB.")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("It is not UTF-8 text: save the plan as YAML in UTF-8.") from None
    try:
        return yaml.load(text, _PlainLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"The plan is not valid YAML ({_cause(error)}).") from error
    except (ValueError, OverflowError) as error:  # a date or a number that does not exist
        raise ValueError(f"The plan is not valid YAML ({shown(str(error))}).") from error
    except RecursionError as error:
        raise ValueError(
            "The plan is nested too deep: a plan has lists of values and models, nothing deeper."
        ) from error


def _cause(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the lines of the file that PyYAML quotes."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    mark = getattr(error, "problem_mark", None)
    return f"{problem[:200]}, line {mark.line + 1}" if mark else str(problem)[:200]
