from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from explorer.comparison.published import FOLDER, load_published, published_speeds
from explorer.records.store import Store
from tests.explorer.records.examples import example_record

NAMES = sorted(path.stem for path in FOLDER.glob("*.csv"))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_marked_and_has_a_source(name: str) -> None:
    table = load_published(name)
    assert len(table) > 0
    assert (table["origin"] == "published").all()
    assert table["source"].str.len().min() > 5


def test_all_files_are_known() -> None:
    assert len(NAMES) == 8


def test_known_figures_of_the_paper() -> None:
    table = load_published("classification").set_index("model")
    assert list(table.loc[["HRFormer-T", "HRFormer-S", "HRFormer-B"], "top1"]) == [78.6, 81.2, 82.8]
    assert table["img_size"].dtype == "Int64"
    assert load_published("inference_benchmarks")["cuda_version"].isin(["13.0"]).any()  # a text, not 13.0 or 13


def test_speeds_speak_the_records_language() -> None:
    speeds = published_speeds()
    known = set(example_record().__dataclass_fields__) | {
        *("task", "latency_ms_mean", "params_m", "fvcore_macs_g", "source", "origin")
    }
    assert set(speeds.columns) <= known
    on_a100 = speeds[(speeds["device_name"] == "1x A100") & (speeds["img_height"] == 256)].set_index("model_name")
    assert on_a100.loc["HRFormer-B", "throughput_img_s"] == 158
    assert on_a100.loc["HRNet-W48", "throughput_img_s"] == 649
    assert on_a100.loc["HRNet-W48", "img_width"] == 192
    crops = speeds[speeds["task"] == "Cityscapes segmentation"]
    assert crops["img_height"].isna().all()
    assert crops["device_name"].isna().all()


def test_batches_of_published_speeds_agree_with_their_times() -> None:
    speeds = published_speeds()
    timed = speeds[speeds["latency_ms_mean"].notna()]
    throughput = 1000 * timed["batch_size"].astype(float) / timed["latency_ms_mean"]
    assert (throughput / timed["throughput_img_s"]).between(0.9, 1.1).mean() > 0.99


def test_measured_and_published_stay_apart_in_one_table(sqlite_store: Store) -> None:
    sqlite_store.add(example_record())
    together = pd.concat([sqlite_store.query(), published_speeds()])
    assert dict(together["origin"].value_counts()) == {"measured": 1, "published": len(published_speeds())}


def test_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'speed' is not a table of published figures: use one of classification"):
        load_published("speed")
    with pytest.raises(ValueError, match=r"pose.csv are missing in .*: restore the folder"):
        load_published("pose", tmp_path)
    (tmp_path / "ablation.csv").write_text("study,value,source\nTable 7,1.5,\n")
    with pytest.raises(ValueError, match=r"ablation.csv names no source"):
        load_published("ablation", tmp_path)
    (tmp_path / "architecture.csv").write_text("model,head_dim,source\nT,eighteen,paper\n")
    with pytest.raises(ValueError, match=r"architecture.csv cannot be read"):
        load_published("architecture", tmp_path)
