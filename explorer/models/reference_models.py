"""HRNet and DeiT as reference points: cost counted on timm's models, accuracy as published.

The counted table ships as `explorer/data/reference_models.csv`, so that no page builds twelve networks to draw a dozen
points; `python -m explorer.models.reference_models` counts it again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from explorer import places
from explorer.cost.complexity import estimate_complexity
from explorer.models.names import PAPER_NAMES
from hrformer import preset

if TYPE_CHECKING:
    import pandas as pd

TABLE = places.DATA / "reference_models.csv"
IMG_SIZE = (224, 224)

_HRNET = "HRNet/HRNet-Image-Classification README (top-1 = 100 - error)"
_DEIT = "facebookresearch/deit README_deit.md, Model Zoo"
_HRFORMER = "HRNet/HRFormer README, ImageNet-1K"
#: (name, family, timm's name or None for our own preset, published ImageNet-1K top-1 in %, source).
_MODELS = (
    ("HRNet-W18", "HRNet", "hrnet_w18", 76.8, _HRNET),
    ("HRNet-W30", "HRNet", "hrnet_w30", 78.2, _HRNET),
    ("HRNet-W32", "HRNet", "hrnet_w32", 78.5, _HRNET),
    ("HRNet-W40", "HRNet", "hrnet_w40", 78.9, _HRNET),
    ("HRNet-W48", "HRNet", "hrnet_w48", 79.3, _HRNET),
    ("HRNet-W64", "HRNet", "hrnet_w64", 79.5, _HRNET),
    ("DeiT-Ti", "DeiT", "deit_tiny_patch16_224", 72.2, _DEIT),
    ("DeiT-S", "DeiT", "deit_small_patch16_224", 79.9, _DEIT),
    ("DeiT-B", "DeiT", "deit_base_patch16_224", 81.8, _DEIT),
    ("HRFormer-T", "HRFormer", None, 78.6, _HRFORMER),
    ("HRFormer-S", "HRFormer", None, 81.2, _HRFORMER),
    ("HRFormer-B", "HRFormer", None, 82.8, _HRFORMER),
)


@lru_cache(maxsize=1)
def reference_models() -> pd.DataFrame:
    """One row per model: model, family, params, macs (one 224x224 image), published top1_percent, source."""
    import pandas as pd

    return pd.read_csv(TABLE)


def _count(name: str, timm_name: str | None) -> tuple[int, int]:
    if timm_name is not None:
        from explorer.models.catalogue import model_by_name, model_cost

        counted = model_cost(model_by_name(timm_name), IMG_SIZE)
        return counted.params, counted.macs
    size = next(size for size, paper_name in PAPER_NAMES.items() if paper_name == name)
    cost = estimate_complexity(preset(size))
    return cost.params, cost.macs


def main() -> None:
    """Count all models and write the table."""
    import pandas as pd

    from explorer.records.csv_cells import table_csv

    rows = [(name, family, *_count(name, timm_name), top1, source) for name, family, timm_name, top1, source in _MODELS]
    columns = ["model", "family", "params", "macs", "top1_percent", "source"]
    TABLE.write_bytes(table_csv(pd.DataFrame(rows, columns=columns)))


if __name__ == "__main__":
    main()
