"""Taking parts out on the page, from the entrypoint."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ablation.parts import parts_of, read_part
from explorer.ablation.ranking_file import reference_ranking
from explorer.models.trained import trained_config
from tests.pages.entrypoint import SMALL, hold, open_app, run_to_the_end
from tests.variants import tiny

PAGE = "pages/explore/prediction.py"
SECTION = {"prediction_section": "Take it out"}


def open_page(query: dict[str, Any] | None = None) -> AppTest:
    return open_app(PAGE, SECTION | (query or {}))


def texts(app: AppTest) -> str:
    return "\n".join(text.value for text in app.main.markdown)


def charts(app: AppTest) -> list[str]:
    return [chart.proto.spec.replace("\\u002f", "/") for chart in app.get("plotly_chart")]


def test_it_opens_whole_with_the_ranking_that_ships() -> None:
    app = open_page()
    assert "Nothing is taken out yet" in texts(app)
    assert len(charts(app)) == 1
    assert "Worth most: **The 1/4 branch**, without which mIoU -0.701" in texts(app)
    assert "Of 4 parts 4 are shown to be worth something" in texts(app)
    assert app.multiselect(key="without").value == []
    assert len(app.multiselect(key="without").options) == len(list(parts_of(trained_config())))


def test_a_branch_is_taken_out_and_put_back() -> None:
    app = open_page()
    app.multiselect(key="without").set_value(["branch:2"])
    run_to_the_end(app)
    change = next(ranked.change for ranked in reference_ranking() if ranked.part.text == "branch:2")
    # The two are measured on the same pictures.
    assert f"mIoU goes from {change.before:.3f} to **{change.after:.3f}**: {change.change:+.3f}" in texts(app)
    assert "Without the 1/16 branch: **" in texts(app)
    assert "pixels change their class" in charts(app)[1]
    assert app.query_params["without"] == "branch:2"
    app.button(key="put_all_back").click().run()
    assert "Nothing is taken out yet" in texts(app)
    assert "without" not in app.query_params


def test_the_parts_of_a_block_are_switched_one_by_one() -> None:
    app = open_page({"part_block": "block:3.0.2.0"})
    inside = app.get("button_group")
    pills = next(group for group in inside if group.key == "inside_block")
    assert list(pills.options) == ["whole block", "window attention", "depth-wise convolution", *_heads(4)]
    hold(app, without=["branch:3"])
    app.run()
    pills = next(group for group in app.get("button_group") if group.key == "inside_block")
    pills.set_value(["head:3.0.2.0.1", "attention:3.0.2.0"])
    run_to_the_end(app)
    assert not app.exception
    assert app.multiselect(key="without").value == ["branch:3", "head:3.0.2.0.1", "attention:3.0.2.0"]


def _heads(count: int) -> list[str]:
    return [f"head {number + 1}" for number in range(count)]


def test_a_link_opens_with_parts_taken_out_and_leaves_out_what_is_none() -> None:
    app = open_page({"without": ["dw_conv:2.0.0.0", "branch:7", "leg:1"]})  # a key that a link repeats
    assert app.multiselect(key="without").value == ["dw_conv:2.0.0.0"]
    said = " ".join(element.value for element in (*app.warning, *app.info, *app.caption))
    for text in ("branch:7", "leg:1"):
        assert f"without='{text}', which can't be chosen here" in said


@pytest.mark.parametrize("kind", ["branch", "block", "attention", "dw_conv", "head", "arrow"])
def test_the_ranking_of_every_kind_is_a_table_and_a_file(kind: str) -> None:
    app = open_page({"rank_kind": kind})
    shipped = [ranked for ranked in reference_ranking() if ranked.part.kind == kind]
    table = app.dataframe[0].value
    assert list(table["name"]) == [
        ranked.part.name for ranked in sorted(shipped, key=lambda ranked: ranked.change.change)
    ]
    assert list(table.columns) == ["name", "mIoU", "mIoU without it", "change", "95 % low", "95 % high"]


@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
def test_any_variant_is_ranked_by_what_changes_in_its_output(task: str) -> None:
    config = tiny(task, img_size=(64, 64), num_classes=5, num_modules=(1, 1, 1, 1))
    query = SMALL | {"network": "variant", "task": task, "num_classes": "5", "rank_kind": "branch"}
    app = open_page(query)
    assert not app.exception
    assert not app.dataframe  # nothing ships for random weights
    hold(app, without=["head:4.0.3.0.1", "block:2.0.1.0"])
    app.button(key="rank_all").click()
    run_to_the_end(app)
    assert not app.exception
    assert "of its norm" in texts(app)
    assert "mIoU" not in texts(app)
    assert len(app.dataframe[0].value) == len(list(parts_of(config, ["branch"])))
    assert list(app.dataframe[0].value.columns) == ["name", "change"]


def test_a_ranking_is_measured_again_where_that_is_asked_for() -> None:
    app = open_page({"rank_kind": "branch"})
    app.button(key="rank_all").click()
    run_to_the_end(app)
    assert any("Measured here" in caption.value for caption in app.caption)
    changes = dict(zip(app.dataframe[0].value["name"], app.dataframe[0].value["change"], strict=True))
    for ranked in reference_ranking():
        if ranked.part.kind == "branch":
            assert changes[ranked.part.name] == pytest.approx(ranked.change.change, abs=2e-3)
    app.button(key="throw_away_part_ranking").click().run()
    assert any("Measured beforehand" in caption.value for caption in app.caption)


def test_parts_of_another_variant_are_left_out() -> None:
    app = open_page()
    hold(app, without=["head:4.0.3.0.3"], network="variant")
    app.run()
    assert not app.exception
    assert read_part("head:4.0.3.0.3").text in app.multiselect(key="without").value  # HRFormer-T has eight heads there
    hold(app, without=["head:4.0.3.0.7"], network="digits")
    app.run()
    assert not app.exception
    assert app.multiselect(key="without").value == []
