"""Profiles as a file: a round trip, what is refused, and the file that ships."""

import json
from datetime import datetime

import pytest

from explorer.benchmark.outcome import Place
from explorer.benchmark.plan import Job
from explorer.benchmark.profile import Profile, ProfileRow
from explorer.benchmark.profile_file import ProfiledRun, read_profiles, reference_profiles, write_profiles
from explorer.models.model_ref import model_by_name

ROWS = (
    ProfileRow("stage 2", 0, "FFN 1x1", "convolution", 1.25, 60),
    ProfileRow("head", None, "head", "launch and Python", 0.5, 0),
)
JOB = Job(model=model_by_name("hrformer_tiny"), img_size=(224, 224))
PLACE = Place.here(JOB)


@pytest.fixture
def path(tmp_path):
    profile = Profile("hrformer_tiny", 8, (224, 192), 1.5, ROWS)
    run = ProfiledRun("2026-11-26T03:00:00+00:00", PLACE, (profile, profile), "1 training")
    write_profiles(run, tmp_path / "profiles.json")
    return tmp_path / "profiles.json"


def test_a_round_trip(path):
    run = read_profiles(path)
    assert run.profiles[0] == run.profiles[1] == Profile("hrformer_tiny", 8, (224, 192), 1.5, ROWS)
    assert run.measured_at == "2026-11-26T03:00:00+00:00"
    assert run.place == PLACE
    assert run.ran_beside == "1 training"
    json.loads(path.read_text())  # plain JSON, though laid out a row a line
    assert path.read_text().count("\n") > 2 * len(ROWS)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1.25, 60", "-1.25, 60", "time_ms = -1.25 is not legal"),
        ("1.25, 60", "Infinity, 60", "time_ms = inf is not legal"),
        ('"convolution"', '"magic"', "operator = 'magic' is not legal: use one of linear, convolution"),
        ("1.25, 60", '1.25, "sixty"', "macs = 'sixty' is not legal"),
        ('"batch_size": 8, ', "", "KeyError: 'batch_size'"),
        ("[224, 192]", "[224]", "ValueError: not enough values"),
        ('"measured_at"', '"when"', "KeyError: 'measured_at'"),
        ("]}", "", "JSONDecodeError"),
        ('"1 training"', "1", "ran_beside = 1 is not legal"),
    ],
)
def test_what_is_no_such_file_is_one_sentence(path, old, new, words):
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"profiles.json holds no profiles .* make it again") as error:
        read_profiles(path)
    assert words in str(error.value)


def test_a_file_of_an_earlier_version_does_not_say_that_it_was_taken_alone(path):
    path.write_text(path.read_text().replace(', "ran_beside": "1 training"', ""))
    assert read_profiles(path).ran_beside is None


def test_the_file_that_ships_says_where_and_when():
    run = reference_profiles()
    assert run is not None
    models = ["hrformer_base", "deit_base_patch16_224", "hrnet_w48"]
    assert [(profile.model_name, profile.batch_size) for profile in run.profiles] == [(name, 1) for name in models]
    assert datetime.fromisoformat(run.measured_at).tzinfo is not None
    assert run.place.device_name
    assert run.place.threads == 2
    assert run.place.environment["packages"]["torch"].startswith("2.")
