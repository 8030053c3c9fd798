"""Rankings in files: they come back as they were, and what ships is what the shipped network gives."""

from pathlib import Path

import pytest

from explorer.ablation.parts import parts_of, read_part
from explorer.ablation.ranking_file import ranking_table, read_ranking, reference_ranking, write_ranking
from explorer.ablation.worth import Change, DigitsMiou, Ranked, rank
from explorer.models.trained import load_trained, trained_config


def test_a_ranking_comes_back(tmp_path: Path) -> None:
    ranking = [
        Ranked(read_part("head:2.0.1.0.1"), Change(0.75, 0.5, -0.25, -0.5, 0.125)),
        Ranked(read_part("branch:2"), Change(None, None, 0.375)),
    ]
    path = tmp_path / "ranking.csv"
    write_ranking(ranking, path)
    assert read_ranking(path) == ranking
    head = 'head:2.0.1.0.1,"Stage 2, module 1, 1/8 branch: head 2 of block 1",0.75,0.5,-0.25,-0.5,0.125'
    assert path.read_text().splitlines()[1:] == [head, "branch:2,The 1/16 branch,,,0.375,,"]


def test_an_empty_ranking_is_a_table_without_lines() -> None:
    assert ranking_table([]).empty


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("part,name\nbranch:0,x\n")
    with pytest.raises(ValueError, match=r"other\.csv is no ranking of parts: it lacks the column score"):
        read_ranking(path)


def test_the_ranking_that_ships_has_every_part_of_the_network_that_ships() -> None:
    assert [ranked.part for ranked in reference_ranking()] == list(parts_of(trained_config()))


def test_the_ranking_that_ships_is_what_its_network_gives() -> None:
    shipped = {ranked.part.text: ranked.change for ranked in reference_ranking()}
    parts = [read_part(text) for text in ("branch:3", "head:2.0.1.0.1")]
    for ranked in rank(load_trained(), parts, DigitsMiou()):
        kept = shipped[ranked.part.text]
        figures = ("before", "after", "change", "low", "high")
        # A pixel at which two classes score almost alike may change sides on another processor.
        assert [getattr(ranked.change, name) for name in figures] == pytest.approx(
            [getattr(kept, name) for name in figures], abs=2e-3
        )
