"""Tables as plain text, with units in the headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from explorer.units import significant

if TYPE_CHECKING:
    from explorer.benchmark.plan import Job  # which loads torch, and a list of records needs none

Fields = Mapping[str, Any]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: With the unit.
        cell: From the fields of a row to its text.
        numeric: Whether it is aligned to the right.
        shared: Whether a value that is the same in all rows is said once above the table.
    """

    heading: str
    cell: Callable[[Fields], str]
    numeric: bool = False
    shared: bool = False


def text_table(columns: Sequence[Column], rows: Iterable[Fields]) -> str:
    """Aligned columns under their headings; columns that are empty in all rows are left out."""
    listed = list(rows)
    cells = {column: [column.cell(row) for row in listed] for column in columns}
    filled = {column: texts for column, texts in cells.items() if any(texts)}
    shared = {column: texts[0] for column, texts in filled.items() if column.shared and len(set(texts)) == 1}
    aligned = [
        _aligned([column.heading, *texts], column.numeric) for column, texts in filled.items() if column not in shared
    ]
    above = ["All: " + ", ".join(f"{column.heading} {text}" for column, text in shared.items())] if shared else []
    return "\n".join(above + ["  ".join(line).rstrip() for line in zip(*aligned, strict=True)])


def job_fields(job: Job) -> Fields:
    """A job's fields under the names of a record's."""
    height, width = job.img_size
    return {**vars(job), "model_name": job.model.name, "img_height": height, "img_width": width}


def _aligned(texts: Sequence[str], numeric: bool) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) if numeric else text.ljust(width) for text in texts]


def _text(name: str) -> Callable[[Fields], str]:
    return lambda fields: "" if pd.isna(fields[name]) else str(fields[name])


def _number(name: str, factor: float = 1.0) -> Callable[[Fields], str]:
    return lambda fields: "" if pd.isna(fields[name]) else significant(factor * float(fields[name]))


def _img_size(fields: Fields) -> str:
    return f"{fields['img_height']}x{fields['img_width']}"


def _peak_mib(fields: Fields) -> str:
    """What the job's device counts: a card's own peak, else the process's."""
    on_card = _number("peak_allocated_mib")(fields)
    return on_card or _number("peak_rss_mib")(fields)


def _status(fields: Fields) -> str:
    reason = fields.get("status_reason")
    return fields["status"] if pd.isna(reason) else f"{fields['status']}: {reason}"


def _spread(fields: Fields) -> str:
    return "wide" if not pd.isna(fields["wide_spread"]) and fields["wide_spread"] else ""


def _ran_beside(fields: Fields) -> str:
    told = fields["ran_beside"]
    return "" if pd.isna(told) or told == "nothing" else str(told)


def _measured_at(fields: Fields) -> str:
    return str(fields["measured_at"])[:16].replace("T", " ")


_WHAT = (
    Column("model", _text("model_name")),
    Column("kind", _text("kind"), shared=True),
    Column("batch", _text("batch_size"), numeric=True, shared=True),
    Column("image px", _img_size, shared=True),
    Column("device", _text("device"), shared=True),
    Column("threads", _text("threads"), numeric=True, shared=True),
    Column("precision", _text("precision"), shared=True),
    Column("memory format", _text("memory_format"), shared=True),
    Column("engine", _text("engine"), shared=True),
    Column("compile", _text("compile_mode"), shared=True),
)
_FIGURES = (
    Column("p50 ms", _number("latency_ms_p50"), numeric=True),
    Column("p95 ms", _number("latency_ms_p95"), numeric=True),
    Column("spread", _spread),
    Column("ran beside", _ran_beside),
    Column("img/s", _number("throughput_img_s"), numeric=True),
    Column("peak MiB", _peak_mib, numeric=True),
    Column("GMACs", _number("macs", 1e-9), numeric=True),
    Column("mJ/img", _number("energy_mj_per_img"), numeric=True),
)

#: Of jobs (`job_fields`).
PLAN_COLUMNS = _WHAT
#: Of a run's records.
RESULT_COLUMNS = (*_WHAT, *_FIGURES, Column("host", _text("hostname"), shared=True), Column("status", _status))
#: Of stored records.
LIST_COLUMNS = (Column("measured (UTC)", _measured_at), *RESULT_COLUMNS)
#: Of trainings of the ablation.
TRAINING_COLUMNS = (
    Column("arm", _text("arm")),
    Column("seed", _text("seed"), numeric=True),
    Column("steps", _text("steps"), numeric=True, shared=True),
    Column("parameters", _text("params"), numeric=True),
    Column("test mIoU", _number("miou"), numeric=True),
    Column("pixel acc.", _number("pixel_accuracy"), numeric=True),
    Column("digit acc.", _number("foreground_accuracy"), numeric=True),
    Column("near borders", _number("near_border_accuracy"), numeric=True),
    Column("away", _number("away_accuracy"), numeric=True),
    Column("min", _number("train_wall_s", 1 / 60), numeric=True),
    Column("CPU ms/step", _number("step_cpu_ms"), numeric=True),
)
#: Of published weights.
WEIGHTS_COLUMNS = (
    Column("name", _text("name")),
    Column("task", _text("task")),
    Column("image px", lambda fields: "x".join(map(str, fields["img_size"]))),
    Column("score", lambda fields: "" if fields["score"] is None else f"{fields['score_name']} {fields['score']:.3f}"),
    Column("size", _text("size"), numeric=True),
    Column("cache", lambda fields: "there" if fields["kept"] else ""),
    Column("licence", _text("licence"), shared=True),
    Column("source", _text("source")),
    Column("address", _text("url")),
)
