"""Which networks have a known truth, and what ships for them."""

import pytest

from explorer.ablation.parts import KINDS, Kind, parts_of
from explorer.models.trained import POINTER, load_trained, trained_config
from explorer.models.weights import random_model
from explorer.ui.explore.take_out_measures import digits_miou, has_truth, shipped_ranking
from explorer.ui.sources import WeightsSource
from tests.variants import tiny

TRAINED = WeightsSource(load_trained(), "trained", "trained", "trained")


def test_only_a_network_of_digits_with_learned_weights_has_a_truth() -> None:
    assert has_truth(TRAINED)
    assert has_truth(WeightsSource(TRAINED.model, "mine", "mine", "uploaded"))
    assert not has_truth(WeightsSource(TRAINED.model, "seed 0", "random", "random"))
    assert not has_truth(WeightsSource(random_model(tiny(), 0), "mine", "mine", "uploaded"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_ranking_that_ships_is_for_the_weights_that_ship(kind: Kind) -> None:
    assert [ranked.part for ranked in shipped_ranking(TRAINED, kind)] == list(parts_of(trained_config(), [kind]))
    assert shipped_ranking(WeightsSource(TRAINED.model, "mine", "mine", "uploaded"), kind) == []


def test_the_network_that_points_at_digits_has_no_ranking_of_another_one() -> None:
    pointer = WeightsSource(POINTER.load(), "points", "points", "trained", POINTER.class_names)
    assert not has_truth(pointer)
    assert shipped_ranking(pointer, "branch") == []


def test_the_test_pictures_are_drawn_once() -> None:
    assert digits_miou().canvases is digits_miou().canvases
