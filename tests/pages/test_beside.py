"""Another network beside the one that is looked into, from the entrypoint of Feature maps and Receptive field."""

import json
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.cost import capacity
from explorer.inspection.receptive_field import MapPosition
from explorer.models.variants import to_query
from explorer.pictures.photographs import fit, load_sample
from explorer.ui.explore.beside import position_like
from explorer.ui.pins import Pin
from explorer.ui.sources import PictureSource
from hrformer import HRFormerConfig
from tests.pages.entrypoint import open_app
from tests.variants import tiny

THIS = tiny(num_modules=(1, 1, 3, 2), img_size=(96, 96))
DEEPER = Pin("*deeper*", replace(THIS, num_modules=(1, 1, 4, 2), channels=(8, 16, 16, 32), img_size=(128, 64)))
MAPS = "pages/explore/feature_maps.py"
FIELD = "pages/explore/receptive_field.py"


def open_beside(page: str, *pins: Pin, **query: str) -> AppTest:
    links = [pin.link for pin in pins]
    return open_app(page, {**to_query(THIS), "network": "variant", "pin": links, **query})


def figures(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def title(figure: dict[str, Any]) -> str:
    return figure["layout"]["title"]["text"].replace("<br>", " ")


def scale(figure: dict[str, Any]) -> tuple[float, float]:
    axis = figure["layout"]["coloraxis"]
    return axis["cmin"], axis["cmax"]


@pytest.mark.parametrize("view", ["Channel mean", "Strongest channels", "One channel"])
def test_maps_of_both_share_one_scale(view: str) -> None:
    app = open_beside(MAPS, DEEPER, stage="3")
    alone = len(figures(app))
    app.segmented_control(key="view").set_value(view).run()
    app.selectbox(key="beside").set_value(DEEPER.key).run()
    assert not app.exception
    assert not app.error
    found = figures(app)
    assert len(found) == (2 * 2 * 3 if view == "Strongest channels" else 2 * alone)
    for own, other in zip(found[::2], found[1::2], strict=True):
        assert scale(own) == scale(other)
        assert title(own).startswith("HRFormer-T, changed · Stage 3, module 3")
        assert title(other).startswith("*deeper* · Stage 3, module 4")  # the last goes with the last
    assert app.query_params["beside"] == DEEPER.key


def test_principal_components_have_no_scale_to_share() -> None:
    app = open_beside(MAPS, DEEPER, beside=DEEPER.key, stage="2")
    app.segmented_control(key="view").set_value("Principal components").run()
    assert not app.exception
    assert len(figures(app)) == 4


def test_a_network_that_the_machine_cannot_hold_leaves_the_other_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Pin("huge", replace(THIS, num_blocks=(64, 64, 64, 64), num_modules=(1, 64, 64, 64)))
    app = open_beside(MAPS, huge, beside=huge.key, stage="2")
    assert not app.exception
    assert "costed but not built" in app.error[0].value
    assert len(figures(app)) == 2
    assert capacity.MAX_BLOCKS < 64 * 64


def test_a_removed_network_leaves_the_page_as_it_was() -> None:
    app = open_beside(MAPS, beside="pin:gone", stage="2")
    assert app.selectbox(key="beside").value == "none"
    assert len(figures(app)) == 2


SECTIONS = {"Maps read on the way": 2, "Effective field": 4, "Leak test": 4, "Window sizes": 4}


@pytest.mark.parametrize(("section", "charts"), SECTIONS.items())
def test_fields_of_both_stand_beside_each_other(section: str, charts: int) -> None:
    app = open_beside(FIELD, DEEPER, beside=DEEPER.key, field_stage="2", field_section=section)
    assert not app.exception
    assert not app.error
    found = figures(app)
    assert len(found) == charts
    assert title(found[0]).startswith("HRFormer-T, changed · ")
    assert title(found[1]).startswith("*deeper* · ")
    if section in ("Effective field", "Leak test"):
        assert scale(found[2]) == scale(found[3])
    if section == "Window sizes":
        for axis in ("xaxis", "yaxis"):
            assert found[2]["layout"][axis]["range"] == found[3]["layout"][axis]["range"]
    assert set(app.dataframe[0].value["network"]) == {"HRFormer-T, changed", "*deeper*"}


def test_stage_1_has_no_windows_in_either() -> None:
    app = open_beside(FIELD, DEEPER, beside=DEEPER.key, field_stage="1", field_section="Leak test")
    assert not app.exception
    assert "Stage 1 has no windows" in " ".join(info.value for info in app.info)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        # 24x24 positions at 96x96 pixels against 32x16 at 128x64: the middle of a third is that of a third.
        (MapPosition(stage=3, module=2, branch=0, row=8, column=8), (3, 11, 5)),
        (MapPosition(stage=3, module=1, branch=0, row=0, column=23), (1, 0, 15)),
        (MapPosition(stage=3, module=0, branch=2, row=5, column=5), (0, 7, 3)),
    ],
)
def test_a_place_keeps_its_share_of_the_picture(position: MapPosition, expected: tuple[int, int, int]) -> None:
    found = position_like(position, THIS, DEEPER.config)
    assert (found.module, found.row, found.column) == expected
    assert (found.stage, found.branch) == (position.stage, position.branch)


def test_the_place_is_the_same_one_in_a_network_of_the_same_size() -> None:
    position = MapPosition(stage=2, module=0, branch=1, row=3, column=7)
    assert position_like(position, THIS, THIS) == position


@pytest.mark.parametrize("img_size", [(128, 64), (96, 96)])
def test_the_picture_is_fitted_to_the_other_size_from_the_whole_one(img_size: tuple[int, int]) -> None:
    cat = load_sample("Cat")
    source = PictureSource("Cat", "Cat", cat, (96, 96))
    assert source.fitted.shape == (96, 96, 3)
    assert (replace(source, img_size=img_size).fitted == fit(cat, img_size)).all()


def measured_network(app: AppTest) -> str:
    return " ".join(text.value for text in app.sidebar.markdown)


def test_a_pinned_variant_can_be_taken_apart(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    config: HRFormerConfig = replace(THIS, dw_conv=False)
    app = open_beside("pages/measure/ablation.py", Pin("mine", config))
    app.segmented_control(key="ablation_view").set_value("Cost and reach").run()
    assert "lacks" not in " ".join(info.value for info in app.info)
    app.selectbox(key="ablation_network").set_value("pin:mine").run()
    assert not app.exception
    assert "**mine** · classification · DW conv off" in measured_network(app)
    assert "This variant itself lacks: 3x3 depth-wise convolution" in " ".join(info.value for info in app.info)
    assert app.query_params["ablation_network"] == "pin:mine"
