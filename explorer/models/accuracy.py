"""Accuracies of the catalogue's networks as their own authors published them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from explorer.models.catalogue import NETWORKS
from explorer.records.published import FOLDER, load_published

#: Side of the images, in pixels, that the accuracies hold for.
IMAGENET_SIDE = 224


def published_accuracy(folder: Path = FOLDER) -> pd.DataFrame:
    """Top-1 on ImageNet-1K at 224x224, one row for each network of the catalogue that has a published one.

    Args:
        folder: Where the published tables lie.

    Returns:
        Columns `name` (of the catalogue), `model` (as papers call it), `top1_percent`, `accuracy_source`.

    Raises:
        ValueError: If the table cannot be read.
        KeyError: If a row that the catalogue names is missing.
    """
    table = load_published("classification", folder)
    own = table[table["kind"].str.startswith("published") & (table["img_size"] == IMAGENET_SIDE)].set_index("model")
    networks = [network for network in NETWORKS if network.published is not None]
    rows = own.loc[[network.published for network in networks]]
    return pd.DataFrame(
        {
            "name": pd.Series([network.name for network in networks], dtype="string"),
            "model": pd.Series([network.display_name for network in networks], dtype="string"),
            "top1_percent": rows["top1"].to_numpy(),
            "accuracy_source": rows["source"].array,
        }
    )
