from __future__ import annotations

from pathlib import Path

import pytest

from explorer.records.published import FOLDER, load_published

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
    assert table.loc["HRFormer-T"].set_index("kind")["top1"].to_dict() == {
        "published": 78.6,
        "the paper's listings": 78.5,
    }
    table = table[table["kind"] == "published"]
    assert list(table.loc[["HRFormer-T", "HRFormer-S", "HRFormer-B"], "top1"]) == [78.6, 81.2, 82.8]
    assert table["img_size"].dtype == "Int64"
    assert load_published("inference_benchmarks")["cuda_version"].isin(["13.0"]).any()  # a text, not 13.0 or 13


def test_pose_rows_hold_precision_by_size_where_the_header_of_their_source_says_recall() -> None:
    """AP^M, AP^L and AR lie on both sides of AP as in every row of COCO's evaluation; the columns of AR are empty."""
    table = load_published("pose")
    ours = table[table["source"].str.contains("its header prints these two columns as AR")]
    assert len(ours) == 6
    assert ours[["AR_M", "AR_L"]].isna().all(axis=None)
    assert ((ours["AP_M"] < ours["AP"]) & (ours["AP"] < ours["AP_L"]) & (ours["AP"] < ours["AR"])).all()


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
