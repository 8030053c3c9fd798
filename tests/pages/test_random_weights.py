"""Weights that have learned nothing: each page that looks into a network says so, and tells nothing of classes."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.models.trained import SEGMENTER, trained_config
from explorer.models.variants import to_query
from tests.pages.entrypoint import SMALL, open_app

PAGES = [
    f"pages/explore/{name}.py"
    for name in ("feature_maps", "attention_windows", "receptive_field", "fusion", "attribution")
]
BANNER = "Random weights: this shows what the structure does, not what training makes of it."


def banners(app: AppTest) -> list[str]:
    return [warning.value for warning in app.main.warning]


def figures(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_each_page_says_so_above_its_answer_with_one_click_to_the_trained_network(page: str) -> None:
    app = open_app(page, SMALL)
    assert banners(app) == [BANNER]
    app.button(key="show_trained_network").click().run()
    assert not app.exception
    assert banners(app) == []
    assert app.segmented_control(key="network").value == "digits"
    assert app.segmented_control(key="weights").value == "trained"


@pytest.mark.parametrize("page", PAGES)
def test_the_trained_network_has_no_banner_until_its_weights_are_random(page: str) -> None:
    app = open_app(page)
    assert banners(app) == []
    app.segmented_control(key="weights").set_value("other").run()
    assert banners(app) == [BANNER]
    app.button(key="show_trained_network").click().run()
    assert banners(app) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_page_has_one_title(page: str) -> None:
    app = open_app(page)
    name = Path(page).name.removesuffix(".py").replace("_", " ").capitalize()
    assert [title.value for title in app.title] == [name]


@pytest.mark.parametrize("query", [{"img_size": "64,64"}, to_query(trained_config()) | {"weights": "other"}])
def test_no_class_is_named(query: dict[str, str]) -> None:
    app = open_app("pages/explore/attribution.py", query)
    assert banners(app) == [BANNER]
    texts = [element.value for kind in (app.main.markdown, app.main.info) for element in kind]
    texts += [
        app.radio[0].label,
        *app.radio[0].options,
        *(figure["layout"]["title"]["text"] for figure in figures(app)),
    ]
    assert not [
        text for text in texts if "class" in text.lower() or any(name in text for name in SEGMENTER.class_names)
    ]
    assert all(option.startswith("output ") or option == "another" for option in app.radio[0].options)


def attention_scales(app: AppTest) -> list[dict[str, Any]]:
    """Ends of the scales of the picture, the heads and the matrix."""
    picture, heads, matrix = figures(app)
    lit = next(trace for trace in picture["data"] if trace.get("name") == "attention")
    axes = (heads["layout"]["coloraxis"], matrix["layout"]["coloraxis"])
    return [{"low": lit["zmin"], "high": lit["zmax"]}, *({"low": axis["cmin"], "high": axis["cmax"]} for axis in axes)]


def test_untrained_attention_is_drawn_around_even_without_a_choice() -> None:
    app = open_app("pages/explore/attention_windows.py", SMALL | {"attention_as": "attention"})
    picture, heads, matrix = attention_scales(app)
    assert picture == heads  # one scale for what is compared
    for scale in (picture, heads, matrix):
        assert scale["low"] == -scale["high"]
    assert "attention_as" not in [control.key for control in app.segmented_control]
    assert "times even attention" in next(text.value for text in app.markdown if "looks at window" in text.value)


def test_trained_attention_is_drawn_as_shares_or_by_choice_around_even() -> None:
    app = open_app("pages/explore/attention_windows.py")
    assert all(scale["low"] == 0 < scale["high"] < 1 for scale in attention_scales(app))
    app.segmented_control(key="attention_as").set_value("ratio to even").run()
    picture, heads, _ = attention_scales(app)
    assert picture == heads
    assert picture["low"] == -picture["high"] < -1
    app.run()
    assert app.query_params["attention_as"] == "ratio to even"
