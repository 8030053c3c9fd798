"""Published speeds beside records: the same words, never taken for measured ones."""

from __future__ import annotations

import pandas as pd

from explorer.comparison.published_speeds import published_speeds
from explorer.records.store import Store
from tests.explorer.records.examples import example_record


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
