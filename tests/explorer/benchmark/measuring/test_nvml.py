"""NVML through a stand-in of its shared library, compiled here; each test asks from a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("nvml_stub.c")
_COMPILER = shutil.which("cc") or shutil.which("gcc")
_WATCH = """
import json, sys
from explorer.benchmark.measuring.nvml import process_memory_figure, watch_card
watch = watch_card(sys.argv[1])
for _ in range(int(sys.argv[2])):
    watch.begin_turn()
    watch.end_turn(10)
print(json.dumps((watch.figures() | process_memory_figure(sys.argv[1])).to_dict()))
"""


def figures_of_card(uuid, turns=1, library_path=""):
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library_path)}
    command = [sys.executable, "-c", _WATCH, uuid, str(turns)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def library_path(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="module")
def old_library_path(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("old_nvml"), "-DOLD_DRIVER")


def compiled(folder, *options):
    if _COMPILER is None:
        pytest.skip("no C compiler to build the NVML stub with")
    command = [_COMPILER, "-shared", "-fPIC", *options, "-o", folder / "libnvidia-ml.so.1", _SOURCE]
    subprocess.run(command, check=True, timeout=60)
    return folder


@pytest.mark.parametrize("uuid", ["GPU-aaaa", "aaaa"], ids=["as NVML writes it", "as torch writes it"])
def test_a_card_is_found_by_its_uuid_and_answers(uuid, library_path):
    figures = figures_of_card(uuid, turns=4, library_path=library_path)
    assert figures["values"] == {
        "energy_mj_per_img": 500 / 10,
        "power_w": 250.5,
        "clock_mhz": 1410,
        "temperature_c": 61,
        "throttled": True,
        "other_processes": 1,
        "process_memory_mib": 512,
    }
    assert figures["reasons"] == {}


def test_what_a_card_does_not_answer_is_empty_with_the_drivers_reason(library_path):
    figures = figures_of_card("GPU-bbbb", turns=2, library_path=library_path)
    assert figures["reasons"] == {
        "energy_mj_per_img": "NVML: Not Supported",
        "process_memory_mib": "the driver does not tell this process's memory",
    }
    assert figures["values"]["power_w"] == 90
    assert figures["values"]["throttled"] is False  # idle is no throttling
    assert figures["values"]["other_processes"] == 0


def test_a_card_lost_on_the_way_leaves_a_reason_and_the_other_figures(library_path):
    figures = figures_of_card("GPU-bbbb", turns=5, library_path=library_path)
    assert figures["reasons"]["power_w"] == "NVML: GPU is lost"
    assert "power_w" not in figures["values"]
    assert figures["values"]["temperature_c"] == 40


def test_an_energy_counter_that_starts_anew_within_a_turn_gives_no_energy(library_path):
    figures = figures_of_card("GPU-eeee", turns=4, library_path=library_path)  # 500, then 500 - 1,001,500, then 500 mJ
    assert figures["reasons"] == {"energy_mj_per_img": "the card's energy counter went back by 1,001,000 mJ in a turn"}
    assert "energy_mj_per_img" not in figures["values"]
    assert figures["values"]["power_w"] == 250.5


def test_an_energy_counter_that_starts_anew_between_turns_loses_nothing(library_path):
    figures = figures_of_card("GPU-eee3", turns=4, library_path=library_path)
    assert figures["values"]["energy_mj_per_img"] == 500 / 10


@pytest.mark.parametrize("uuid", ["GPU-ffff", "GPU-fff0"], ids=["listed by the host's numbers", "nobody listed"])
def test_where_the_driver_does_not_list_this_process_nobody_knows_the_others(uuid, library_path):
    figures = figures_of_card(uuid, turns=2, library_path=library_path)
    assert "other_processes" not in figures["values"]
    assert "container" in figures["reasons"]["other_processes"]
    assert figures["reasons"]["process_memory_mib"] == "the driver does not tell this process's memory"
    assert set(figures["reasons"]) == {"other_processes", "process_memory_mib"}
    assert figures["values"]["energy_mj_per_img"] == 500 / 10


@pytest.mark.parametrize("uuid", ["MIG-dddd", "dddd"], ids=["as NVML writes it", "as torch writes it"])
def test_a_slice_of_a_card_is_found_and_lacks_what_belongs_to_the_whole_card(uuid, library_path):
    figures = figures_of_card(uuid, turns=2, library_path=library_path)
    assert figures["reasons"] == dict.fromkeys(("energy_mj_per_img", "power_w"), "NVML: Not Supported")
    assert figures["values"]["process_memory_mib"] == 512
    assert figures["values"]["other_processes"] == 1


@pytest.mark.parametrize("uuid", ["GPU-dddd", "MIG-aaaa"])
def test_a_prefix_is_taken_at_its_word(uuid, library_path):
    figures = figures_of_card(uuid, library_path=library_path)
    assert set(figures["reasons"].values()) == {"NVML: Not Found"}


def test_an_old_driver_leaves_reasons_for_what_it_does_not_have_and_gives_the_rest(old_library_path):
    figures = figures_of_card("GPU-aaaa", turns=2, library_path=old_library_path)
    missing = ("throttled", "other_processes", "process_memory_mib")
    assert figures["reasons"] == dict.fromkeys(missing, "NVML: Function Not Found")
    assert figures["values"]["energy_mj_per_img"] == 500 / 10


def test_an_unknown_card_is_a_reason(library_path):
    figures = figures_of_card("GPU-cccc", library_path=library_path)
    assert figures["values"] == {}
    assert set(figures["reasons"].values()) == {"NVML: Not Found"}


def test_a_missing_library_is_a_reason():
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has the real library")
    figures = figures_of_card("GPU-aaaa")
    assert figures["values"] == {}
    assert set(figures["reasons"].values()) == {"NVML: NVML Shared Library Not Found"}
    assert len(figures["reasons"]) == 7
