"""`train-ablation`: what it refuses, in one sentence, before anything is trained."""

import pytest

from explorer.command_line import main
from explorer.command_line.train_ablation import _names, _numbers


@pytest.fixture(autouse=True)
def store_url(tmp_path, monkeypatch):
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--arms", "5x5"], "arm = '5x5' is not known: use one of 3x3, none, 1x1."),
        (["--seeds", "1,1"], "seed 1 is there twice: name each once."),
        (["--seeds", "one"], "'one' is no list of whole numbers"),
        (["--steps", "0"], "steps = 0 is outside 1 to 100000."),
        (["--processes", "0"], "--processes 0 trains nothing: use at least 1."),
        (["--max-minutes", "2"], "9 trainings of 600 steps, about 14 min, but 2 min are allowed: use fewer seeds"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(options, sentence, capsys) -> None:
    assert main(["train-ablation", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_lists_are_read_with_blanks() -> None:
    assert _names("3x3, none") == ["3x3", "none"]
    assert _numbers("0, 12") == [0, 12]
