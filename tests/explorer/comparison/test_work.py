"""The work of compared models: published figures in their own conventions, and records by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from explorer.comparison.tables import (
    CONDITIONS,
    published_series,
    with_ratio,
)
from explorer.comparison.work import (
    count_published,
    counted_as,
    peak_in,
    published_works,
    record_works,
    with_work,
)
from explorer.cost.conventions import (
    CONVENTIONS,
    FLOPS,
    HRFORMER,
    HRNET,
    MACS,
    Convention,
)
from explorer.models.accuracy import published_accuracy

POSE_SERIES = "1x A100 · 256x192"


@pytest.fixture(scope="module")
def pose() -> pd.DataFrame:
    """The published speeds of the pose networks at 256x192."""
    table = published_series(published_accuracy())
    return table[table["series"].str.startswith(POSE_SERIES)].reset_index(drop=True)


def records(**columns: list[object]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    table = {
        "model": ["HRNet-W48", "HRFormer-B", "mine"][:rows],
        "kind": ["inference"] * rows,
        "batch_size": [2] * rows,
        "macs": [2e9] * rows,
        "product_macs": [0] * rows,
        "flops_published": [None] * rows,
        **dict.fromkeys((name for name in CONDITIONS if name not in ("kind", "batch_size")), "same"),
    }
    return pd.DataFrame({**table, **columns})


def counted(table: pd.DataFrame, convention: Convention) -> pd.DataFrame:
    return with_work(table, record_works(table), convention)


def test_published_rows_are_counted_as_the_networks_that_they_timed(pose: pd.DataFrame) -> None:
    works = count_published(pose, lambda done, total: None, lambda: False)
    table = with_work(pose, published_works(pose, works), HRNET).set_index("model")
    # HRNet's own table: W32 7.1 G and W48 14.6 G at 256x192.
    assert table.loc["HRNet-W32", "work_g"] == pytest.approx(7.1, abs=0.05)
    assert table.loc["HRNet-W48", "work_g"] == pytest.approx(14.6, abs=0.05)
    assert table.loc["HRNet-W48", "work_per_call_g"] == pytest.approx(64 * table.loc["HRNet-W48", "work_g"])
    assert set(table["work_convention"]) == {HRNET.label}


def test_rows_of_unknown_size_or_network_are_not_counted() -> None:
    table = published_series(published_accuracy())
    unsized = table["img_height"].isna()
    assert unsized.any()
    assert all(counted is None for counted, blank in zip(counted_as(table), unsized, strict=True) if blank)


def test_counting_that_is_stopped_keeps_what_it_had(pose: pd.DataFrame) -> None:
    seen: list[tuple[int, int]] = []
    works = count_published(pose, lambda done, total: seen.append((done, total)), lambda: bool(seen))
    assert seen == [(0, 3)]
    assert len(works) == 1
    assert published_works(pose, works).count(None) == 2


def test_records_in_every_convention_by_hand() -> None:
    table = records(macs=[4e9, 3e9, None], product_macs=[0, 1e9, None], flops_published=[None, 3.5e9, None])
    expected = {
        MACS: [4, 3, np.nan],
        FLOPS: [8, 6, np.nan],
        HRNET: [4e9 / 1024**3, 2e9 / 1024**3, np.nan],
        HRFORMER: [np.nan, 3.5, np.nan],
    }
    for convention, giga in expected.items():
        np.testing.assert_allclose(counted(table, convention)["work_g"], giga)


def test_a_record_from_before_products_were_told_apart_has_no_count_in_hrnets_convention() -> None:
    old = records(product_macs=[None])
    assert counted(old, HRNET)["work_g"].isna().all()
    assert counted(old, MACS)["work_g"].notna().all()


def test_a_training_step_is_three_forwards() -> None:
    table = counted(records(kind=["inference", "training_step"]), MACS)
    assert list(table["work_per_call_g"]) == [4.0, 12.0]


def test_ratios_of_work_are_those_of_the_convention() -> None:
    table = records(macs=[4e9, 3e9], product_macs=[0, 1e9])
    ratios = {key: with_ratio(counted(table, way), "HRNet-W48")["work_ratio"][1] for key, way in CONVENTIONS.items()}
    assert (ratios["macs"], ratios["flops"], ratios["hrnet"]) == pytest.approx((0.75, 0.75, 0.5))
    assert np.isnan(ratios["hrformer"])


@pytest.mark.parametrize(
    ("convention", "giga"), [(MACS, 96), (FLOPS, 192), (HRNET, 96e9 / 1024**3), (HRFORMER, 96)], ids=str
)
def test_the_peak_of_the_device_is_work_like_any_other(convention: Convention, giga: float) -> None:
    assert peak_in(convention, 192e9) == pytest.approx(giga)
