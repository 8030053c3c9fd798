"""The order of the claims, and the one sentence that answers them all, on outcomes made by hand."""

from __future__ import annotations

import pytest

from explorer.claims.answer import answer
from explorer.claims.claim import Claim, Kind, Outcome
from explorer.claims.table import ranked


def outcome(key: str, kind: Kind, published: float, ours: float | None, tolerance: float = 1.0) -> Outcome:
    claim = Claim(
        key=key,
        topic="topic",
        text=key,
        source="source",
        published=published,
        unit="times",
        tolerance=tolerance,
        kind=kind,
        quantity=None,
        method="method",
    )
    return Outcome(claim, ours)


HALF = outcome("half", "speed", 4.0, 2.0)
THIRD = outcome("third", "speed", 6.0, 2.0)
EXACT = outcome("exact", "cost", 50.0, 50.0)
CLOSE = outcome("close", "cost", 50.0, 49.5)
CLOSE_ABOVE = outcome("close above", "cost", 20.0, 20.2)
UNKNOWN = outcome("unknown", "accuracy", 1.0, None)
UNKNOWN_TOO = outcome("unknown too", "accuracy", 2.0, None)


def test_what_differs_comes_first_and_the_farthest_off_before_the_others() -> None:
    catalogue = [EXACT, CLOSE, HALF, UNKNOWN, CLOSE_ABOVE, THIRD, UNKNOWN_TOO]
    # By ratio: a third is farther from one than a half, 0.99 and 1.01 are as far; those keep the catalogue's order.
    assert ranked(catalogue) == [THIRD, HALF, UNKNOWN, UNKNOWN_TOO, CLOSE, CLOSE_ABOVE, EXACT]


def test_one_kind_is_said_of_all() -> None:
    assert answer([EXACT, CLOSE, HALF, THIRD, UNKNOWN, UNKNOWN_TOO]) == (
        "2 of 6 claims are reproduced; 2 differ, all of them speeds published for an A100 (there HRFormer-B takes 4 to "
        "6 times as long as its rival, here 2); 2 cannot be checked here, all of them accuracies."
    )


def test_several_kinds_are_counted() -> None:
    wrong = outcome("wrong", "cost", 10.0, 20.0)
    unmeasured = outcome("unmeasured", "scaling", 1.0, None)
    assert answer([HALF, THIRD, wrong, UNKNOWN, UNKNOWN_TOO, unmeasured]) == (
        "0 of 6 claims are reproduced; 3 differ: 2 speeds published for an A100 and a counted cost (there HRFormer-B "
        "takes 4 to 6 times as long as its rival, here 2); 3 cannot be checked here: 2 accuracies and a growth of "
        "attention's time."
    )


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([EXACT], "1 of 1 claims is reproduced."),
        ([EXACT, UNKNOWN], "1 of 2 claims is reproduced; 1 cannot be checked here, an accuracy."),
        (
            [EXACT, CLOSE, outcome("wrong", "cost", 10.0, 20.0)],
            "2 of 3 claims are reproduced; 1 differs, a counted cost.",
        ),
    ],
)
def test_single_ones_read_as_a_person_would_say_them(outcomes: list[Outcome], sentence: str) -> None:
    assert answer(outcomes) == sentence
