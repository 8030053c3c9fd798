"""The Fusion page, from the entrypoint."""

import io

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.inspection.fusion_contributions import FusionContributions
from explorer.ui.explore.fusion import answer
from hrformer import create_model
from tests.pages.entrypoint import SMALL, open_app
from tests.variants import tiny

QUERY = SMALL | {"num_modules": "1,1,2,1"}


def open_page(query: dict[str, str] | None = None) -> AppTest:
    return open_app("pages/explore/fusion.py", QUERY | (query or {}))


def charts(app: AppTest) -> list[str]:
    return [chart.proto.spec.replace("\\u002f", "/") for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("stage", [2, 3, 4])
def test_every_target_of_every_stage_opens(stage: int) -> None:
    app = open_page({"stage": str(stage)})
    for target in ("1/4", "1/8", "1/16", "1/32")[:stage]:
        app.segmented_control(key="fusion_target").set_value(target).run()
        assert not app.exception
        assert len(charts(app)) == 3
        assert f"The {target} branch gets most from" in charts(app)[2]


def test_a_link_opens_a_target_and_the_address_keeps_it() -> None:
    app = open_page({"stage": "4", "fusion_target": "1/16"})
    assert "The 1/16 branch gets most from" in charts(app)[2]
    app.run()
    assert app.query_params["fusion_target"] == "1/16"
    app.segmented_control(key="stage").set_value(2).run()
    assert "The 1/4 branch gets most from" in charts(app)[2]
    app.segmented_control(key="stage").set_value(4).run()
    assert "The 1/16 branch gets most from" in charts(app)[2]


def test_it_opens_on_the_trained_network_with_a_sentence_on_which_branch_feeds_which() -> None:
    app = open_app("pages/explore/fusion.py")
    assert app.segmented_control(key="network").value == "digits"
    assert app.main.markdown[0].value == "Every branch gets most from itself."


@pytest.mark.parametrize(
    ("ratios", "sentence"),
    [
        ([[2, 1], [3, 1]], "Most comes to the 1/8 branch from the 1/4 branch; each other one gets most from itself."),
        ([[1, 2], [3, 1]], "Most comes to the 1/4 branch from the 1/8 branch, to the 1/8 branch from the 1/4 branch."),
        ([[2, 1], [1, 2]], "Every branch gets most from itself."),
        ([[2, 1], [float("nan"), float("nan")]], "All that is added to some branch is zero."),
    ],
)
def test_the_sentence_names_the_largest_summand_of_each_branch(ratios: list[list[float]], sentence: str) -> None:
    maps = ((torch.zeros(1, 1),) * 2,) * 2
    assert answer(FusionContributions(torch.tensor(ratios), torch.tensor(ratios), maps)) == sentence


def test_a_module_that_the_stage_lacks_is_replaced_and_said() -> None:
    app = open_page({"stage": "3", "module": "5"})
    assert app.info[0].value == "Stage 3 has 2 modules, no module 5; this is module 2."
    assert app.query_params["module"] == "2"


def test_a_pose_network_ends_with_one_target() -> None:
    app = open_page({"task": "pose", "stage": "4"})
    assert len(charts(app)) == 3
    assert not [control for control in app.segmented_control if control.key == "fusion_target"]


def test_weights_with_infinity_are_named_instead_of_an_empty_chart() -> None:
    model = create_model(tiny(num_modules=(1, 1, 2, 1)))
    with torch.no_grad():
        model.get_parameter("conv2.weight")[0] = float("inf")
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    app = open_page()
    app.file_uploader(key="checkpoint_file").upload("broken.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert "conv2 is the first layer that produces NaN or infinite values" in app.error[0].value
    assert charts(app) == []
