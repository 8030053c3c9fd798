"""`profile`: two tiny models from the command line to a file, and what is refused before anything starts."""

import pytest

from explorer.benchmark.profile_file import read_profiles
from explorer.command_line import main


def test_two_models_are_compared_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("explorer.processes.neighbours.busy_groups", lambda own: [(1, "training")])
    path = tmp_path / "profiles.json"
    options = "--models test_resnet,test_efficientnet --batch-sizes 2 --img-size 32 --threads 1 --sweeps 1"
    assert main(["profile", *options.split(), "--output", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "Not profiled alone: beside 1 training." in err
    assert "launch and Python" in out
    assert "test_resnet: " in out
    assert "of test_efficientnet's MACs" in out
    run = read_profiles(path)
    assert [(profile.model_name, profile.batch_size) for profile in run.profiles] == [
        ("test_resnet", 2),
        ("test_efficientnet", 2),
    ]
    assert run.place.threads == 1
    assert run.ran_beside == "1 training"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--models", "hrnet_w19"], "There is no model called 'hrnet_w19'"),
        (["--sweeps", "0"], "Nothing to profile"),
        (["--models", ""], "Nothing to profile"),
        (["--device", "cuda:7"], "This machine has no device cuda:7"),
        (["--img-size", "2x2x2"], "'2x2x2' is no image size"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(options, sentence, capsys):
    assert main(["profile", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_model_that_fails_is_named(capsys):
    options = "--models hrnet_w18_small --batch-sizes 1 --img-size 40 --sweeps 1"  # not halved evenly five times
    assert main(["profile", *options.split()]) == 2
    assert "There is no profile: hrnet_w18_small: RuntimeError" in capsys.readouterr().err
