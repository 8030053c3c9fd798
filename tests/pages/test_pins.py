"""Pinned variants and references on the Build page, from the entrypoint."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from explorer.cost.complexity import estimate_complexity
from explorer.ui.pins import MAX_PINS, Pin, pins_to_json
from hrformer import HRFormerConfig, preset
from tests.pages.entrypoint import open_app

K9 = preset("tiny", window_sizes=(9, 9, 9, 9))
SMALL = Pin("mine", preset("small"))
OTHER = Pin("K 9", K9)


def open_with(*pins: Pin, **query: str) -> AppTest:
    """The Build page's variants with some of them pinned, as a link has them."""
    app = open_app(query={"architecture_section": "Variants", "pin": [pin.link for pin in pins], **query})
    app.run()  # the first run of a session leaves the address as it was opened
    return app


def names(app: AppTest) -> list[str]:
    return [pin.name for pin in app.session_state["pins"]]


def rows(app: AppTest) -> list[str]:
    return app.dataframe[0].value["variant"].to_list()


def press(app: AppTest, action: str, name: str) -> AppTest:
    app.button(key=f"{action}_{name}").click().run()
    assert not app.exception
    return app


def type_name(app: AppTest, name: str, new: str) -> AppTest:
    app.text_input(key=f"pin_name_{name}").set_value(new).run()
    assert not app.exception
    return app


def problems(app: AppTest) -> str:
    return " ".join(error.value for error in app.error)


def deltas(app: AppTest) -> set[str]:
    return {metric.delta.split(" vs. ")[1] for metric in app.metric}


def test_a_pinned_variant_stays_while_the_current_one_goes_on() -> None:
    app = open_app(query={"architecture_section": "Variants", "window_sizes": "9,9,9,9"})
    assert "Nothing is pinned yet" in app.info[0].value
    app.button(key="pin").click().run()
    assert names(app) == ["HRFormer-T · K 9"]
    assert app.button(key="pin").disabled
    app.toggle(key="dw_conv").set_value(False).run()
    assert not app.button(key="pin").disabled
    assert app.session_state["pins"][0].config == K9
    assert app.query_params["pin"] == "HRFormer-T · K 9|preset=tiny|task=classification|window_sizes=9,9,9,9"
    app.button(key="pin").click().run()
    assert rows(app) == [
        "This variant: HRFormer-T, changed",
        "Reference: HRFormer-T",
        "HRFormer-T · K 9",
        "HRFormer-T · K 9 · DW conv off",
    ]


def test_the_table_has_every_figure_with_its_signed_change() -> None:
    app = open_with(SMALL, OTHER)
    table = app.dataframe[0].value.set_index("variant")
    own, base = estimate_complexity(SMALL.config), estimate_complexity(preset("tiny"))
    for figure in ("params", "macs", "flops_published", "peak_activation_mib"):
        value, against = getattr(own, figure), getattr(base, figure)
        assert table.loc["mine", figure] == value
        assert table.loc["mine", f"{figure}_change_percent"] == pytest.approx((value - against) / against * 100)
        assert table.loc["Reference: HRFormer-T", f"{figure}_change_percent"] == 0
    assert table.loc["K 9", "K"] == "9, 9, 9, 9"


def test_a_name_can_be_changed_and_what_was_chosen_by_it_stays_chosen() -> None:
    app = open_with(SMALL, OTHER)
    app.selectbox(key="compare").set_value("pin:mine").run()
    app.selectbox(key="overlay").set_value("pin:mine").run()
    assert deltas(app) == {"mine"}
    type_name(app, "mine", "  ours,   larger ")
    assert names(app) == ["ours, larger", "K 9"]
    assert deltas(app) == {"ours, larger"}
    assert app.query_params["compare"] == "pin:ours, larger"
    assert app.query_params["overlay"] == "pin:ours, larger"


@pytest.mark.parametrize(
    ("new", "words"), [("K 9", "Two variants are called 'K 9'"), ("", "can't name"), ("a|b", "can't name")]
)
def test_an_unusable_name_changes_nothing_and_is_said(new: str, words: str) -> None:
    app = type_name(open_with(SMALL, OTHER), "mine", new)
    assert names(app) == ["mine", "K 9"]
    assert words in problems(app)
    assert app.text_input(key="pin_name_mine").value == "mine"
    type_name(app, "mine", "ours")
    assert names(app) == ["ours", "K 9"]
    assert not app.error


def test_the_order_can_be_changed_as_far_as_it_goes() -> None:
    third = Pin("third", preset("base"))
    app = open_with(SMALL, OTHER, third)
    assert app.button(key="up_mine").disabled
    assert app.button(key="down_third").disabled
    press(press(app, "up", "third"), "down", "mine")
    assert names(app) == ["third", "mine", "K 9"]
    assert [link.split("|")[0] for link in app.query_params["pin"]] == ["third", "mine", "K 9"]
    assert rows(app)[2:] == ["third", "mine", "K 9"]


def test_a_removed_reference_falls_back_to_the_preset_of_the_start() -> None:
    app = open_with(SMALL, OTHER, compare="pin:mine", overlay="pin:mine")
    assert deltas(app) == {"mine"}
    assert rows(app) == ["This variant: HRFormer-T", "Reference: mine", "K 9"]
    press(app, "remove", "mine")
    assert names(app) == ["K 9"]
    assert deltas(app) == {"HRFormer-T"}
    assert app.selectbox(key="overlay").value == "none"
    assert "compare" not in app.query_params
    type_name(app, "K 9", "mine")
    assert deltas(app) == {"HRFormer-T"}  # another variant of that name was never chosen


def test_five_changes_of_t_are_compared_with_t_until_another_reference_is_chosen() -> None:
    app = open_with(OTHER)
    app.number_input(key="num_modules.2").set_value(4).run()
    app.number_input(key="num_blocks.2").set_value(1).run()
    app.slider(key="channels.all").set_value(32).run()
    app.slider(key="mlp_ratios.all").set_value(2.0).run()
    app.toggle(key="dw_conv").set_value(False).run()
    assert deltas(app) == {"HRFormer-T"}
    for option, name in (("small", "HRFormer-S"), ("base", "HRFormer-B"), ("pin:K 9", "K 9")):
        app.selectbox(key="compare").set_value(option).run()
        assert deltas(app) == {name}
        for _ in range(2):
            app.button(key="undo").click().run()
        for _ in range(2):
            app.button(key="redo").click().run()
        assert deltas(app) == {name}
    assert app.session_state["variant"].dw_conv is False


def test_an_opened_pin_is_the_current_variant_and_can_be_undone() -> None:
    app = press(open_with(SMALL), "open", "mine")
    assert app.session_state["variant"] == preset("small")
    app.button(key="undo").click().run()
    assert app.session_state["variant"] == preset("tiny")


def test_no_more_than_eight_are_pinned() -> None:
    many = [Pin(f"K {size}", preset("tiny", window_sizes=(size,) * 4)) for size in range(2, MAX_PINS + 3)]
    app = open_with(*many[:MAX_PINS])
    assert len(names(app)) == MAX_PINS
    assert app.button(key="pin").disabled
    app = open_app(query={"pin": [pin.link for pin in many]})
    assert names(app) == [pin.name for pin in many[:MAX_PINS]]
    assert "1 pinned variants, since 8 are the most" in " ".join(info.value for info in app.info)


def test_a_link_keeps_its_legal_pins_and_says_what_was_left_out() -> None:
    query = {"pin": [SMALL.link, "bad|window_sizes=0,7,7,7", "mine|preset=base", OTHER.link], "compare": "pin:gone"}
    app = open_app(query=query)
    assert names(app) == ["mine", "K 9"]
    told = " ".join(info.value for info in app.info)
    assert "pinned variant 'bad'. K · window, 1/4 branch = 0" in told
    assert "Two variants are called 'mine'" in told
    assert "compare='pin:gone'" in told
    assert deltas(app) == {"HRFormer-T"}


def upload(app: AppTest, contents: bytes) -> AppTest:
    app.file_uploader(key="pins_json").upload("pins.json", contents, "application/json").run()
    assert not app.exception
    return app


def test_json_takes_the_place_of_what_is_pinned_and_broken_json_changes_nothing() -> None:
    app = open_with(SMALL, compare="pin:mine")
    upload(app, pins_to_json([OTHER, Pin("b", preset("base", "pose"))]).encode())
    assert names(app) == ["K 9", "b"]
    assert deltas(app) == {"HRFormer-T"}
    broken = json.dumps([{"name": "c", "variant": {**K9.to_dict(), "num_heads": [5, 2, 4, 8]}}]).encode()
    upload(app, broken)
    assert names(app) == ["K 9", "b"]
    assert "pins.json was not restored. Pinned variant 'c' can't be had. C · channels, 1/4 branch" in problems(app)


@pytest.mark.parametrize("other", [SMALL.config, preset("small", "pose"), K9, preset("tiny", num_blocks=(2, 3, 1, 2))])
def test_another_variant_can_be_laid_over(other: HRFormerConfig) -> None:
    app = open_with(Pin("*mine*", other), architecture_section="Cost split")
    app.selectbox(key="overlay").set_value("pin:*mine*").run()
    assert not app.exception
    diagram, stages, kinds = (chart.proto.spec for chart in app.get("plotly_chart"))
    assert "set differently" in diagram or "only in *mine*" in diagram
    assert all("hatched: *mine*" in bars for bars in (stages, kinds))
    app.selectbox(key="overlay").set_value("none").run()
    assert "in both" not in app.get("plotly_chart")[0].proto.spec


def test_pinned_variants_are_points_among_hrnet_and_deit() -> None:
    app = open_with(SMALL, Pin("a<b", K9), architecture_section="HRNet and DeiT")
    figure = json.loads(app.get("plotly_chart")[1].proto.spec)
    points = {trace.get("name"): trace for trace in figure["data"]}
    assert points["1 · mine (pinned)"]["x"] == [estimate_complexity(SMALL.config).macs / 1e9]
    assert points["2 · a&lt;b (pinned)"]["y"] == [estimate_complexity(K9).params / 1e6]
    assert "open" not in points["1 · mine (pinned)"]["marker"]["symbol"]
