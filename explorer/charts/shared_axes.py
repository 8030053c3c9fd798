"""Figures that are compared: the same range on the axes of both."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

#: Room around the outermost points, as a share of the range.
_ROOM = 0.06


def share_axes(figures: Sequence[go.Figure]) -> None:
    """Give both axes of some figures of points one range, from zero upwards."""
    for axis in ("x", "y"):
        values = [float(value) for figure in figures for trace in figure.data for value in trace[axis]]
        for figure in figures:
            figure.update_layout({f"{axis}axis": {"range": [0, (1 + _ROOM) * max(values)]}})
