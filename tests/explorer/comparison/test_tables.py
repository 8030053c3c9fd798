"""Comparisons: hand-made tables whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.comparison.tables import (
    CONDITIONS,
    comparison_table,
    device_peak,
    newest_records,
    pareto_front,
    published_series,
    series_of,
    setups_of,
    with_ratio,
    with_roofline,
    without_engine,
)
from explorer.models.accuracy import published_accuracy
from explorer.records.store import Store
from tests.explorer.records.examples import example_record, failed_record


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """SQLite is enough: the tables are the same on every database."""
    return sqlite_store


def table_of(store: Store) -> pd.DataFrame:
    return comparison_table(newest_records(store.query()), published_accuracy())


def at(second: int, **changes: object) -> object:
    return example_record(measured_at=f"2026-11-22T10:00:{second:02d}+00:00", **changes)


def test_only_the_newest_timed_record_of_a_condition_counts(store: Store) -> None:
    store.add_all(
        [
            at(1, latency_ms_p50=9.0),
            at(3, latency_ms_p50=7.0),
            at(2, latency_ms_p50=8.0),
            at(2, latency_ms_p50=5.0, batch_size=4),
            at(2, latency_ms_p50=6.0, threads=1),
            failed_record(measured_at="2026-11-22T10:00:04+00:00"),
        ]
    )
    newest = newest_records(store.query())
    assert sorted(newest["latency_ms_p50"]) == [5.0, 6.0, 7.0]


def test_equal_conditions_with_empty_values_are_equal(store: Store) -> None:
    store.add_all([at(1, threads=None, latency_ms_p50=9.0), at(2, threads=None, latency_ms_p50=7.0)])
    assert list(newest_records(store.query())["latency_ms_p50"]) == [7.0]


def test_a_ratio_never_crosses_conditions(store: Store) -> None:
    store.add_all(
        [
            at(1, model_name="hrnet_w48", batch_size=1, latency_ms_p50=10.0, threads=None),
            at(1, model_name="hrformer_base", batch_size=1, latency_ms_p50=25.0, threads=None),
            at(1, model_name="hrformer_base", batch_size=8, latency_ms_p50=99.0, threads=None),
            at(1, model_name="hrformer_base", batch_size=1, latency_ms_p50=50.0, threads=None, hostname="bench-2"),
            at(1, model_name="hrformer_base", batch_size=1, latency_ms_p50=60.0, threads=4),
            at(1, model_name="hrformer_base", batch_size=1, latency_ms_p50=70.0, threads=None, precision="bf16"),
        ]
    )
    table = with_ratio(table_of(store), "HRNet-W48")
    by_latency = table.set_index("latency_ms_p50")
    assert by_latency.loc[25.0, "latency_ratio"] == pytest.approx(2.5)
    assert by_latency.loc[10.0, "latency_ratio"] == 1
    assert by_latency.loc[[99.0, 50.0, 60.0, 70.0], "latency_ratio"].isna().all()


def test_ratios_to_a_baseline_that_was_not_measured_are_empty(store: Store) -> None:
    store.add(at(1))
    assert with_ratio(table_of(store), "DeiT-B")["latency_ratio"].isna().all()


def test_derived_figures_by_hand(store: Store) -> None:
    store.add_all(
        [
            at(1, batch_size=8, latency_ms_p50=20.0),
            at(1, device="cuda", batch_size=8, latency_ms_p50=20.0, peak_allocated_mib=77.0, reasons=cuda_reasons()),
        ]
    )
    table = table_of(store).set_index("device")
    assert list(table["latency_ms_per_img"]) == [2.5, 2.5]
    assert dict(table["peak_memory_mib"]) == {"cpu": 512.5, "cuda": 77.0}
    assert set(table["model"]) == {"HRFormer-T"}


def cuda_reasons() -> dict[str, str]:
    reasons = dict(example_record().reasons)
    del reasons["peak_allocated_mib"]
    return reasons


def test_a_name_of_two_configurations_is_told_apart(store: Store) -> None:
    store.add_all([at(1, model_name="mine", config={"a": 1}), at(2, model_name="mine", config={"a": 2}), at(3)])
    models = set(table_of(store)["model"])
    assert len(models) == 3
    assert all(model.startswith("mine ") or model == "HRFormer-T" for model in models)


def test_engines_are_compared_under_one_setup_and_each_is_named(store: Store) -> None:
    compiled = {"engine": "torch.compile", "compile_mode": "max-autotune"}
    store.add_all(
        [
            at(1, latency_ms_p50=9.0),
            at(1, latency_ms_p50=6.0, engine="optimised eager"),
            at(1, latency_ms_p50=3.0, engine="ONNX Runtime"),
            at(1, latency_ms_p50=4.0, **compiled),
        ]
    )
    assert len(setups_of(store.groups([*CONDITIONS, "model_name"]))) == 1
    ratios = with_ratio(table_of(store), "HRFormer-T").set_index("model")["latency_ratio"]
    assert dict(ratios.round(4)) == {
        "HRFormer-T": 1,
        "HRFormer-T · optimised eager": 0.6667,
        "HRFormer-T · ONNX Runtime": 0.3333,
        "HRFormer-T · torch.compile, max-autotune": 0.4444,
    }
    assert list(without_engine(table_of(store))) == ["HRFormer-T"] * 4


def test_published_accuracy_is_joined_only_at_its_own_image_size(store: Store) -> None:
    store.add_all(
        [
            at(1, img_height=224, img_width=224),
            at(1, img_height=256, img_width=192),
            at(1, img_height=224, img_width=224, model_name="hrnet_w48"),
            at(1, img_height=224, img_width=224, model_name="hrformer_tiny_pose"),
        ]
    )
    table = table_of(store)
    accuracy = {(row.model, row.img_height): row.top1_percent for row in table.itertuples()}
    assert accuracy[("HRFormer-T", 224)] == 78.6  # the authors' table
    assert accuracy[("HRNet-W48", 224)] == 79.3
    assert np.isnan(accuracy[("HRFormer-T", 256)])
    assert np.isnan(accuracy[("HRFormer-T (pose)", 224)])
    assert table["accuracy_source"].notna().sum() == 2


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25)


@settings(deadline=None, max_examples=100)
@given(points)
def test_the_front_is_exactly_what_nothing_beats(pairs: list[tuple[int, int]]) -> None:
    def beaten(cost: int, value: int) -> bool:
        return any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in pairs)

    costs, values = zip(*pairs, strict=True)
    assert list(pareto_front(costs, values)) == [not beaten(cost, value) for cost, value in pairs]


def test_points_without_a_figure_are_not_on_the_front() -> None:
    assert list(pareto_front([1, np.nan, 2], [5, 9, np.nan])) == [True, False, False]
    assert len(pareto_front([], [])) == 0


def test_the_peak_is_the_median_of_what_jobs_measured() -> None:
    assert device_peak(pd.DataFrame({"peak_flop_s": [1e12, 3e12, 2e12, np.nan]})) == 2e12
    assert device_peak(pd.DataFrame({"peak_flop_s": [np.nan]})) is None


def test_the_roofline_counts_weights_and_images_once() -> None:
    row = {"params": 1000, "batch_size": 2, "img_height": 4, "img_width": 5, "latency_ms_p50": 0.5}
    row["work_per_call_g"] = 8960e-9
    table = pd.DataFrame(
        [
            {**row, "precision": "fp32", "kind": "inference"},
            {**row, "precision": "bf16", "kind": "inference"},
            {**row, "precision": "autocast_bf16", "kind": "inference"},  # weights stay in fp32
            {**row, "precision": "fp32", "kind": "training_step"},
        ]
    )
    # 1,000 weights and 2 images of 3 x 4 x 5: 1,120 values.
    points = with_roofline(table)
    assert list(points["intensity_per_byte"][:3]) == pytest.approx([2.0, 4.0, 2.0])
    assert np.isnan(points["intensity_per_byte"][3])
    assert points["achieved_g_s"][0] == pytest.approx(8960e-9 / 0.5e-3)


def test_published_series_are_marked_and_hold_the_known_figures() -> None:
    table = published_series(published_accuracy())
    assert set(table["origin"]) == {"published"}
    assert "measured" not in set(table["series"])
    assert table["source"].notna().all()
    a100 = table[table["series"].str.startswith("1x A100 · 256x192")]
    speeds = dict(zip(a100["model"], a100["throughput_img_s"], strict=True))
    assert speeds == {"HRNet-W32": 916, "HRNet-W48": 649, "HRFormer-B": 158}
    assert a100["latency_derived"].all()
    assert dict(zip(a100["model"], a100["latency_ms_p50"], strict=True))["HRFormer-B"] == pytest.approx(64e3 / 158)
    assert a100["top1_percent"].isna().all()  # pose networks
    assert not table.duplicated(["series", "model", "img_height", "img_width", "batch_size"]).any()


def test_of_published_speeds_those_of_hrformer_hrnet_and_deit_are_shown_without_their_relatives() -> None:
    table = published_series(published_accuracy())
    assert sorted(table.loc[table["family"] == "DeiT", "model"].unique()) == ["DeiT-B", "DeiT-S", "DeiT-Ti"]
    widths = table.loc[table["family"] == "HRNet", "model"].unique()
    assert sorted(widths) == [f"HRNet-W{width}" for width in (18, 30, 32, 40, 44, 48, 64)]
    hrformers = table.loc[table["family"] == "HRFormer", "model"].unique()
    assert sorted(hrformers) == ["HRFormer-B", "OCRNet HRFormer-B", "OCRNet HRFormer-S"]
    assert set(table["family"]) == {"DeiT", "HRNet", "HRFormer"}


def test_hrformers_own_series_come_first_and_then_those_on_imagenet() -> None:
    series = series_of(published_series(published_accuracy()))
    assert list(series["device_name"][:2]) == ["1x A100", "1x A100"]
    assert list(series["is_imagenet"]) == [False, False, *[True] * (len(series) - 3), False]
    assert series["device_name"].isna().iloc[-1]  # HRFormer's on Cityscapes, whose device nobody told
    assert series["series"].is_unique


def test_published_ratios_stay_within_a_series() -> None:
    table = with_ratio(
        published_series(published_accuracy()), "HRNet-W48", ("series", "img_height", "img_width", "batch_size")
    )
    a100 = table[table["series"].str.startswith("1x A100 · 256x192") & (table["model"] == "HRFormer-B")]
    assert a100["throughput_ratio"].item() == pytest.approx(158 / 649)
    assert table.loc[table["model"] == "HRNet-W48", "throughput_ratio"].eq(1).all()


def test_setups_with_most_models_come_first(store: Store) -> None:
    store.add_all(
        [
            at(9, threads=1),
            at(1, threads=2, batch_size=1),
            at(1, threads=2, batch_size=8),
            at(1, threads=2, model_name="hrnet_w48"),
            at(2, threads=2),
        ]
    )
    setups = setups_of(store.groups([*CONDITIONS, "model_name"]))
    assert list(setups["threads"]) == [2, 1]
    assert list(setups["models"]) == [2, 1]
    assert setups["label"].is_unique
    assert "Xeon, 2 threads · fp32 · 256x192 · inference" in setups["label"][0]
    assert store.groups([*CONDITIONS, "model_name"])["records"].sum() == 5


@pytest.mark.parametrize(("threads", "words"), [(1, "Xeon, 1 thread"), (2, "Xeon, 2 threads")])
def test_one_thread_is_one_thread(store: Store, threads: int, words: str) -> None:
    store.add(at(1, threads=threads))
    (label,) = setups_of(store.groups([*CONDITIONS, "model_name"]))["label"]
    assert label.split(" · ")[0] == words


def test_setups_that_differ_in_the_device_alone_have_different_labels(store: Store) -> None:
    same = {"device_name": "Grace", "threads": None}
    store.add_all(
        [
            at(1, device="cpu", **same),
            at(2, device="cuda", **same),
            at(3, device="mps", device_name=None, threads=None),
            at(4, device="cpu", device_name="mps", threads=None),
            at(5, device="cpu", device_name="Grace", threads=2),
            at(6, device="cpu", device_name="Grace, 2 threads", threads=None),
        ]
    )
    labels = list(setups_of(store.groups([*CONDITIONS, "model_name"]))["label"])
    rest = " · fp32 · 256x192 · inference · bench-1"
    assert sorted(labels) == sorted(
        [
            f"Grace{rest} · cpu",
            f"Grace{rest} · cuda",
            f"mps{rest} · mps",
            f"mps{rest} · cpu",
            f"Grace, 2 threads{rest} · cpu",
            f"Grace, 2 threads{rest} · cpu (2)",
        ]
    )
