"""The text of a plan file as plain values: YAML without what could make a small file large."""

from __future__ import annotations

from typing import Any

import yaml

from hrformer.wording import shown

#: PyYAML reads about 100 KB a second; a plan of all models and axes has less than 20 KB.
MAX_PLAN_KIB = 128


class _PlainLoader(yaml.SafeLoader):
    """Values only: references could multiply a few lines into millions, tags choose how a text is read."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            problem = "references and tags have no place in a plan"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def read_plan_text(text: str) -> Any:
    """What the YAML says; nothing in it is executed.

    Raises:
        ValueError: If the text is too long, or no YAML of plain values.
    """
    if len(text) > MAX_PLAN_KIB * 2**10:
        raise ValueError(f"The plan has {len(text) / 2**10:,.0f} KiB: a plan has at most {MAX_PLAN_KIB} KiB.")
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
