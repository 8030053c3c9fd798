"""The Receptive field page, from the entrypoint."""

import io
from dataclasses import replace

import pytest
import torch
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Slider

from explorer.cost import capacity
from explorer.inspection.receptive_field import central_position, theoretical_field
from explorer.models.variants import to_query
from explorer.units import significant
from hrformer import create_model
from tests.pages.entrypoint import open_app
from tests.pages.memory import resident_mib
from tests.variants import tiny

PAGE = "pages/explore/receptive_field.py"
SMALL = tiny(num_modules=(1, 1, 2, 1), num_blocks=(1, 2, 1, 1), window_sizes=(3,) * 4, img_size=(96, 96))
QUERY = to_query(SMALL)


def open_page(query: dict[str, str] | None = None) -> AppTest:
    return open_app(PAGE, QUERY | (query or {}))


def open_section(section: str, **query: str) -> AppTest:
    app = open_page(query)
    app.segmented_control(key="field_section").set_value(section).run()
    assert not app.exception
    return app


def row_slider(app: AppTest) -> Slider:
    return next(slider for slider in app.slider if slider.label == "Row")


def charts(app: AppTest) -> list[str]:
    specs = [chart.proto.spec for chart in app.get("plotly_chart")]
    return [spec.replace(r"\u003cbr\u003e", " ") for spec in specs]  # where a title goes on in a second line


def told(app: AppTest) -> str:
    return " ".join(info.value for info in app.info)


def test_the_first_look_is_the_theoretical_field_with_and_without_the_convolution() -> None:
    app = open_page()
    position = central_position(SMALL, 2, 0, 0)
    expected = [
        f"{significant(100 * theoretical_field(replace(SMALL, dw_conv=on), position).area_share)} %"
        for on in (True, False)
    ]
    assert [metric.value for metric in app.metric] == expected
    assert expected[0] != expected[1]
    assert len(charts(app)) == 1


def test_every_map_of_the_variant_can_be_chosen() -> None:
    app = open_page()
    for stage, modules in enumerate(SMALL.num_modules, start=1):
        app.segmented_control(key="field_stage").set_value(stage).run()
        for module in range(1, modules + 1):
            if modules > 1:
                app.slider(key="field_module").set_value(module).run()
            branches = app.segmented_control(key="field_branch").options
            assert len(branches) == stage
            for branch in branches:
                app.segmented_control(key="field_branch").set_value(branch).run()
                assert not app.exception
                assert any(f"Stage {stage}, module {module}, {branch} branch" in text.value for text in app.markdown)


def test_the_sliders_move_the_position_and_the_link_keeps_it() -> None:
    app = open_page()
    before = charts(app)
    row_slider(app).set_value(0).run()
    assert charts(app) != before
    assert any("row 0, column 12" in text.value for text in app.markdown)
    assert app.query_params["row"] == "0"
    again = open_page({"row": "0", "column": "3", "field_stage": "3", "field_branch": "1/8"})
    assert any("Stage 3, module 2, 1/8 branch**, row 0, column 3" in text.value for text in again.markdown)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"field_stage": "9"}, "no stage 9; this is stage 4"),
        ({"field_stage": "3", "field_module": "7"}, "Stage 3 has 2 modules, no module 7; this is module 2"),
        ({"field_stage": "2", "field_branch": "1/32"}, "no branch 1/32; this is branch 1/8"),
        ({"row": "99"}, "no (99, 12); this is position (23, 12)"),
    ],
)
def test_what_the_variant_lacks_falls_back_to_the_nearest_and_is_told(query: dict[str, str], sentence: str) -> None:
    app = open_page(query)
    assert sentence in told(app)
    assert len(charts(app)) == 1


def test_a_sentence_on_a_fallback_stays_until_another_choice() -> None:
    app = open_page({"field_stage": "3", "field_module": "7"})
    assert "no module 7" in told(app.run())
    app.slider(key="field_module").set_value(1).run()
    assert "no module 7" not in told(app)


def test_effective_fields_are_shown_on_one_scale_with_their_difference_and_squares() -> None:
    app = open_section("Effective field")
    assert len(charts(app)) == 3
    squares = app.dataframe[1].value
    assert squares["share, %"].tolist() == [20, 30, 50, 99]
    for name in ("with", "without"):
        assert squares[f"side {name}, px"].is_monotonic_increasing
    assert any("Cat, Astronaut, Coffee, Rocket" in caption.value for caption in app.caption)


def test_eight_pictures_are_averaged() -> None:
    app = open_page({"field_section": "Effective field", "img_size": "64,64"})
    app.slider(key="pictures").set_value(8).run()
    assert any("Deep field, Cat, mirrored, Astronaut, mirrored" in caption.value for caption in app.caption)


def test_a_result_is_kept_until_it_is_thrown_away() -> None:
    app = open_section("Effective field")
    row_slider(app).set_value(3).run()
    row_slider(app).set_value(12).run()
    assert len(charts(app)) == 3  # at once, without any work
    app.button(key="throw_away_effective_field").click().run()
    assert "thrown away" in told(app)
    assert len(charts(app)) == 1


def test_the_leak_is_exactly_nothing_without_the_convolution() -> None:
    app = open_section("Leak test")
    table = app.dataframe[1].value
    with_dw_conv, without = (table[table["FFN"] == name] for name in ("with DW conv", "without DW conv"))
    assert with_dw_conv["after block"].tolist() == [1, 2]
    assert (with_dw_conv["change outside, %"] > 0).all()
    assert with_dw_conv["farthest, windows"].tolist() == [1, 2]
    assert (without["change outside, %"] == 0).all()
    assert (without["other windows reached"] == 0).all()
    assert any("exactly nothing without" in spec for spec in charts(app))


def test_stage_1_says_that_it_has_no_windows() -> None:
    assert "Stage 1 has no windows" in told(open_section("Leak test", field_stage="1"))
    assert "Stage 1 reads no branch maps" in told(open_page({"field_stage": "1"}))


def test_window_sizes_are_compared() -> None:
    app = open_section("Window sizes")
    assert "Windows of 21 see" in charts(app)[-1]


def test_other_pages_open_after_stage_1() -> None:
    app = open_page({"field_stage": "1"})
    for page in ("feature_maps", "attention_windows", "fusion", "feature_maps", "attention_windows", "receptive_field"):
        app.switch_page(f"pages/explore/{page}.py").run()
        assert not app.exception


def test_weights_with_nan_name_their_first_layer() -> None:
    app = open_page()
    weights = create_model(SMALL).state_dict()
    name = next(key for key in weights if "stage2" in key and key.endswith("weight"))
    weights[name] = torch.full_like(weights[name], torch.nan)
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    app.file_uploader(key="checkpoint_file").upload("nan.pth", buffer.getvalue(), "application/octet-stream").run()
    for section in ("Effective field", "Leak test"):
        app.segmented_control(key="field_section").set_value(section).run()
        assert "the first layer that produces NaN" in app.error[-1].value, section
        assert name in app.error[-1].value
        assert len(charts(app)) == 1


def test_a_variant_too_large_to_build_still_has_its_theoretical_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 50.0)
    app = open_page({"num_blocks": "1,1,1,2", "field_section": "Effective field"})
    assert "costed but not built" in app.error[0].value
    assert len(charts(app)) == 1


@pytest.mark.alone
def test_memory_returns_after_twenty_changes() -> None:
    app = open_section("Effective field", img_size="64,64")

    def change(row: int) -> None:
        row_slider(app).set_value(row % 16)
        app.segmented_control(key="field_stage").set_value(2 + row % 3).run()

    for row in range(4):
        change(row)
    before = resident_mib()
    for row in range(4, 24):
        change(row)
    assert resident_mib() - before < 50
