"""Another variant laid over the current one: what both have, what only one has, and their costs in pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from explorer.charts.cost import CostPart, cost_bars, paired_cost_bars
from explorer.charts.diagram_overlay import network_overlay
from explorer.charts.theme import literal
from explorer.cost.complexity import Complexity, estimate_complexity
from explorer.ui.comparing import Reference, choose_other
from explorer.ui.explore.architecture import (
    FIGURES,
    cost_parts,
    cost_table,
    describe_network,
    inside_of,
)
from explorer.ui.knobs import label_of
from explorer.units import counted, with_prefix
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES

if TYPE_CHECKING:
    import pandas as pd

#: Fields of the whole network, beside its blocks and how many there are.
_OUTSIDE = (
    *("task", "img_size", "in_chans", "num_classes", "fusion_upsample", "multi_scale_fusion", "fused_outputs"),
    *("segmentation_head", "drop_path_rate"),
)
#: What the current variant is called beside another one.
THIS = "this variant"
#: How many branches stages 1 to 4 have.
_BRANCHES = (1, 2, 3, 4)


def choose_overlay(config: HRFormerConfig) -> Reference | None:
    """Choose what is laid over the current variant, if anything."""
    return choose_other(
        "Lay over",
        config,
        key="overlay",
        explanation="Draws another variant into the diagram, with what only one of the two has, and its costs beside "
        "those of this one.",
    )


def overlay_diagram(config: HRFormerConfig, other: Reference) -> go.Figure:
    """Both networks in one."""
    return network_overlay(
        describe_network(config),
        describe_network(other.config),
        (THIS, other.name),
        literal(overlay_finding(config, other)),
    )


def cost_split(
    cost: Complexity, other: Reference | None, group: str, figure: str
) -> tuple[go.Figure, Callable[[], pd.DataFrame]]:
    """The bars of a figure by "stage" or "kind", in pairs where another variant is laid over, and their table."""
    unit, by = FIGURES[figure][1], {"stage": "stage", "kind": "kind of work"}[group]
    parts = cost_parts(cost, group, figure)
    if other is None:
        return cost_bars(parts, unit, f"{figure} by {by} and branch"), partial(cost_table, parts, group)
    second = cost_parts(estimate_complexity(other.config), group, figure)
    title = literal(f"{figure} by {by}: {_largest_difference(parts, second, other.name)}")
    pair = [(THIS, parts), (other.name, second)]
    return paired_cost_bars(pair, unit, title), partial(_together, pair, group)


def _together(pair: Sequence[tuple[str, Sequence[CostPart]]], group: str) -> pd.DataFrame:
    """Both tables, each row with its variant."""
    import pandas as pd  # here, for the first page of a cold server draws its diagram without

    return pd.concat([cost_table(parts, group).assign(variant=name) for name, parts in pair])


def _largest_difference(first: Sequence[CostPart], second: Sequence[CostPart], name: str) -> str:
    """The bar that is not as long in one as in the other, with both lengths."""
    here, there = _sums(first), _sums(second)
    place = max({**here, **there}, key=lambda place: abs(here[place] - there[place]))
    if here[place] == there[place]:
        return f"the same here and in {name}"
    return f"{place} differs most, {with_prefix(here[place], '')} here and {with_prefix(there[place], '')} in {name}"


def _sums(parts: Sequence[CostPart]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        sums[part.group] += part.value
    return sums


def overlay_finding(config: HRFormerConfig, other: Reference) -> str:
    """What only this variant or another one has, and in what they differ."""
    shared = _blocks_of_both(config, other.config)
    apart = [
        f"{counted(more, 'block')} only in {name}"
        for name, one in ((THIS, config), (other.name, other.config))
        if (more := _blocks_of_both(one, one) - shared)
    ]
    inside = _changed_inside(config, other.config)
    outside = _changed_outside(config, other.config)
    if not (apart or inside or outside):
        return f"{THIS.capitalize()} and {other.name} are the same"
    parts = [", ".join(apart) or f"All {shared} blocks are in both"]
    parts += [f"{'those in both' if apart else 'they'} are set differently in {', '.join(inside)}"] if inside else []
    parts += [f"the networks differ in {', '.join(outside)}"] if outside else []
    return "; ".join(parts)


def _blocks_of_both(first: HRFormerConfig, second: HRFormerConfig) -> int:
    """Blocks, bottlenecks among them, that stand at the same places in both."""
    modules = map(min, first.num_modules, second.num_modules)
    blocks = map(min, first.num_blocks, second.num_blocks)
    return sum(map(lambda m, b, branches: m * b * branches, modules, blocks, _BRANCHES))


def _changed_inside(first: HRFormerConfig, second: HRFormerConfig) -> list[str]:
    changed = {
        field: None
        for branch in range(NUM_BRANCHES)
        for field, value in inside_of(first, branch).items()
        if value != inside_of(second, branch)[field]
    }
    return [_unbroken(field) for field in changed]


def _changed_outside(first: HRFormerConfig, second: HRFormerConfig) -> list[str]:
    changed = [field for field in _OUTSIDE if getattr(first, field) != getattr(second, field)]
    return [_unbroken(field) for field in (["task"] if "task" in changed else changed)]  # a task brings the others


def _unbroken(field: str) -> str:
    """A field's label that stays on one line of a title."""
    return label_of(field).replace(" ", "\N{NO-BREAK SPACE}")
