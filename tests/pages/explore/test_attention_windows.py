"""The Attention windows page, from the entrypoint."""

import io

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.ui.explore.attention import DETAILS
from hrformer import create_model
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.memory import resident_mib
from tests.variants import tiny

QUERY = SMALL | {"num_modules": "1,1,2,1", "num_blocks": "1,1,2,1", "img_size": "64,96"}


def open_page(query: dict[str, str] | None = None) -> AppTest:
    return open_app("pages/explore/attention_windows.py", QUERY | (query or {}))


def described(app: AppTest) -> str:
    return next(text.value for text in app.markdown if "looks at window" in text.value)


def charts(app: AppTest) -> list[str]:
    return [chart.proto.spec.replace("\\u002f", "/") for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("detail", DETAILS)
def test_every_detail_opens_in_every_branch(detail: str) -> None:
    app = open_page()
    app.segmented_control(key="attention_detail").set_value(detail)
    for branch in ("1/4", "1/8", "1/16", "1/32"):
        app.segmented_control(key="branch").set_value(branch).run()
        assert not app.exception
        assert len(charts(app)) == 3


def test_the_sliders_choose_the_position_and_its_window() -> None:
    app = open_page({"branch": "1/4"})
    app.slider(key="row").set_value(0).run()
    app.slider(key="column").set_value(23).run()
    # 16 x 24 tokens in windows of 7: padded to 21 x 28, so the last column lies in the fourth window of the first row.
    assert described(app).startswith("Row 0, column 23 of the 1/4 branch looks at window 1, 4 of 3 x 4")
    assert app.query_params["row"] == "0"
    assert app.query_params["column"] == "23"


def test_a_link_opens_block_head_and_position() -> None:
    app = open_page(
        {"stage": "3", "module": "2", "branch": "1/8", "block": "1", "head": "2", "row": "3", "column": "5"}
    )
    assert [info.value for info in app.info] == []
    assert "Row 3, column 5 of the 1/8 branch" in described(app)
    assert "head 2" in described(app)
    assert "Stage 3, module 2, 1/8 branch, block 1" in charts(app)[0]


def test_what_the_variant_lacks_falls_back_to_the_nearest_and_is_said() -> None:
    app = open_page(
        {"stage": "3", "module": "9", "branch": "1/32", "block": "7", "head": "8", "row": "50", "column": "-1"}
    )
    told = " ".join(info.value for info in app.info)
    assert "this is the nearest block it has: stage 3, module 2, 1/16 branch, block 2" in told
    assert "no head 8; this is head 2" in told
    assert "no (50, -1); this is position (3, 0)" in told
    assert {key: app.query_params[key] for key in ("module", "branch", "block", "head", "row", "column")} == {
        "module": "2",
        "branch": "1/16",
        "block": "2",
        "head": "2",
        "row": "3",
        "column": "0",
    }


@pytest.mark.parametrize("value", ["many", "", "1e9", "99999999999999999999", "nan"])
def test_nonsense_in_a_link_leaves_no_trace(value: str) -> None:
    app = open_page(dict.fromkeys(("stage", "module", "branch", "block", "head", "row", "column"), value))
    assert len(charts(app)) == 3
    told = " ".join(info.value for info in app.info)
    assert all(f"Left out of the link: {key}={value!r}" in told for key in ("stage", "module", "row", "column"))


def test_another_branch_keeps_the_place_in_the_picture() -> None:
    app = open_page({"branch": "1/4", "row": "12", "column": "20"})
    app.segmented_control(key="branch").set_value("1/16").run()
    assert "Row 3, column 5 of the 1/16 branch" in described(app)
    assert [info.value for info in app.info] == []


def test_a_block_that_a_new_variant_lacks_is_replaced_and_said() -> None:
    app = open_page({"stage": "3", "module": "2", "block": "2"})
    app.session_state["variant"] = tiny(img_size=(64, 96))
    app.run()
    assert not app.exception
    assert "the nearest block it has: stage 3, module 1, 1/4 branch, block 1" in app.info[0].value


def test_weights_with_nan_are_named_instead_of_an_empty_chart() -> None:
    model = create_model(tiny(num_modules=(1, 1, 2, 1)))
    with torch.no_grad():
        model.get_parameter("layer1.0.conv1.weight")[0] = float("nan")
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    app = open_page()
    app.file_uploader(key="checkpoint_file").upload("broken.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert "layer1.0.conv1 is the first layer that produces NaN" in app.error[0].value
    assert charts(app) == []


def test_attention_too_large_to_write_out_is_refused_with_a_sentence() -> None:
    app = open_page(
        {"img_size": "256,256", "window_sizes": "32,7,7,7", "channels": "32,8,8,16", "num_heads": "32,2,2,4"}
    )
    assert "too many to write out" in app.error[0].value
    assert charts(app) == []


@pytest.mark.alone
def test_memory_returns_after_twenty_changes_of_block() -> None:
    # Maps of one block take 2 * 49 windows * 49 * 49 pairs * 1 head * 4 bytes = 1.8 MiB, of twenty 36 MiB and their
    # charts more; only three are kept.
    app = open_page(
        {"img_size": "192,192", "num_modules": "1,1,4,1", "num_blocks": "1,1,5,1", "stage": "3", "branch": "1/4"}
    )
    change_blocks(app, 4)
    before = resident_mib()
    change_blocks(app, 20)
    assert resident_mib() - before < 50


def change_blocks(app: AppTest, times: int) -> None:
    for change in range(times):
        app.slider(key="module").set_value(change // 5 % 4 + 1)
        app.slider(key="block").set_value(change % 5 + 1).run()
        assert not app.exception
