"""Where a variant stands among published networks."""

import math

import pytest

from explorer.charts.cost import reference_scatter
from explorer.reference_models import reference_models


@pytest.mark.parametrize(("macs", "params"), [(10**7, 10**5), (10**12, 10**9)], ids=["smaller than all", "larger"])
def test_the_axes_hold_every_network_and_the_variant(macs: int, params: int) -> None:
    figure = reference_scatter(reference_models(), macs, params, "mine", "224x224")
    for axis, name in ((figure.layout.xaxis, "x"), (figure.layout.yaxis, "y")):
        low, high = axis.range
        values = [value for trace in figure.data for value in trace[name] if value is not None]
        assert len(values) == len(reference_models()) + 1
        assert low < math.log10(min(values)) < math.log10(max(values)) < high


def test_the_legend_needs_no_colour_scale() -> None:
    # Plotly shows a trace that is coloured by values in black there, which cannot be seen on a dark page.
    figure = reference_scatter(reference_models(), 10**9, 10**7, "mine", "224x224")
    shown = [trace for trace in figure.data if trace.showlegend is not False]
    assert {trace.name for trace in shown} >= {"HRNet, published", "DeiT, published", "mine (this variant)"}
    assert all(isinstance(trace.marker.color, str) for trace in shown)
