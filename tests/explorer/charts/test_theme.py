"""The layout that every figure starts from."""

import plotly.graph_objects as go
import pytest

from explorer.charts.theme import (
    BRANCH_COLOURS,
    FAMILY_COLOURS,
    NEUTRAL_COLOUR,
    TEXT_PX,
    branch_colour,
    branch_name,
    colours_on_scale,
    literal,
    style,
)


def test_a_branch_is_called_by_its_resolution_and_keeps_its_colour() -> None:
    assert [branch_name(branch) for branch in range(4)] == ["1/4 branch", "1/8 branch", "1/16 branch", "1/32 branch"]
    assert [branch_colour(branch) for branch in (None, 0, 3)] == [NEUTRAL_COLOUR, BRANCH_COLOURS[0], BRANCH_COLOURS[3]]


def test_no_family_has_the_colour_of_a_branch_or_of_what_belongs_to_none() -> None:
    assert not set(FAMILY_COLOURS.values()) & {*BRANCH_COLOURS, NEUTRAL_COLOUR}


def test_the_ends_of_a_scale_are_the_ends_of_its_colours() -> None:
    assert colours_on_scale([3, 5], "Viridis", low=3, high=5) == [(68, 1, 84), (253, 231, 37)]  # matplotlib's


def test_a_long_title_goes_on_below_and_the_figure_grows_by_its_lines() -> None:
    short, long = (style(go.Figure(), title, height=300) for title in ("short", "a title of many words " * 5))
    lines = long.layout.title.text.count("<br>")
    assert lines >= 2
    assert " ".join(long.layout.title.text.split("<br>")) == ("a title of many words " * 5).strip()
    assert long.layout.height - short.layout.height == long.layout.margin.t - short.layout.margin.t
    assert (long.layout.height - 300) % lines == 0
    assert long.layout.height > short.layout.height == 300


def test_small_print_is_as_large_as_all_other_text_and_names_of_users_are_no_markup() -> None:
    text = style(go.Figure(), "title<br><sup>small print</sup>").layout.title.text
    assert f"font-size:{TEXT_PX}px" in text
    assert "<sup>" not in text
    assert literal("a<b> & c") == "a&lt;b&gt; &amp; c"


@pytest.mark.parametrize("key", ["xaxis", "yaxis"])
def test_a_figures_own_layout_wins(key: str) -> None:
    figure = style(go.Figure(), "title", **{key: {"title": {"text": "mine"}}}, showlegend=False)
    assert figure.layout[key].title.text == "mine"
    assert figure.layout.showlegend is False
