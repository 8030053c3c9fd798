"""`ablate`: the page's table as text and CSV, with clear refusals."""

import json

import pandas as pd
import pytest

from explorer.command_line import main
from explorer.command_line.ablate import variant_of
from explorer.records.store import Store
from hrformer import preset
from tests.explorer.ablation.examples import TINY


@pytest.fixture(autouse=True)
def store_url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    monkeypatch.chdir(tmp_path)
    return url


def test_cost_fields_and_leak_as_table_and_csv(capsys, tmp_path, store_url):
    options = ["--variant", TINY.to_json(), "--switches", "dw_conv,windows", "--no-latency", "--output", "found.csv"]
    assert main(["ablate", *options]) == 0
    shown = capsys.readouterr().out
    assert "without DW conv" in shown
    assert "0 % (−100.0 %)" in shown  # the leak
    table = pd.read_csv(tmp_path / "found.csv")
    assert table["arm"].tolist() == ["reference", "without DW conv", "global attention"]
    assert table["effective_side_px"].notna().all()
    assert json.loads(table["config"][1])["dw_conv"] is False


def test_latencies_are_measured_in_turns_and_stored(capsys, store_url):
    options = ["--variant", TINY.to_json(), "--no-fields", "--min-seconds", "0.05", "--threads", "1"]
    assert main(["ablate", *options]) == 0
    assert "Latency" in capsys.readouterr().out
    with Store(store_url) as store:
        stored = {record.config["dw_conv"]: record for record in store.records()}
    assert set(stored) == {True, False}
    assert all(record.status == "ok" for record in stored.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--variant", "huge"], "variant = 'huge' is not known: use tiny, small, base"),
        (["--variant", "missing.json"], "missing.json cannot be read"),
        (["--variant", "{"], "no JSON"),
        (["--switches", "colour"], "use dw_conv, dw_1x1"),
        (["--switches", ""], "choose at least one"),
        (["--switches", "windows", "--img-size", "1024"], "at most 512 pixels"),
        (["--heads", "5"], "nearest legal value is 20 channels"),
        (["--stage", "1"], "use 2 to 4"),
        (["--window-sizes", "seven"], "no whole number"),
        (["--output", "nowhere/found.csv"], "nowhere is no folder: make it, or name"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(capsys, options, words):
    assert main(["ablate", "--no-latency", *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_variant_is_a_preset_a_file_or_json(tmp_path):
    (tmp_path / "variant.json").write_text(TINY.to_json())
    assert variant_of("small") == preset("small")
    assert variant_of("hrformer_base_pose") == preset("base", "pose")
    assert variant_of("variant.json") == variant_of(TINY.to_json()) == TINY
    assert variant_of("tiny", 96).img_size == (96, 96)
