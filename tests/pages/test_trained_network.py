"""The trained network first: on the pages that look into a network, for who has not chosen a variant yet."""

import io

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer.models.trained import POINTER, trained_config
from explorer.models.variants import to_query
from hrformer import create_model, preset
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.texts import captions
from tests.variants import tiny

PAGES = [f"pages/explore/{name}.py" for name in ("feature_maps", "attention_windows", "receptive_field")]
LOOKING = [*PAGES, "pages/explore/fusion.py", "pages/explore/prediction.py"]


def sidebar_text(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.sidebar.markdown, app.sidebar.caption) for element in kind)


@pytest.mark.parametrize("page", PAGES)
def test_a_new_user_sees_the_trained_network_on_its_own_task_and_is_told(page: str) -> None:
    app = open_app(page)
    assert app.segmented_control(key="network").value == "digits"
    assert "trained for this explorer to segment handwritten digits (MNIST) over photographs" in sidebar_text(app)
    assert app.selectbox(key="picture").value == "Digits 1"
    assert "Digits 1 at 112x112 pixels" in captions(app)
    assert app.session_state["variant"] == preset("tiny")  # which the Architecture page still opens with


def test_the_current_variant_with_random_weights_is_one_click_away_and_stays_on_the_next_page() -> None:
    app = open_app(PAGES[0])
    app.segmented_control(key="network").set_value("variant").run()
    assert not app.exception
    assert "random weights, seed 0" in captions(app)
    assert "HRFormer-T" in sidebar_text(app)
    app.switch_page(PAGES[1]).run()
    assert not app.exception
    assert app.segmented_control(key="network").value == "variant"
    assert "at 224x224 pixels, random weights" in captions(app)


def test_a_variant_that_a_link_or_the_user_chose_is_what_the_pages_look_into() -> None:
    app = open_app(PAGES[0], SMALL)
    assert app.segmented_control(key="network").value == "variant"
    assert app.selectbox(key="picture").value == "Cat"


def test_a_link_can_ask_for_either() -> None:
    chosen = open_app(PAGES[0], {"network": "variant"}).segmented_control(key="network").value
    assert chosen == "variant"
    app = open_app(PAGES[0], SMALL | {"network": "digits"})
    assert app.segmented_control(key="network").value == "digits"
    assert not app.exception


def test_a_checkpoint_can_be_taken_from_the_trained_networks_page() -> None:
    app = open_app(PAGES[0])
    variant = tiny()
    buffer = io.BytesIO()
    torch.save(create_model(variant).state_dict(), buffer)
    app.file_uploader(key="checkpoint_file").upload("mine.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert app.segmented_control(key="network").value == "variant"
    assert app.session_state["variant"] == variant
    assert "mine.pth" in captions(app)


def test_the_same_network_can_be_seen_before_it_learned_anything() -> None:
    app = open_app(PAGES[0])
    app.segmented_control(key="weights").set_value("other").run()
    assert not app.exception
    assert "Digits 1 at 112x112 pixels, random weights, seed 0" in captions(app)


def test_a_link_to_the_trained_networks_variant_gets_its_weights() -> None:
    app = open_app(PAGES[0], to_query(trained_config()))
    assert app.segmented_control(key="network").value == "variant"
    assert "weights trained to segment digits" in captions(app)


@pytest.mark.parametrize("page", LOOKING)
def test_the_network_that_finds_digits_is_one_click_away_and_is_told(page: str) -> None:
    app = open_app(page)
    app.segmented_control(key="network").set_value("digit_points").run()
    assert not app.exception
    assert not app.error
    assert "trained for this explorer to find the centres of handwritten digits (MNIST)" in sidebar_text(app)
    assert app.selectbox(key="picture").value == "Digits 1"
    assert f"one heat map a digit, test F1 {POINTER.score:.3f}" in sidebar_text(app)
    assert "Digits 1 at 112x112 pixels" in captions(app)
    app.run()
    assert app.query_params["network"] == "digit_points"


def test_attribution_says_that_key_points_have_no_class() -> None:
    app = open_app("pages/explore/attribution.py", {"network": "digit_points"})
    assert not app.exception
    assert [info.value for info in app.info] == [
        "Attribution explains the score of a class, and a pose model has none."
    ]


def test_from_its_random_weights_the_way_back_leads_to_its_own_trained_ones() -> None:
    app = open_app(PAGES[0], {"network": "digit_points", "weights": "other"})
    assert "random weights, seed 0" in captions(app)
    app.button(key="show_trained_network").click().run()
    assert not app.exception
    assert app.segmented_control(key="network").value == "digit_points"
    assert "weights trained to find digits" in captions(app)


def test_the_prediction_page_names_the_digits_that_it_finds() -> None:
    app = open_app("pages/explore/prediction.py", {"network": "digit_points"})
    assert app.selectbox(key="joint").options == [f"Digit {digit}" for digit in range(10)]


def test_photographs_can_be_looked_at_too() -> None:
    app = open_app(PAGES[0])
    app.selectbox(key="picture").set_value("Cat").run()
    assert not app.exception
    assert "Cat at 112x112 pixels, weights trained" in captions(app)
