"""What trainings show: differences by hand, and the file that keeps them."""

import io

import pytest

from explorer.records.training_exchange import read_trainings
from explorer.ui.measure.ablation_training_results import curve_frame, differences_table, trainings_csv
from tests.explorer.ablation.tiny import example_training

WITH = (0.60, 0.62, 0.64)
WITHOUT = (0.50, 0.50, 0.50)
TRAININGS = [
    example_training(arm, seed, miou)
    for arm, scores in (("3x3", WITH), ("none", WITHOUT))
    for seed, miou in enumerate(scores)
]


def test_differences_are_paired_by_seed_with_students_interval() -> None:
    table = differences_table(TRAININGS).set_index("label")
    row = table.loc["3x3 − none: mIoU"]
    # Differences 0.10, 0.12 and 0.14: mean 0.12, standard error 0.02 / sqrt(3), t with two degrees of freedom 4.303.
    half = 4.3027 * 0.02 / 3**0.5
    assert row["values_"] == pytest.approx([0.10, 0.12, 0.14])
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.12, 0.12 - half, 0.12 + half), abs=1e-4)
    assert row["seeds"] == 3


def test_an_arm_without_its_partner_has_no_difference() -> None:
    assert differences_table(TRAININGS[:3]).empty


def test_the_file_holds_the_trainings_as_they_are() -> None:
    assert read_trainings(io.StringIO(trainings_csv(TRAININGS).decode(), newline="")) == TRAININGS


def test_curves_are_one_row_for_each_look() -> None:
    frame = curve_frame([("3x3", 0, [{"step": 25, "miou": 0.1}, {"step": 50, "miou": 0.2}]), ("none", 1, [])])
    assert frame.to_dict("list") == {"arm": ["3x3"] * 2, "seed": [0, 0], "step": [25, 50], "miou": [0.1, 0.2]}
