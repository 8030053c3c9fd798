"""Another variant beside the network that a page looks into: the same picture, module and place in the picture."""

from __future__ import annotations

import streamlit as st

from explorer.inspection.receptive_field import MapPosition, num_output_branches
from explorer.models.trained import TRAINED_NETWORKS
from explorer.ui.comparing import Reference, choose_other
from explorer.ui.variant import variant_name
from hrformer import HRFormerConfig
from hrformer.geometry import branch_sizes


def choose_beside(config: HRFormerConfig) -> Reference | None:
    """Choose in the sidebar what stands beside the network that is looked into, if anything."""
    with st.sidebar:
        return choose_other(
            "Beside it",
            config,
            key="beside",
            explanation="Shows another variant at the same place of the same picture, on one scale with this one; it "
            "has the weights that this session knows for it, or random ones of the same seed.",
        )


def name_of_network(config: HRFormerConfig) -> str:
    """What the network that is looked into is called."""
    is_trained = any(config == network.config for network in TRAINED_NETWORKS)
    return "Small HRFormer" if is_trained else variant_name(config)


def module_like(module: int, stage: int, config: HRFormerConfig, other: HRFormerConfig) -> int:
    """The module (from 0) of another variant that goes with one: the last with the last, else the same or nearest."""
    modules, others = (one.num_modules[stage - 1] for one in (config, other))
    return others - 1 if module == modules - 1 else min(module, others - 1)


def position_like(position: MapPosition, config: HRFormerConfig, other: HRFormerConfig) -> MapPosition:
    """The position of another variant at the same share of the picture's height and width."""
    module = module_like(position.module, position.stage, config, other)
    branch = min(position.branch, num_output_branches(other, position.stage, module) - 1)
    size, other_size = branch_sizes(config.img_size)[position.branch], branch_sizes(other.img_size)[branch]
    row, column = (
        int((place + 0.5) * there / here)
        for place, here, there in zip((position.row, position.column), size, other_size, strict=True)
    )
    return MapPosition(stage=position.stage, module=module, branch=branch, row=row, column=column)
