"""The Prediction page has something to show of every task."""

from explorer.ui.explore.prediction_sections import SECTIONS
from hrformer.config import TASKS


def test_every_task_has_its_section() -> None:
    assert set(SECTIONS) == set(TASKS)
