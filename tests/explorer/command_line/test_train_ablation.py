"""`train-ablation`: what it refuses, in one sentence, before anything is trained."""

import numpy as np
import pytest

from explorer.ablation import predictions
from explorer.ablation.predictions import masks_path, reference_predictions
from explorer.ablation.run import AblationRun
from explorer.command_line import main
from explorer.command_line.arguments import listed, whole_number
from explorer.command_line.train_ablation import _write_predictions
from explorer.pictures.digits import make_canvases
from tests.explorer.ablation.tiny import example_training, tiny_plan


@pytest.fixture(autouse=True)
def store_url(tmp_path, monkeypatch):
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--arms", "5x5"], "arm = '5x5' is not known: use one of 3x3, none, 1x1."),
        (["--seeds", "1,1"], "seed 1 is there twice: name each once."),
        (["--seeds", "one"], "'one' is no whole number"),
        (["--steps", "0"], "steps = 0 is outside 1 to 100000."),
        (["--processes", "0"], "--processes 0 trains nothing: use at least 1."),
        (["--max-minutes", "2"], "9 trainings of 600 steps, about 14 min, but 2 min are allowed: use fewer seeds"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(options, sentence, capsys) -> None:
    assert main(["train-ablation", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_predictions_of_finished_arms_are_written_and_their_lack_is_said(tmp_path, monkeypatch, capsys) -> None:
    plan = tiny_plan()
    known = [
        example_training(job.arm, job.seed, variant=job.variant.to_dict(), recipe=job.recipe.to_dict())
        for job in plan.jobs()
    ]
    run = AblationRun(plan, tmp_path, lambda record: None, resume=True, known=known)
    file = tmp_path / "predictions.npz"
    _write_predictions(run, tmp_path, file)
    assert not file.exists()
    assert "No seed has predictions of all arms: nothing was written." in capsys.readouterr().err
    labels = make_canvases("test", plan.recipe.test_canvases, plan.jobs()[0].side).labels
    for job in plan.jobs():
        np.savez_compressed(masks_path(tmp_path, job), classes=labels)
    _write_predictions(run, tmp_path, file)
    monkeypatch.setattr(predictions, "REFERENCE_PATH", file)
    assert reference_predictions().masks.keys() == {"3x3", "none"}


def test_lists_are_read_with_blanks() -> None:
    assert listed(str)("3x3, none") == ["3x3", "none"]
    assert listed(whole_number)("0, 12") == [0, 12]
