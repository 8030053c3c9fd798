"""What every chart owes its readers: text that can be read, nothing that moves, and buttons that lie on nothing."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.colors import sample_colorscale, unlabel_rgb

from explorer import charts
from explorer.charts.fusion import share_matrix
from explorer.charts.theme import on_dark_page, readable_on
from tests.explorer.charts.examples import EXAMPLES
from tests.wcag import contrast

LEAST_PX = 11
#: They add to a figure or are what others are made of, and give it no title.
PARTS = {"style", "on_dark_page", "picture_figure", "add_clickable_positions", "add_clickable_pixels"}
ALL = pytest.mark.parametrize("figure", EXAMPLES.values(), ids=[function.__qualname__ for function in EXAMPLES])


def makers_of_figures() -> set[Callable[..., go.Figure]]:
    modules = [
        importlib.import_module(f"{charts.__name__}.{found.name}") for found in pkgutil.iter_modules(charts.__path__)
    ]
    return {
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and function.__annotations__.get("return") == "go.Figure"
        and not name.startswith("_")
        and name not in PARTS
    }


def test_every_chart_has_an_example() -> None:
    assert set(EXAMPLES) == makers_of_figures()


def sizes_of(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every font size of a figure's JSON with where it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "size" and path.endswith("font"):
                yield from ((path, size) for size in np.atleast_1d(inner))
            else:
                yield from sizes_of(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from sizes_of(inner, f"{path}[{index}]")


def spec_of(figure: go.Figure) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(figure.to_json())
    spec["layout"].pop("template", None)
    return spec


@ALL
def test_no_text_is_small(figure: go.Figure) -> None:
    spec = spec_of(figure)
    assert [found for found in sizes_of(spec) if found[1] < LEAST_PX] == []
    text = json.dumps(spec)
    assert "<sup" not in text
    assert "<sub" not in text
    assert all(float(px) >= LEAST_PX for px in re.findall(r"font-size: ?([\d.]+)px", text))


@ALL
def test_no_text_has_streamlits_own_small_size(figure: go.Figure) -> None:
    """Where a figure says nothing, Streamlit sets axes, legends, scales and hover texts in 10.5 pixels."""
    spec = spec_of(figure)
    fonts = [*fonts_of(spec), spec["layout"]["legend"]["font"], spec["layout"]["hoverlabel"]["font"]]
    assert len(fonts) >= 2 * 2 + 3
    assert all(font["size"] >= LEAST_PX for font in fonts)


@ALL
def test_nothing_moves(figure: go.Figure) -> None:
    spec = spec_of(figure)
    assert not spec.get("frames")
    assert {"transition", "updatemenus", "sliders"}.isdisjoint(spec["layout"])


@ALL
def test_the_buttons_have_a_column_of_their_own(figure: go.Figure) -> None:
    assert figure.layout.modebar.orientation == "v"
    assert figure.layout.margin.r >= 30  # 24 pixels wide, in the browser's test of it


@ALL
def test_text_reads_on_a_light_page_and_has_streamlits_own_colour_on_a_dark_one(figure: go.Figure) -> None:
    for font in fonts_of(spec_of(figure)):
        ink = tuple(bytes.fromhex(font["color"].removeprefix("#")))
        assert contrast(ink, (255, 255, 255)) >= 4.5
        assert contrast(ink, (23, 22, 20)) >= 3  # until the page runs again after a change of theme
    dark = fonts_of(spec_of(on_dark_page(go.Figure(figure))))
    assert {font.get("color") for font in dark} == {None}


def fonts_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Fonts whose colour Streamlit sets where the figure sets none."""
    layout = spec["layout"]
    owners = [value for key, value in layout.items() if re.fullmatch(r"[xy]axis\d*", key)]
    owners += [part["colorbar"] for part in (layout.get("coloraxis", {}), *spec["data"]) if "colorbar" in part]
    return [layout["font"], *(font for owner in owners for font in (owner["tickfont"], owner["title"]["font"]))]


@pytest.mark.parametrize("scale", ["Viridis", "RdBu_r", "Cividis"])
def test_numbers_read_on_every_colour_of_a_scale(scale: str) -> None:
    for colour in map(unlabel_rgb, sample_colorscale(scale, np.linspace(0, 1, 101))):
        ink = (0, 0, 0) if readable_on(colour) == "black" else (255, 255, 255)
        assert contrast(ink, colour) >= 4.5


def test_the_numbers_of_a_matrix_stand_in_their_cells_in_a_readable_ink() -> None:
    cells, numbers = share_matrix(np.array([[1.0, 0.0], [np.nan, -1.0]]), "").data
    assert list(zip(numbers.y, numbers.x, numbers.text, strict=True)) == [
        ("1/4 branch", "1/4 branch", "1.00"),
        ("1/4 branch", "1/8 branch", "0.00"),
        ("1/8 branch", "1/8 branch", "-1.00"),
    ]
    assert list(numbers.textfont.color) == ["white", "black", "white"]  # dark red, white, dark blue
    assert (cells.zmin, cells.zmax) == (-1, 1)
