"""Where a variant stands among published networks."""

import math

import pytest

from explorer.charts.cost import CostPart, PlacedVariant, paired_cost_bars, reference_scatter
from explorer.models.reference_models import reference_models


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


def placed(*costs: tuple[float, float]) -> list[PlacedVariant]:
    return [
        PlacedVariant(f"v{number}", round(macs), round(params), "224x224")
        for number, (macs, params) in enumerate(costs, 1)
    ]


def test_pinned_variants_are_full_published_ones_hollow_and_all_within_the_axes() -> None:
    pinned = placed((10**7, 10**5), (10**12, 10**9))
    figure = reference_scatter(reference_models(), 10**9, 10**7, "mine", "224x224", pinned=pinned)
    symbols = {trace.name: trace.marker.symbol for trace in figure.data if trace.name}
    assert all(("open" in symbol) == name.endswith("published") for name, symbol in symbols.items())
    assert {"1 · v1 (pinned)", "2 · v2 (pinned)"} <= set(symbols)
    for axis, values in ((figure.layout.xaxis, (1e7 / 1e9, 1e12 / 1e9)), (figure.layout.yaxis, (1e5 / 1e6, 1e9 / 1e6))):
        assert axis.range[0] < math.log10(min(values)) < math.log10(max(values)) < axis.range[1]


def test_numbers_of_points_that_lie_on_each_other_stand_in_one_label() -> None:
    pinned = placed((1.7e9, 8e6), (3.4e9, 14e6), (1.75e9, 8e6), (1.7e9, 8e6))
    figure = reference_scatter(reference_models(), 10**9, 10**7, "mine", "224x224", pinned=pinned)
    assert [note.text for note in figure.layout.annotations] == ["1, 3, 4", "2"]


def test_a_name_is_no_markup() -> None:
    pinned = [PlacedVariant("a<b>c", 10**9, 10**7, "224x224")]
    figure = reference_scatter(reference_models(), 10**9, 10**7, "x<y", "224x224", pinned=pinned)
    names = {trace.name for trace in figure.data}
    assert {"1 · a&lt;b&gt;c (pinned)", "x&lt;y (this variant)"} <= names


PARTS = [CostPart("stem", None, 1), CostPart("stage 2", 0, 2), CostPart("stage 2", 1, 3)]


def test_paired_bars_stand_on_one_axis_and_keep_their_sums() -> None:
    others = [part._replace(value=10 * part.value) for part in PARTS]
    figure = paired_cost_bars([("first", PARTS), ("second", others)], "MACs", "title")
    sums: dict[tuple[str, str], float] = {}
    for bar in figure.data:
        for place, value in zip(bar.y, bar.x, strict=True):
            if place is not None:
                sums[bar.offsetgroup, place] = sums.get((bar.offsetgroup, place), 0) + value
    assert sums == {("0", "stem"): 1, ("0", "stage 2"): 5, ("1", "stem"): 10, ("1", "stage 2"): 50}
    assert list(figure.layout.yaxis.categoryarray) == ["stage 2", "stem"]  # a vertical axis counts from below
    assert {bar.marker.pattern.shape for bar in figure.data if bar.offsetgroup == "1"} == {"/"}
    assert {bar.marker.pattern.shape for bar in figure.data if bar.offsetgroup == "0"} == {None}
    assert {bar.name for bar in figure.data if bar.showlegend is not False} >= {"full: first", "hatched: second"}
