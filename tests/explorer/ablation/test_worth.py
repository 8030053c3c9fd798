"""What parts are worth, against cases worked out by hand and an exhaustive bootstrap."""

import itertools

import numpy as np
import pytest
import torch

from explorer.ablation.parts import parts_of, read_part
from explorer.ablation.scores import evaluate
from explorer.ablation.without import without
from explorer.ablation.worth import Change, DigitsMiou, OutputChange, Ranked, bootstrap_interval, by_worth, rank
from explorer.models.trained import load_trained
from explorer.pictures.digits import normalise
from explorer.prediction.overlap import mean_iou
from hrformer import create_model
from tests.variants import tiny


def test_the_interval_is_that_of_all_ways_to_draw_two_pictures_again() -> None:
    before = np.array([[[6, 0], [0, 4]], [[8, 0], [0, 2]]])  # all right
    after = np.array([[[6, 0], [2, 2]], [[5, 3], [0, 2]]])
    changes = [
        mean_iou(after[list(drawn)].sum(0)) - mean_iou(before[list(drawn)].sum(0))
        for drawn in itertools.product(range(2), repeat=2)
    ]
    # Of the four ways two are the same picture twice, each with a chance of a quarter: both ends of the interval.
    assert bootstrap_interval(before, after) == pytest.approx((min(changes), max(changes)))


def test_pictures_that_all_change_alike_leave_no_doubt() -> None:
    before, after = np.array([[[5, 0], [0, 5]]] * 8), np.array([[[5, 0], [5, 0]]] * 8)
    assert bootstrap_interval(before, after) == pytest.approx((0.25 - 1, 0.25 - 1))


def test_miou_of_the_trained_network_is_that_of_its_evaluation() -> None:
    score, model = DigitsMiou(count=6, seed=3), load_trained()
    part = read_part("branch:3")
    change = score.compare(score.measure(model), score.measure(without(model, [part])))
    pictures = normalise(score.canvases.images), score.canvases.labels
    assert change.before == pytest.approx(evaluate(model, *pictures).miou)
    assert change.after == pytest.approx(evaluate(without(model, [part]), *pictures).miou)
    assert change.change == pytest.approx(change.after - change.before)
    assert change.low <= change.change <= change.high


def test_nothing_changes_without_nothing() -> None:
    score, model = DigitsMiou(count=3), load_trained()
    change = score.compare(score.measure(model), score.measure(without(model, ())))
    assert (change.change, change.low, change.high) == (0, 0, 0)


def test_the_change_of_an_output_by_hand() -> None:
    compare = OutputChange(torch.zeros(1, 3, 32, 32)).compare
    assert compare(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 1.0])) == Change(None, None, 3 / 5)
    assert compare(torch.zeros(2), torch.zeros(2)).change == 0


def test_parts_are_ranked_one_by_one_until_it_is_stopped() -> None:
    model = create_model(tiny(num_classes=4)).eval()
    score = OutputChange(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    parts = list(parts_of(model.config, ["branch"]))
    told: list[tuple[int, int]] = []
    ranking = rank(model, parts, score, lambda done, total: told.append((done, total)), lambda: len(told) == 3)
    assert told == [(1, 4), (2, 4), (3, 4)]
    assert [ranked.part for ranked in ranking] == parts[:3]
    alone = score.compare(score.measure(model), score.measure(without(model, [parts[1]])))
    assert ranking[1].change == alone


def test_what_is_worth_most_comes_first() -> None:
    parts = list(parts_of(tiny(), ["branch"]))
    losses = [Ranked(part, Change(0.7, 0.7 + by, by)) for part, by in zip(parts, (0.1, -0.3, -0.1, 0), strict=True)]
    assert [ranked.change.change for ranked in by_worth(losses)] == [-0.3, -0.1, 0, 0.1]
    changes = [Ranked(part, Change(None, None, by)) for part, by in zip(parts, (0.1, 0.3, 0, 0.2), strict=True)]
    assert [ranked.change.change for ranked in by_worth(changes)] == [0.3, 0.2, 0.1, 0]
