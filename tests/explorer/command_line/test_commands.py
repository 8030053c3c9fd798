"""The command line: plans from options and YAML, real tiny runs, records as files and tables, errors and exit codes."""

import csv
import io
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from explorer.benchmark.outcome import Measured
from explorer.benchmark.plan import Plan
from explorer.benchmark.running import runner as runner_module
from explorer.benchmark.running.group import GroupMeasurement
from explorer.command_line import bench, main
from explorer.command_line.keeping import RecordKeeper
from explorer.command_line.tables import RESULT_COLUMNS, Column, text_table
from explorer.models.model_ref import model_by_name
from explorer.records.store import Store, StoreError
from tests.explorer.records.examples import example_record, failed_record

TINY = ["--models", "test_resnet", "--img-size", "32", "--threads", "1"]
QUICK = ["--min-iterations", "6", "--min-seconds", "0.05", "--max-seconds", "1", "--warmup-max-seconds", "0.3"]


@pytest.fixture(autouse=True)
def store_url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    monkeypatch.chdir(tmp_path)
    return url


@pytest.fixture
def filled(store_url):
    """Three records of different models, times and outcomes."""
    records = [
        example_record(model_name="hrformer_tiny", measured_at="2025-01-01T00:00:00+00:00"),
        example_record(model_name="hrnet_w18", measured_at="2025-02-01T00:00:00+00:00", latency_ms_p50=12.34),
        failed_record(model_name="hrnet_w18", measured_at="2025-03-01T00:00:00+00:00"),
    ]
    with Store(store_url) as store:
        store.add_all(records)
    return records


def parsed_plan(*options):
    import argparse

    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    return bench.plan_of(parser.parse_args(["bench", *options]))


def test_options_give_the_same_plan_as_the_page_would():
    options = "--models hrformer_tiny,hrnet_w18 --batch-sizes 1,8 --img-size 224,256x192,own --kind training_step"
    more = "--threads 2 --precision fp32,bf16 --memory-format channels_last --compile default --min-seconds 0.5"
    expected = Plan(
        models=(model_by_name("hrformer_tiny"), model_by_name("hrnet_w18")),
        kinds=("training_step",),
        batch_sizes=(1, 8),
        img_sizes=((224, 224), (256, 192), None),
        threads=(2,),
        precisions=("fp32", "bf16"),
        memory_formats=("channels_last",),
        engines=("torch.compile",),
        compile_modes=("default",),
        method=bench.Method(min_seconds=0.5),
    )
    assert parsed_plan(*options.split(), *more.split()) == expected


def test_a_plan_file_is_read_and_options_replace_what_it_says(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("models: [hrformer_tiny]\nbatch_sizes: [1, 2]\nmethod: {min_seconds: 0.5, max_seconds: 7}\n")
    plan = parsed_plan("--plan", str(file), "--batch-sizes", "4", "--max-seconds", "9")
    assert [job.batch_size for job in plan.jobs()] == [4]
    assert (plan.method.min_seconds, plan.method.max_seconds) == (0.5, 9.0)
    assert parsed_plan("--plan", str(file)) == Plan.from_yaml(file.read_text())


def test_engines_are_named_as_everywhere_else():
    plan = parsed_plan("--models", "hrformer_tiny", "--engines", "eager, ONNX Runtime")
    assert [job.engine for job in plan.jobs()] == ["eager", "ONNX Runtime"]


def test_the_quick_plan_is_one_of_each_family():
    plan = parsed_plan("--quick", "--threads", "2")
    assert [model.name for model in plan.models] == ["hrformer_tiny", "hrnet_w18", "deit_tiny_patch16_224"]
    assert plan.threads == (2,)


def test_a_run_shows_its_plan_stores_its_records_and_shows_them(capsys, store_url):
    assert main(["bench", *TINY, *QUICK, "--batch-sizes", "2"]) == 0
    shown = capsys.readouterr()
    assert "1 job, about" in shown.out
    assert "p50 ms" in shown.out
    assert "img/s" in shown.out
    assert "test_resnet, inference, batch 2, 32x32: p50" in shown.err
    with Store(store_url) as store:
        stored = list(store.records())
    assert [(record.model_name, record.batch_size, record.status) for record in stored] == [
        ("test_resnet", 2, "ok"),
    ]


def test_a_dry_run_measures_nothing(capsys, store_url):
    assert main(["bench", *TINY, "--dry-run"]) == 0
    assert "1 job, about" in capsys.readouterr().out
    with Store(store_url) as store:
        assert store.count() == 0


def test_a_dry_run_says_what_cannot_fit(capsys, store_url, monkeypatch):
    monkeypatch.setattr(runner_module, "available_mib", lambda device: 100.0)
    assert main(["bench", *TINY, "--dry-run"]) == 2
    assert "100 MiB are free" in capsys.readouterr().err
    assert main(["bench", *TINY, "--dry-run", "--force"]) == 0


def test_a_dry_run_refuses_what_the_real_run_refuses(capsys, monkeypatch, tmp_path):
    absent = ["bench", "--models", "test_resnet", "--img-size", "32", "--device", "cuda:9"]
    for options in ([], ["--force"]):
        for dry in ([], ["--dry-run"]):
            assert main([*absent, *options, *dry]) == 2
            assert "no device cuda:9" in capsys.readouterr().err
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path}")  # a folder
    for dry in ([], ["--dry-run"]):
        assert main(["bench", *TINY, *dry]) == 1
        assert "cannot be opened" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "export FILE",
        "export FILE --timm",
        "claims --csv FILE",
        "claims --measure --growth FILE",
        "profile --output FILE",
        "ablate --output FILE",
        "train-ablation --csv FILE",
        "train-ablation --predictions FILE",
        "onnx FILE --model hrformer_base",
    ],
)
def test_an_output_that_cannot_be_written_is_known_before_the_work(capsys, filled, tmp_path, monkeypatch, command):
    monkeypatch.setattr(torch.nn.Module, "__call__", lambda *_: pytest.fail("a network was run"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_arguments, **_options: pytest.fail("a process was started"))
    for file, sentence in (("missing/out", "missing is no folder: make it"), (str(tmp_path), "is a folder: name a")):
        assert main(command.replace("FILE", file).split()) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
    assert not (tmp_path / "missing").exists()


def test_a_terminal_without_a_sign_shows_another_and_an_export_keeps_it(store_url):
    with Store(store_url) as store:
        store.add(example_record(model_name="modèle"))
    ascii_terminal = {**os.environ, "PYTHONIOENCODING": "ascii"}

    def said(*command):
        run = subprocess.run(
            [sys.executable, "-m", "explorer", *command], env=ascii_terminal, capture_output=True, check=True
        )
        return run.stdout

    assert b"mod?le" in said("list")
    assert "modèle" in said("export", "-").decode("utf-8")
    assert b"reproduced" in said("claims")


def test_what_cannot_fit_is_refused_and_forced_it_fails(capsys, store_url, monkeypatch):
    monkeypatch.setattr(runner_module, "available_mib", lambda device: 100.0)
    assert main(["bench", *TINY, *QUICK]) == 2
    assert "100 MiB are free" in capsys.readouterr().err
    monkeypatch.setattr(GroupMeasurement, "measure", lambda self: iter([Measured(self._group[0], failed_record())]))
    assert main(["bench", *TINY, *QUICK, "--force"]) == 1
    shown = capsys.readouterr()
    assert "out_of_memory" in shown.out
    assert "1 of 1 jobs failed" in shown.err
    with Store(store_url) as store:
        assert store.distinct("status") == ["out_of_memory"]


def test_a_record_that_the_store_refuses_in_the_middle_is_kept_beside_and_can_be_imported(
    capsys, store_url, monkeypatch, tmp_path
):
    def full(store, record):
        raise StoreError("The store has no space left.")

    monkeypatch.setattr(GroupMeasurement, "measure", lambda self: iter([Measured(self._group[0], example_record())]))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", full)
        assert main(["bench", *TINY, *QUICK]) == 1
    (file,) = tmp_path.glob("unstored-*.csv")
    shown = capsys.readouterr()
    assert f"The store has no space left. 1 record went to {file}" in shown.err
    assert main(["import", str(file)]) == 0
    with Store(store_url) as store:
        assert store.distinct("model_name") == ["hrformer_tiny"]


def test_refused_records_go_to_the_first_folder_that_takes_them(tmp_path):
    class Refusing:
        def add(self, record):
            raise StoreError("Full.")

    keeper = RecordKeeper(Refusing(), (tmp_path / "missing", tmp_path), "spare.csv")
    assert keeper.problem() is None
    keeper.keep(example_record())
    keeper.keep(example_record())
    assert f"2 records went to {tmp_path / 'spare.csv'}" in keeper.problem()
    assert len((tmp_path / "spare.csv").read_text().splitlines()) == 3
    nowhere = RecordKeeper(Refusing(), (tmp_path / "missing",), "spare.csv")
    nowhere.keep(example_record())
    assert "1 record could not be kept" in nowhere.problem()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("bench --models hrformer_tin", "no model called 'hrformer_tin': use hrformer_tiny"),
        ("bench", "Nothing to measure"),
        ("bench --plan plan.yaml", "plan.yaml cannot be read or written: No such file"),
        ("bench --plan a.yaml --quick", "give one of them"),
        ("bench --models test_resnet --batch-sizes x", "'x' is no whole number"),
        ("bench --models test_resnet --img-size 1x2x3", "is no image size"),
        ("bench --models test_resnet --precision fp13", "precision = 'fp13' is not legal"),
        ("bench --models test_resnet --device cuda:9", "no device cuda:9"),
        ("bench --models test_resnet --min-seconds 99", "is above max_seconds"),
        ("bench --models test_resnet --accelerator A100", "give --ray ADDRESS"),
        ("export out.csv", "is empty: measure something"),
        ("import missing.csv", "missing.csv cannot be read or written: No such file"),
        ("list --since yesterday", "'yesterday' is no date or time"),
        ("list --since 0001-01-01T00:00+14:00", "is no date or time"),
        ("export x.csv --until 9999-12-31T23:59-14:00", "is no date or time"),
        ("list --batch-size 99999999999999999999", "'99999999999999999999' has more than 18 digits"),
        ("list --threads " + "9" * 5000, "has more than 18 digits"),
        ("list --limit 99999999999999999999", "has more than 18 digits"),
        ("list --batch-size 1_0", "'1_0' is no whole number"),
        ("list --batch-size 999999999999999999", "No record matches these options"),
        ("list --status fine", "invalid choice: 'fine'"),
        ("list --limit 0", "whole number above 0"),
        ("", "required: COMMAND"),
    ],
)
def test_bad_input_is_one_sentence(capsys, command, sentence):
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_store_that_cannot_be_opened_is_one_sentence(capsys, monkeypatch, tmp_path):
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to be looked at " * 10)
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'text.sqlite'}")
    assert main(["list"]) == 1
    error = capsys.readouterr().err
    assert "damaged or not a database" in error
    assert error.count("\n") == 1


def test_list_shows_the_selection_with_units(capsys, filled):
    assert main(["list", "--model", "hrnet_w18"]) == 0
    shown = capsys.readouterr().out
    assert "12.3" in shown
    assert "out_of_memory: tried to allocate 9 GiB" in shown
    assert "hrformer_tiny" not in shown
    assert main(["list", "--since", "2025-01-15", "--until", "2025-02-15T12:00"]) == 0
    assert "2025-02-01" in capsys.readouterr().out
    assert main(["list", "--limit", "1"]) == 0
    shown = capsys.readouterr()
    assert "2025-03-01" in shown.out
    assert "2025-02-01" not in shown.out
    assert "the newest 1 of 3 records" in shown.err
    assert main(["list", "--model", "nobody"]) == 2
    assert "hrformer_tiny, hrnet_w18" in capsys.readouterr().err


def test_export_and_import_bring_a_selection_to_another_store(capsys, filled, monkeypatch, tmp_path):
    assert main(["export", "out.csv", "--model", "hrnet_w18", "--status", "ok"]) == 0
    assert capsys.readouterr().err == "Wrote 1 record to out.csv.\n"
    other = f"sqlite:///{tmp_path / 'other.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", other)
    assert main(["import", "out.csv"]) == 0
    assert main(["import", "out.csv"]) == 0
    assert "Added 0 records" in capsys.readouterr().err
    with Store(other) as store:
        assert list(store.records()) == [filled[1]]


def test_export_with_timms_columns_goes_to_standard_output(capsys, filled):
    assert main(["export", "-", "--timm"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["model"], row["infer_batch_size"]) for row in rows] == [("hrformer_tiny", "8"), ("hrnet_w18", "8")]


def test_an_import_that_fails_adds_nothing(capsys, filled, store_url, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    assert main(["import", "bad.csv"]) == 2
    assert "The columns are not those of an export" in capsys.readouterr().err
    with Store(store_url) as store:
        assert store.count() == 3


def test_tables_say_once_what_all_rows_share():
    columns = [
        Column("name", lambda row: row["name"]),
        Column("ms", lambda row: row["ms"], numeric=True),
        Column("device", lambda row: "cpu", shared=True),
        Column("nothing", lambda row: ""),
    ]
    rows = [{"name": "long name", "ms": "5"}, {"name": "b", "ms": "12.5"}]
    assert text_table(columns, rows) == "All: device cpu\nname         ms\nlong name     5\nb          12.5"


def test_what_ran_beside_stands_in_the_table_where_anything_did():
    alone, other = example_record(ran_beside="nothing"), example_record(ran_beside="1 training")
    assert "ran beside" not in text_table(RESULT_COLUMNS, map(vars, [alone, example_record(ran_beside=None)]))
    heading, first, second = text_table(RESULT_COLUMNS, map(vars, [alone, other])).splitlines()[1:]
    place = heading.index("ran beside")
    assert second[place:].startswith("1 training  ")
    assert first[place:].startswith(" " * len("1 training"))


def test_the_process_cancels_on_ctrl_c_and_leaves_no_process(tmp_path):
    endless = ["--min-seconds", "900", "--max-seconds", "900", "--interval-target", "0.000001"]
    command = [sys.executable, "-m", "explorer", "bench", *TINY, *endless]
    # A shell that runs the tests in the background lets them ignore Ctrl-C, which the child would inherit.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, ours)
    deadline = time.monotonic() + 120
    while not (children := _children(process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)  # beyond its start
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip().endswith("Cancelled: what was measured before is stored.")
    assert "Traceback" not in error
    assert not any(_is_alive(pid) for pid in children)
    with Store() as store:
        assert store.distinct("status") == ["cancelled"]


def _children(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_backup_holds_the_stores_records(filled, tmp_path, capsys):
    assert main(["backup", str(tmp_path / "copy.sqlite")]) == 0
    assert "with 3 records to" in capsys.readouterr().err
    with Store(f"sqlite:///{tmp_path / 'copy.sqlite'}") as copy:
        assert {record.record_id for record in copy.records()} == {record.record_id for record in filled}
    assert main(["backup", str(tmp_path / "copy.sqlite")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
