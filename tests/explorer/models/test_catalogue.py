"""One table of networks: what it says agrees with timm, with the presets, with the published rows and with itself."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import timm

from explorer.charts.theme import FAMILY_COLOURS, FAMILY_SYMBOLS
from explorer.models.catalogue import (
    BY_DISPLAY_NAME,
    BY_NAME,
    DENSE_BASELINES,
    FAMILIES,
    HRFORMER_PRESETS,
    NETWORKS,
    PAPER_NAMES,
    Network,
    display_name,
    family_of,
)
from explorer.records.published import load_published
from hrformer import PRESETS, TASKS, preset

ROOT = Path(__file__).parents[3]

WITHOUT_TORCH = """
import sys
import explorer.models.catalogue
print(sorted({"torch", "timm", "pandas", "streamlit"} & set(sys.modules)))
"""


def test_naming_a_network_imports_nothing_heavy() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT_TORCH]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT).stdout
    assert said == "[]\n"


def test_names_are_unique_whichever_one_reads() -> None:
    assert len(BY_NAME) == len(BY_DISPLAY_NAME) == len(NETWORKS)


def test_presets_are_named_by_size_and_task() -> None:
    assert HRFORMER_PRESETS["hrformer_base"] == preset("base")
    assert HRFORMER_PRESETS["hrformer_small_pose"] == preset("small", "pose")
    assert len(HRFORMER_PRESETS) == len(PRESETS) * len(TASKS) == 9
    assert PAPER_NAMES == {"tiny": "HRFormer-T", "small": "HRFormer-S", "base": "HRFormer-B"}


def test_what_is_no_preset_is_timms_or_has_a_backbone_of_timms() -> None:
    made_by_timm = [network for network in NETWORKS if network.preset is None]
    assert all(timm.is_model(network.dense.backbone if network.dense else network.name) for network in made_by_timm)
    assert set(DENSE_BASELINES) == {network.name for network in made_by_timm if network.task != "classification"}
    for network in made_by_timm:
        assert network.dense is None or network.family == family_of(network.dense.backbone)


@pytest.mark.parametrize("network", [network for network in NETWORKS if network.published], ids=lambda n: n.name)
def test_each_published_row_is_one_of_the_authors_and_of_the_same_family(network: Network) -> None:
    table = load_published("classification")
    rows = table[table["kind"].str.startswith("published") & (table["model"] == network.published)]
    assert list(rows["family"]) == [network.family]
    assert list(rows["img_size"]) == [224]
    assert network.task == "classification"


def test_every_family_has_a_colour_and_a_symbol_and_there_is_no_second_table_of_either() -> None:
    assert tuple(FAMILY_COLOURS) == tuple(FAMILY_SYMBOLS) == FAMILIES
    assert len(set(FAMILY_COLOURS.values())) == len(set(FAMILY_SYMBOLS.values())) == len(FAMILIES)
    coloured = re.compile(rf'"({"|".join(FAMILIES)})": *("#|[A-Z_]*COLOUR)')
    tables = [path.name for path in (ROOT / "explorer").rglob("*.py") if coloured.search(path.read_text())]
    assert tables == ["theme.py"]


@pytest.mark.parametrize(
    ("name", "shown", "family"),
    [
        ("hrformer_base", "HRFormer-B", "HRFormer"),
        ("hrformer_small_segmentation", "HRFormer-S (segmentation)", "HRFormer"),
        ("hrformer_0123abcd", "hrformer_0123abcd", "HRFormer"),
        ("hrnet_w48", "HRNet-W48", "HRNet"),
        ("hrnet_w48_pose", "HRNet-W48 (pose)", "HRNet"),
        ("hrnet_w32_ocr", "HRNet-W32 (segmentation)", "HRNet"),
        ("swin_base_pose", "Swin-B (pose)", "Swin"),
        ("hrnet_w48_ssld", "hrnet_w48_ssld", "HRNet"),
        ("deit_tiny_patch16_224", "DeiT-Ti", "DeiT"),
        ("deit_base_distilled_patch16_224", "deit_base_distilled_patch16_224", "DeiT"),
        ("deit_base_patch16_384", "deit_base_patch16_384", "DeiT"),
        ("swin_small_patch4_window7_224", "Swin-S", "Swin"),
        ("vit_tiny_patch16_224", "vit_tiny_patch16_224", "ViT"),
        ("resnet50", "resnet50", "other"),
        ("levit_128", "levit_128", "other"),
        ("OCRNet HRFormer-B", "OCRNet HRFormer-B", "HRFormer"),
    ],
)
def test_names_and_families(name: str, shown: str, family: str) -> None:
    assert (display_name(name), family_of(name)) == (shown, family)


def test_a_variant_is_an_hrformer_whatever_a_person_calls_it() -> None:
    assert family_of("faster than swin", "hrformer") == "HRFormer"
    assert family_of("faster than swin", "timm") == "Swin"
