"""What others published on the same switches: differences, each with its source."""

from __future__ import annotations

import re

import pandas as pd

from explorer.records.published import load_published

#: Which study of results/published/ablation.csv belongs to which switch.
_STUDIES = {
    "dw_conv": "Table 7: 3x3 depth-wise conv",
    "position_bias": "Relative position bias",
}
#: The axis of window sizes has a study of its own.
_WINDOW_STUDY = "Window size"
_SIGNED = re.compile(r"[+-]?\d+(?:\.\d+)?")


def published_differences(switches: list[str], *, window_sizes: bool = False) -> pd.DataFrame:
    """Published differences of what the switches take out, with it against without it.

    Args:
        switches: Keys of switches.
        window_sizes: Whether the window size is an axis, for which larger against smaller windows are published.

    Returns:
        Columns study, model, variant, baseline, dataset, metric, difference (points of the metric), note, source,
        origin ("published"); empty where nothing is published.

    Raises:
        ValueError: If the published figures cannot be read.
    """
    table = load_published("ablation")
    wanted = [study for key, study in _STUDIES.items() if key in switches]
    wanted += [_WINDOW_STUDY] if window_sizes or "windows" in switches else []
    chosen = table[table["study"].map(lambda study: any(study.startswith(name) for name in wanted))]
    differences = [float(match[0]) if (match := _SIGNED.search(str(delta))) else None for delta in chosen["delta"]]
    columns = ["study", "model", "variant", "baseline", "dataset", "metric", "difference", "note", "source", "origin"]
    return chosen.assign(difference=pd.Series(differences, index=chosen.index, dtype=float))[columns].reset_index(
        drop=True
    )
