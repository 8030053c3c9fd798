"""Legal means runnable: what `HRFormerConfig` accepts can be built, trained, linked and looked into on every page."""

import os
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from explorer.cost.capacity import required_mib
from explorer.cost.complexity import estimate_complexity
from explorer.models.variants import from_query, to_query
from hrformer import HRFormerConfig, create_model, optimize_for_inference
from tests.pages.entrypoint import open_app
from tests.variants import accepted_variants

#: A sample in the suite; LEGAL_VARIANTS=400 for a thorough run (`make legal`).
VARIANTS = int(os.environ.get("LEGAL_VARIANTS", "6"))
ROOT = Path(__file__).parents[1]
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").rglob("*.py"))
_thorough = settings(deadline=None, max_examples=VARIANTS)


@pytest.fixture(autouse=True)
def _results_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    monkeypatch.setattr("explorer.ui.panels.NUMBERS_FIRST_S", 0.0)


@_thorough
@given(config=accepted_variants())
def test_what_is_legal_computes_what_its_task_asks_for(config: HRFormerConfig) -> None:
    height, width = config.img_size
    quarter = (-(-height // 4), -(-width // 4))
    shape = {"classification": (), "pose": quarter, "segmentation": (height, width)}[config.task]
    model = create_model(config)
    x = torch.randn(2, config.in_chans, height, width)
    output = model(x)  # in training: norms and drop path take part
    output.mean().backward()
    assert output.shape == (2, config.num_classes, *shape)
    assert output.isfinite().all()
    with torch.no_grad():
        assert optimize_for_inference(model)(x).shape == output.shape
    assert estimate_complexity(config).params == sum(parameter.numel() for parameter in model.parameters())
    assert required_mib(config) > 0


@_thorough
@given(config=accepted_variants())
def test_a_link_keeps_what_is_legal_to_the_last_digit(config: HRFormerConfig) -> None:
    assert from_query(to_query(config)) == config


@pytest.mark.parametrize("page", PAGES)
@settings(deadline=None, max_examples=max(2, -(-VARIANTS // len(PAGES))))
@given(config=accepted_variants(), section=st.integers(0, 5))
def test_every_page_runs_what_is_legal(page: str, config: HRFormerConfig, section: int) -> None:
    app = open_app(page, to_query(config) | {"network": "variant"})
    for control in app.segmented_control:
        if control.key.endswith("_section"):
            control.set_value(control.options[section % len(control.options)]).run()
            break
    _wait_for_work(app)
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert app.session_state["variant"] == config


def _wait_for_work(app: AppTest) -> None:
    for _ in range(600):
        if not any(button.label == "Stop" for button in app.button):
            return
        time.sleep(0.1)
        app.run()
