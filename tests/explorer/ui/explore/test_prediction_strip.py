"""Pages that look inside say the prediction in short, where something was learned."""

import io

import pytest
import torch
from streamlit.testing.v1 import AppTest

from hrformer import create_model
from tests.pages.entrypoint import SMALL, open_app
from tests.variants import tiny

PAGES = ("attention_windows", "feature_maps", "receptive_field", "fusion")


def said(app: AppTest) -> str:
    return " ".join(text.value for text in app.main.markdown)


@pytest.mark.parametrize("page", PAGES)
def test_the_trained_network_says_what_it_sees_at_the_chosen_position(page: str) -> None:
    app = open_app(f"pages/explore/{page}.py")
    assert "At the chosen position, pixel (58, 58), it says **background**" in said(app)
    assert "mIoU 0.776" in said(app)


def test_random_weights_say_nothing() -> None:
    app = open_app("pages/explore/feature_maps.py", SMALL)
    assert "it says" not in said(app).lower()


@pytest.mark.parametrize(("task", "words"), [("pose", "key points in the whole picture"), ("classification", "% sure")])
def test_weights_of_other_tasks_say_theirs(task: str, words: str) -> None:
    buffer = io.BytesIO()
    config = tiny(task, num_classes=17)
    torch.save(create_model(config).state_dict(), buffer)
    app = open_app("pages/explore/feature_maps.py")
    app.file_uploader(key="checkpoint_file").upload("mine.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert words in said(app)
