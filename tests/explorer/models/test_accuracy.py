"""Published accuracies by the catalogue's names."""

from pathlib import Path

import pytest

from explorer.models.accuracy import published_accuracy
from explorer.models.catalogue import NETWORKS


def test_the_authors_figures_stand_beside_their_networks() -> None:
    table = published_accuracy().set_index("name")
    # HRFormer's, HRNet's, DeiT's and Swin's READMEs.
    printed = {
        "hrformer_tiny": ("HRFormer-T", 78.6),
        "hrformer_base": ("HRFormer-B", 82.8),
        "hrnet_w18": ("HRNet-W18", 76.8),
        "hrnet_w44": ("HRNet-W44", 78.9),
        "deit_tiny_patch16_224": ("DeiT-Ti", 72.2),
        "swin_base_patch4_window7_224": ("Swin-B", 83.5),
    }
    found = {name: (row["model"], row["top1_percent"]) for name, row in table.loc[list(printed)].iterrows()}
    assert found == printed
    assert table["accuracy_source"].str.startswith("github ").all()


def test_only_networks_with_a_published_row_have_one() -> None:
    assert list(published_accuracy()["name"]) == [network.name for network in NETWORKS if network.published]


def test_a_row_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "classification.csv").write_text(
        "model,top1,img_size,kind,source\nHRFormer-T,78.6,224,published,README\n", encoding="utf-8"
    )
    with pytest.raises(KeyError, match="HRFormer-S"):
        published_accuracy(tmp_path)
