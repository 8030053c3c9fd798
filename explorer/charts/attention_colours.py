"""Attention as colours: as it is, or as its ratio to even attention, in doublings around 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.charts.theme import DIVERGING_SCALE, SEQUENTIAL_SCALE

Values = NDArray[np.floating[Any]]

#: A scale of ratios reaches at least from 0.8 to 1.25: noise around even attention is to look even.
_LEAST_DOUBLINGS = math.log2(1.25)


@dataclass(frozen=True, eq=False)
class AttentionColours:
    """What a heat map needs to draw attention.

    Attributes:
        z: What the colours stand for, in the shape of the attention.
        ratios: What the hover text tells instead of `z`; None where it tells `z`.
        scale: `colorscale`, `cmin` and `cmax`.
        ticks: Of the colour bar, if not Plotly's own.
        quantity: What the numbers are, for the colour bar.
        says: A hover text's number and what it is.
    """

    z: Values
    ratios: Values | None
    scale: dict[str, Any]
    ticks: dict[str, Any]
    quantity: str
    says: str


def attention_colours(attention: Values, ratio_limit: float | None) -> AttentionColours:
    """Colours from 0 to the largest share, or of ratios to even attention around 1.

    Args:
        attention: Shares of a position's attention or, with a limit, their ratios to even attention.
        ratio_limit: Where the scale of ratios ends, as `doublings_limit` gives it; None where these are shares.
    """
    if ratio_limit is None:
        scale = {"colorscale": SEQUENTIAL_SCALE, "cmin": 0, "cmax": float(attention.max()) or 1.0}
        return AttentionColours(attention, None, scale, {}, "attention", "%{z:.3g} of the attention")
    scale = {"colorscale": DIVERGING_SCALE, "cmin": -ratio_limit, "cmax": ratio_limit}
    return AttentionColours(
        np.log2(np.maximum(attention, 2**-ratio_limit)),
        attention,
        scale,
        _ticks(ratio_limit),
        "times even",
        "%{customdata:.3g} times even attention",
    )


def doublings_limit(ratios: Values, tokens: int) -> float:
    """How many doublings and halvings a scale around even attention needs for some ratios.

    Args:
        ratios: To even attention.
        tokens: Of a window: no ratio is above it, and those below its inverse have the colour of the scale's end.
    """
    doublings = np.abs(np.log2(np.maximum(ratios, 1 / tokens)))
    return max(float(doublings.max()), _LEAST_DOUBLINGS)


def _ticks(limit: float) -> dict[str, Any]:
    """Powers of two as "2" and "1/2", or the ends where the scale holds none."""
    if limit < 1:
        return {"tickvals": [-limit, 0, limit], "ticktext": [f"{2**-limit:.3g}", "1", f"{2**limit:.3g}"]}
    powers = range(-math.floor(limit), math.floor(limit) + 1)
    texts = [str(2**power) if power >= 0 else f"1/{2**-power}" for power in powers]
    return {"tickvals": list(powers), "ticktext": texts}
