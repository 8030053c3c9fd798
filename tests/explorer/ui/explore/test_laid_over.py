"""What a variant laid over another one is said to change."""

import pytest

from explorer.ui.comparing import Reference
from explorer.ui.explore.laid_over import overlay_finding
from hrformer import HRFormerConfig, preset

TINY = preset("tiny")
K9 = preset("tiny", window_sizes=(7, 7, 7, 9))
SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (TINY, "This variant and mine are the same"),
        (
            preset("tiny", window_sizes=(7, 7, 7, 9)),
            "All 40 blocks are in both; they are set differently in K · window",
        ),
        (preset("tiny", dw_conv=False), "All 40 blocks are in both; they are set differently in DW conv"),
        (preset("tiny", num_modules=(1, 1, 4, 2)), "6 blocks only in mine"),
        (
            preset("tiny", num_modules=(1, 1, 2, 2), num_blocks=(3, 2, 2, 2)),
            "6 blocks only in this variant, 1 block only",
        ),
        (preset("small"), "6 blocks only in mine; those in both are set differently in C · channels"),
        (preset("tiny", img_size=(256, 256)), "All 40 blocks are in both; the networks differ in image size"),
        (preset("tiny", "segmentation"), "All 40 blocks are in both; the networks differ in task"),
    ],
)
def test_the_finding_by_hand(other: HRFormerConfig, words: str) -> None:
    assert overlay_finding(TINY, Reference("mine", other)).replace(SPACE, " ").startswith(words)
