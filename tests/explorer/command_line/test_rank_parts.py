"""`rank-parts`: what it prints and writes."""

from pathlib import Path

import pytest

from explorer.ablation.parts import parts_of
from explorer.ablation.ranking_file import read_ranking
from explorer.command_line import main
from explorer.models.trained import trained_config


def test_branches_are_ranked_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ranking.csv"
    assert main(["rank-parts", "--kinds", "branch", "--pictures", "4", "--csv", str(path)]) == 0
    ranking = read_ranking(path)
    assert [ranked.part for ranked in ranking] == list(parts_of(trained_config(), ["branch"]))
    lines = capsys.readouterr().out.splitlines()
    assert "95 % interval" in lines[0]
    worst = min(ranking, key=lambda ranked: ranked.change.change)
    assert lines[1].startswith(worst.part.text)
    assert f"{worst.change.change:+.4f}" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kinds", "leg"], "--kinds leg is not known: use some of branch, block"),
        (["--pictures", "0"], "0 canvases"),
        (["--csv", "no/such/folder/ranking.csv"], "no/such/folder"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank-parts", *arguments]) == 2
    assert said in capsys.readouterr().err
