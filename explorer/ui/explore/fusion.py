"""What the Fusion page shows of a module's fusion, as values for charts and tables."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from explorer.charts.theme import branch_name
from explorer.cost.capacity import looking_mib
from explorer.inspection.fusion_contributions import FusionContributions, collect_fusion_contributions
from explorer.ui.heavy_work import shared_pass
from hrformer import HRFormer


def fusion_of_module(model: HRFormer, x: Tensor, key: tuple[str, ...], stage: int, module: int) -> FusionContributions:
    """What each branch adds to each other; `key` stands for model, weights and picture.

    Raises:
        ValueError: If it can never fit into the memory budget.
    """
    return shared_pass(
        "fusion",
        (key, stage, module),
        looking_mib(model.config),
        model,
        partial(collect_fusion_contributions, model, x, stage, module),
    )


def is_finite(fusion: FusionContributions) -> bool:
    """Whether there are summands to show; a ratio to a sum of zero is no trouble."""
    return all(bool(summand.isfinite().all()) for row in fusion.summand_maps for summand in row)


def answer(fusion: FusionContributions) -> str:
    """One sentence on which branch feeds which."""
    sources = {target: _strongest(fusion, target) for target in range(len(fusion.summand_maps))}
    if None in sources.values():
        return "All that is added to some branch is zero."
    from_others = [
        f"the {branch_name(target)} from the {branch_name(source)}"
        for target, source in sources.items()
        if source is not None and source != target
    ]
    if not from_others:
        return "Every branch gets most from itself."
    rest = "; each other one gets most from itself" if len(from_others) < len(sources) else ""
    return f"Most comes to {', to '.join(from_others)}{rest}."


def finding(fusion: FusionContributions, target: int) -> str:
    """One sentence on which branch feeds a target."""
    strongest = _strongest(fusion, target)
    name = branch_name(target)
    if strongest is None:
        return f"All that is added to the {name} is zero."
    return (
        f"The {name} gets most from {_source(strongest, target)}: "
        f"{float(fusion.norm_ratios[target, strongest]):.2f} times the norm of the sum, and "
        f"{float(fusion.shares[target, strongest]) * 100:.0f} % of the sum"
    )


def _strongest(fusion: FusionContributions, target: int) -> int | None:
    """The source that adds most to a target, if any adds something."""
    ratios = fusion.norm_ratios[target]
    return int(ratios.argmax()) if bool(ratios.isfinite().all()) else None


def _source(source: int, target: int) -> str:
    return "itself" if source == target else f"the {branch_name(source)}"


def contribution_table(fusion: FusionContributions) -> pd.DataFrame:
    """Both figures of every summand, one line each."""
    targets, sources = fusion.norm_ratios.shape
    pairs = [(target, source) for target in range(targets) for source in range(sources)]
    return pd.DataFrame(
        {
            "target": [branch_name(target) for target, _ in pairs],
            "source": [branch_name(source) for _, source in pairs],
            "norm ratio": np.asarray(fusion.norm_ratios).ravel(),
            "share": np.asarray(fusion.shares).ravel(),
        }
    )


def summands_of(fusion: FusionContributions, target: int) -> list[NDArray[np.float32]]:
    """What each source adds to a target, as its mean over channels, (H_target, W_target)."""
    return [np.asarray(summand) for summand in fusion.summand_maps[target]]


def summand_table(fusion: FusionContributions, target: int) -> pd.DataFrame:
    """The maps of a target's summands, one line per position."""
    summands = summands_of(fusion, target)
    rows, columns = np.indices(summands[0].shape).reshape(2, -1)
    maps = {f"from the {branch_name(source)}": values.ravel() for source, values in enumerate(summands)}
    return pd.DataFrame({"row": rows, "column": columns, **maps})
