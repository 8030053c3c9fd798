"""HRNet, DeiT and HRFormer as reference points: cost counted by the explorer, accuracy as published.

The counted table ships as `explorer/data/reference_models.csv`, so that no page builds twelve networks to draw a dozen
points; `python -m explorer.models.reference_models` counts it again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from explorer import places
from explorer.models.catalogue import BY_NAME

if TYPE_CHECKING:
    import pandas as pd

TABLE = places.DATA / "reference_models.csv"
IMG_SIZE = (224, 224)

#: The points of the chart, in their order; more of them would lie on each other.
_SHOWN = (
    *("hrnet_w18", "hrnet_w30", "hrnet_w32", "hrnet_w40", "hrnet_w48", "hrnet_w64"),
    *("deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224"),
    *("hrformer_tiny", "hrformer_small", "hrformer_base"),
)
#: Where the accuracies of a family stand, in few words; `results/published/classification.csv` has more.
_SOURCES = {
    "HRNet": "HRNet/HRNet-Image-Classification README (top-1 = 100 - error)",
    "DeiT": "facebookresearch/deit README_deit.md, Model Zoo",
    "HRFormer": "HRNet/HRFormer README, ImageNet-1K",
}


@lru_cache(maxsize=1)
def reference_models() -> pd.DataFrame:
    """One row per model: model, family, params, macs (one 224x224 image), published top1_percent, source."""
    import pandas as pd

    return pd.read_csv(TABLE)


def count_references() -> pd.DataFrame:
    """The table, counted now.

    Returns:
        The columns of `reference_models`.
    """
    import pandas as pd

    from explorer.models.accuracy import published_accuracy
    from explorer.models.counting import model_cost
    from explorer.models.model_ref import model_by_name

    top1 = published_accuracy().set_index("name")["top1_percent"]
    costs = {name: model_cost(model_by_name(name), IMG_SIZE) for name in _SHOWN}
    return pd.DataFrame(
        [
            {
                "model": BY_NAME[name].display_name,
                "family": BY_NAME[name].family,
                "params": cost.params,
                "macs": cost.macs,
                "top1_percent": top1[name],
                "source": _SOURCES[BY_NAME[name].family],
            }
            for name, cost in costs.items()
        ]
    )


def main() -> None:
    """Count all models and write the table."""
    from explorer.records.csv_cells import table_csv

    TABLE.write_bytes(table_csv(count_references()))


if __name__ == "__main__":
    main()
