"""What the Architecture page shows of a variant, as values for the charts.

It is the page that a cold server shows first, so libraries that take long to import are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer.charts.cost import CostPart
from explorer.charts.diagram import DiagramBlock, NetworkDiagram
from explorer.charts.theme import branch_name
from explorer.cost.complexity import (
    BLOCK_KINDS,
    KINDS,
    STAGES,
    Complexity,
    block_costs,
    estimate_complexity,
)
from explorer.cost.operator_counts import OperatorCounts, total
from explorer.ui.knobs import BRANCH_KNOBS
from explorer.ui.later_imports import LATER_IMPORTS
from explorer.units import significant, with_prefix
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES
from hrformer.geometry import branch_sizes
from hrformer.widths import STAGE1_CHANNELS, STEM_CHANNELS

if TYPE_CHECKING:
    import pandas as pd

#: Cost figures that can be split: label -> (attribute of OperatorCounts, unit).
FIGURES = {
    "MACs": ("macs", "MACs"),
    "Parameters": ("params", "parameters"),
    "FLOPs, published convention": ("flops_published", "FLOPs"),
}
#: Blocks up to which the layer table is offered: torchinfo takes about 30 ms a block.
MAX_TABLE_BLOCKS = 400


def describe_network(config: HRFormerConfig) -> NetworkDiagram:
    """The structure of a variant with a hover sentence and a share of the cost for each box."""
    cost = estimate_complexity(config)
    stages = cost.by_stage()
    sizes = branch_sizes(config.img_size)
    depth = config.num_modules[0] * config.num_blocks[0]
    stem_shape = _shape(STEM_CHANNELS, sizes[0])
    bottleneck = _part("Bottleneck of stage 1", _shape(STAGE1_CHANNELS, sizes[0]), stages["stage 1"], cost.macs, depth)
    reads_all = config.task != "pose"
    return NetworkDiagram(
        stem=_part(
            "Stem: two strided 3x3 convolutions", stem_shape, stages["stem"], cost.macs, settings=(config.in_chans,)
        ),
        stage1=[bottleneck] * min(depth, 6),
        blocks=[_block(config, branch, cost.macs) for branch in range(NUM_BRANCHES)],
        num_modules=config.num_modules[1:],
        num_blocks=config.num_blocks[1:],
        branch_labels=[f"1/{4 * 2**branch} · {size[0]}x{size[1]}" for branch, size in enumerate(sizes)],
        last_targets=NUM_BRANCHES if config.fused_outputs == "all" else 1,
        fuses=config.multi_scale_fusion,
        head=_part(
            f"{config.task.capitalize()} head",
            _output_shape(config),
            stages["head"],
            cost.macs,
            settings=(config.task, config.num_classes, config.segmentation_head),
        ),
        head_inputs=NUM_BRANCHES if reads_all else 1,
        head_aggregates_down=config.task == "classification",
    )


def _block(config: HRFormerConfig, branch: int, all_macs: int) -> DiagramBlock:
    counts = total(block_costs(config, branch).values())
    heads, window = config.num_heads[branch], config.window_sizes[branch]
    name = f"Block of the {branch_name(branch)}: {heads} heads, {window}x{window} windows"
    shape = _shape(config.channels[branch], branch_sizes(config.img_size)[branch])
    settings = tuple(inside_of(config, branch).values())
    return _part(name, shape, counts, all_macs, settings=settings)


def inside_of(config: HRFormerConfig, branch: int) -> dict[str, object]:
    """What sets the inside of a branch's blocks, by field."""
    per_branch = {knob.field: getattr(config, knob.field)[branch] for knob in BRANCH_KNOBS}
    return per_branch | {
        "dw_conv": config.dw_kernel_size if config.dw_conv else 0,
        "relative_position_bias": config.relative_position_bias,
    }


def _part(
    name: str,
    shape: str,
    counts: OperatorCounts,
    all_macs: int,
    repetitions: int = 1,
    *,
    settings: tuple[object, ...] = (),
) -> DiagramBlock:
    share = counts.macs / repetitions / all_macs
    params, macs = counts.params / repetitions, counts.macs / repetitions
    hover = (
        f"{name}<br>output {shape}<br>{with_prefix(params, 'parameters')}<br>"
        f"{with_prefix(macs, 'MACs')}, {significant(share * 100)} % of all"
    )
    return DiagramBlock(hover, share, settings)


def _shape(channels: int, size: tuple[int, int]) -> str:
    return f"{channels} x {size[0]} x {size[1]} (C x H x W)"


def _output_shape(config: HRFormerConfig) -> str:
    if config.task == "classification":
        return f"{config.num_classes} logits"
    size = config.img_size if config.task == "segmentation" else branch_sizes(config.img_size)[0]
    return _shape(config.num_classes, size)


def cost_parts(cost: Complexity, group: str, figure: str) -> list[CostPart]:
    """A cost figure by (group, branch), in the network's order.

    Args:
        cost: The variant's cost.
        group: "stage" or "kind".
        figure: A key of `FIGURES`.
    """
    attribute, _ = FIGURES[figure]
    sums: dict[tuple[str, int | None], float] = {}
    for row in cost.rows:
        place = getattr(row, group), row.branch
        sums[place] = sums.get(place, 0) + getattr(row.counts, attribute)
    order = STAGES if group == "stage" else KINDS
    parts = [CostPart(name, branch, value) for (name, branch), value in sums.items()]
    return sorted(parts, key=lambda part: order.index(part.group))


def cost_table(parts: Sequence[CostPart], group: str) -> pd.DataFrame:
    """Columns `group`, branch and value, for the CSV."""
    import pandas as pd

    return pd.DataFrame(parts, columns=[group, "branch", "value"]).astype({"branch": "Int64"})


def count_table(cost: Complexity) -> pd.DataFrame:
    """Every row of the cost with all its operators, for the CSV."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "stage": row.stage,
                "branch": "" if row.branch is None else branch_name(row.branch),
                "kind": row.kind,
                "params": row.counts.params,
                "macs": row.counts.macs,
                "flops_published": row.counts.flops_published,
                **row.counts.by_operator(),
            }
            for row in cost.rows
        ]
    )


def block_share(cost: Complexity) -> float:
    """Share of all MACs in transformer blocks, 0 to 1."""
    kinds = cost.by_kind()
    return sum(kinds[kind].macs for kind in BLOCK_KINDS if kind in kinds) / cost.macs


def blocks_of(config: HRFormerConfig) -> int:
    """Transformer blocks of all branches and stages."""
    depths = zip(config.num_modules[1:], config.num_blocks[1:], (2, 3, 4), strict=True)
    return sum(modules * blocks * branches for modules, blocks, branches in depths)


def layer_table(config: HRFormerConfig) -> pd.DataFrame:
    """Torchinfo's table of every layer, on the meta device: no weight is allocated.

    Its MACs are left out: torchinfo does not count matrix products and miscounts linear layers on sequences.
    """
    LATER_IMPORTS.wait()
    return _list_layers(config)


@st.cache_data(max_entries=8, show_spinner="Listing the layers")
def _list_layers(config: HRFormerConfig) -> pd.DataFrame:
    import pandas as pd
    import torch
    import torchinfo

    from hrformer import create_model

    with torch.device("meta"):
        model = create_model(config).eval()
        images = torch.empty(1, config.in_chans, *config.img_size)
    summary = torchinfo.summary(model, input_data=images, device="meta", depth=12, verbose=0)
    rows: list[dict[str, Any]] = []
    path: list[str] = []
    for layer in summary.summary_list:
        path[layer.depth :] = [layer.var_name]
        rows.append(
            {
                "layer": ".".join(path[1:]) or "HRFormer",
                "type": layer.class_name,
                "output shape": " x ".join(str(side) for side in layer.output_size),
                "parameters": layer.num_params,
                "leaf": layer.is_leaf_layer,
            }
        )
    return pd.DataFrame(rows)
