"""The claims: what the paper and its summaries say, where, and how the explorer judges it.

They stand in `explorer/data/claims.csv`, one row a claim: key, topic, claim, published (a number, or a fraction of two
printed ones), unit, tolerance (in that unit, or in % of the published figure), quantity, model, baseline, img_size,
convention, method (empty for the usual one of the quantity), source. Here is what the cells stand for.

Tolerances follow from how a figure is printed. A figure with decimals may be off by half of its last digit. A statement
in percent is taken as rounded: multiples of ten to ten, other multiples of five to five, all others to one or two, so
that ours may be off by 5, 2.5 and 1 percentage points. Speeds of another machine may be off by a fifth.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from explorer.claims.claim import Claim, Kind, Quantity
from explorer.claims.quantities import FewerParameters, Growth, LatencyRatio, LessWork, Parameters, WorkOfImage
from explorer.cost.conventions import CONVENTIONS
from explorer.places import DATA

TABLE = DATA / "claims.csv"

Row = Mapping[str, str]
Size = tuple[int, int]

_LINE = "Straight line through the logarithms of cost and positions: "
_MACS_LINE = (
    f"{_LINE}multiply-adds of the 1/4 branch's attention of HRFormer-B, projections included, for pictures of 224 to "
    "896 pixels a side."
)
_TIME_LINE = (
    f"{_LINE}processor time of the 1/4 branch's attention of HRFormer-B on maps of 14 to 56 tokens a side. "
    "Projections, which are linear, pull the global exponent below 2."
)
_RATIO = (
    "Ratio of the median latencies of two records under equal conditions, at the largest batch of both. The published "
    "pair ran on an A100 at batch 64: another machine, so a deviation is no error."
)
_NO_WEIGHTS = "Accuracy needs the authors' weights and the data set, and neither is here."
_NO_TRAINING = "A difference of two trained networks: it needs training on the full data set, which is not here."


class _Way(NamedTuple):
    """How claims about a quantity are judged.

    Attributes:
        kind: See `Claim`.
        method: What is said of it where a row has no method of its own; {model} and {convention} stand for the row's.
        quantity: From a row to what computes our figure; None where that is impossible here.
    """

    kind: Kind
    method: str
    quantity: Callable[[Row], Quantity | None]


#: By what stands in the column `quantity`.
_WAYS: dict[str, _Way] = {
    "parameters": _Way(
        "cost", "All learned numbers of {model}, counted.", lambda row: Parameters(row["model"], _size(row))
    ),
    "work": _Way(
        "cost", "One forward pass of {model}. {convention}", lambda row: WorkOfImage(row["model"], _size(row))
    ),
    "fewer parameters": _Way("cost", "", lambda row: FewerParameters(row["model"], _size(row), row["baseline"])),
    "less work": _Way("cost", "", lambda row: LessWork(row["model"], _size(row), row["baseline"])),
    "growth of MACs in windows": _Way("cost", _MACS_LINE, lambda _: Growth("window", measured=False)),
    "growth of time in windows": _Way("scaling", _TIME_LINE, lambda _: Growth("window", measured=True)),
    "growth of MACs over all": _Way("cost", _MACS_LINE, lambda _: Growth("global", measured=False)),
    "growth of time over all": _Way("scaling", _TIME_LINE, lambda _: Growth("global", measured=True)),
    "latency ratio": _Way("speed", _RATIO, lambda row: LatencyRatio(row["model"], row["baseline"], _size(row))),
    "accuracy": _Way("accuracy", _NO_WEIGHTS, lambda _: None),
    "gain by training": _Way("accuracy", _NO_TRAINING, lambda _: None),
}


def read_claims(path: Path = TABLE) -> tuple[Claim, ...]:
    """The claims of a table, in its order.

    Raises:
        OSError: If it cannot be read.
        KeyError: If a column is missing, or a quantity or a convention is not known.
        ValueError: If a number is none.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_claim(row) for row in csv.DictReader(file))


def _claim(row: Row) -> Claim:
    way = _WAYS[row["quantity"]]
    convention = CONVENTIONS[row["convention"]] if row["convention"] else None
    published = float(Fraction(row["published"]))
    explanation = convention.explanation if convention else ""
    return Claim(
        key=row["key"],
        topic=row["topic"],
        text=row["claim"],
        source=row["source"],
        published=published,
        unit=row["unit"],
        tolerance=_tolerance(row["tolerance"], published),
        kind=way.kind,
        quantity=way.quantity(row),
        convention=convention,
        method=row["method"] or way.method.format(model=row["model"], convention=explanation),
    )


def _tolerance(text: str, published: float) -> float:
    """A number in the claim's unit, or with a % a share of the published figure."""
    share = text.removesuffix("%")
    return float(share) if share == text else float(share) / 100 * published


def _size(row: Row) -> Size:
    height, width = map(int, row["img_size"].split("x"))
    return height, width


CLAIMS = read_claims()
