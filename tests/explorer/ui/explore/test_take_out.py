"""What "Take it out" says of a change and of a ranking."""

from explorer.ablation.parts import read_part
from explorer.ablation.worth import Change, Ranked
from explorer.ui.explore.take_out import miou_sentence, ranking_sentence


def test_a_clear_change_and_one_that_is_not_shown() -> None:
    clear = miou_sentence(Change(0.75, 0.5, -0.25, -0.3, -0.2))
    assert clear == ("Over 64 test pictures mIoU goes from 0.750 to **0.500**: -0.250, 95 % interval -0.300 to -0.200.")
    assert "zero lies within" in miou_sentence(Change(0.75, 0.751, 0.001, -0.01, 0.01))
    assert "zero lies within" not in miou_sentence(Change(0.75, 0.78, 0.03, 0.01, 0.05))


def test_a_ranking_counts_what_is_shown_to_be_worth_something() -> None:
    parts = [read_part(f"branch:{branch}") for branch in range(3)]
    changes = [
        Change(0.7, 0.2, -0.5, -0.6, -0.4),
        Change(0.7, 0.69, -0.01, -0.02, 0.01),
        Change(0.7, 0.8, 0.1, 0.05, 0.2),
    ]
    ranking = [Ranked(part, change) for part, change in zip(parts, changes, strict=True)]
    assert ranking_sentence(ranking) == (
        "Worth most: **The 1/4 branch**, without which mIoU -0.500 (-0.600 to -0.400). Of 3 parts 1 are shown to be "
        "worth something."
    )


def test_where_nothing_is_known_to_be_right_the_output_is_told_of() -> None:
    ranking = [Ranked(read_part("head:4.0.0.0.0"), Change(None, None, 0.25))]
    assert ranking_sentence(ranking) == (
        "Worth most: **Stage 4, module 1, 1/4 branch: head 1 of block 1**, without which the output changes by 25 % of "
        "its norm."
    )
