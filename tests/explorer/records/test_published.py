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
    assert list(table.loc[["HRFormer-T", "HRFormer-S", "HRFormer-B"], "top1"]) == [78.6, 81.2, 82.8]
    assert table["img_size"].dtype == "Int64"
    assert load_published("inference_benchmarks")["cuda_version"].isin(["13.0"]).any()  # a text, not 13.0 or 13


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
