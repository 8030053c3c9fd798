"""The five steps of the guided tour: what each says, its one control, its live figure and where it leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.charts.attention_scaling import attention_cost_lines
from explorer.charts.diagram import network_diagram
from explorer.charts.maps import Panel
from explorer.charts.receptive_field import leak_maps
from explorer.charts.theme import branch_name
from explorer.cost.attention_scaling import compare_with_global
from explorer.cost.complexity import block_costs, estimate_complexity, window_grid
from explorer.cost.operator_counts import total
from explorer.inspection.leak import map_entering_blocks, measure_leak
from explorer.models.variants import to_query
from explorer.models.weights import random_model
from explorer.pictures.photographs import fit, load_sample, to_input
from explorer.ui import address, choices
from explorer.ui.explore.architecture import describe_network
from explorer.ui.explore.map_rows import show_maps
from explorer.ui.panels import show_chart
from explorer.units import significant, with_prefix
from hrformer import TASKS, HRFormerConfig, preset
from hrformer.geometry import area, branch_sizes

_STEP = "step"
_PICTURE = "Astronaut"
#: Sides of the pictures over which attention is costed, pixels.
_SIDES_PX = (64, 128, 224, 384, 512, 1024)
_COMPARED_SIDE_PX = 512
_MAX_BLOCKS = 4
#: Where the leak is tested: stage 2 has one module and the 1/4 branch has the most windows.
_PLACE = {"stage": 2, "module": 0, "branch": 0}


@dataclass(frozen=True)
class Link:
    """The page on which a step goes on.

    Attributes:
        page: Path of the page's script.
        label: What the link says.
        config: The variant that it opens.
        query: Further keys of the page's address.
    """

    page: str
    label: str
    config: HRFormerConfig
    query: dict[str, str]


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: For the list of steps.
        title: What the step says in one line.
        text: The explanation above the figure.
        show: Draws control and figure, and tells where to go on.
    """

    name: str
    title: str
    text: str
    show: Callable[[], Link]


def show_resolution() -> Link:
    """Step 1: what each branch has room for."""
    side = choices.number(st.slider, "Side of the picture, pixels", 64, 512, key="tour_side", default=224, step=32)
    config = preset("tiny", img_size=(side, side))
    sizes = branch_sizes(config.img_size)
    picture = fit(load_sample(_PICTURE), config.img_size)
    panels = [
        Panel(f"{branch_name(branch)} · {size[0]}x{size[1]}", fit(picture, size), branch)
        for branch, size in enumerate(sizes)
    ]
    show_maps(
        [Panel("picture", picture), *panels],
        config.img_size,
        f"{area(sizes[0]):,} positions to tell things apart at 1/4, {area(sizes[-1]):,} at 1/32",
        "tour_resolution",
        signed=False,
        alt="A photograph beside what is left of it with one colour for each position of each branch",
    )
    st.caption(
        "One colour for each position of a branch's map. A classifier ends with the last of them; whoever needs to say "
        "*where* the eyes are has to guess within its squares. Most networks shrink the map and enlarge it again at "
        "the end; HRFormer, like HRNet, keeps the 1/4 map all the way and adds the coarser ones beside it."
    )
    label = f"See the four branches of HRFormer-T at {side}x{side} in Feature maps"
    return Link("pages/explore/feature_maps.py", label, config, {"stage": "4"})


def show_windows() -> Link:
    """Step 2: attention in windows against attention over the whole map."""
    size = choices.number(st.slider, "Side of the windows, positions", 3, 21, key="tour_window", default=7, step=2)
    config = preset("tiny", window_sizes=(size, size, size, size))
    table = compare_with_global(config, 0, _SIDES_PX)
    compared = table[table["side_px"] == _COMPARED_SIDE_PX]
    ratio = significant(float((compared["global_macs"] / compared["window_macs"]).iloc[0]))
    show_chart(
        attention_cost_lines(
            table,
            f"At {_COMPARED_SIDE_PX}x{_COMPARED_SIDE_PX} pixels, global attention costs {ratio} times as much",
            branch=0,
            window_size=size,
        ),
        "tour_windows",
        alt="MACs of one attention over the side of the picture, in windows and over all positions",
    )
    st.caption(
        "One attention of the 1/4 branch of HRFormer-T, projections included. Twice the side is four times the "
        "positions: four times the work in windows, sixteen times without them once the pictures are large. Windows "
        "that do not fill the map evenly are padded, and the padding is counted."
    )
    label = f"See what {size}x{size} windows cost the whole network in Architecture"
    return Link("pages/explore/architecture.py", label, config, {})


def show_blind_windows() -> Link:
    """Step 3: nothing leaves a window without the depth-wise convolution."""
    blocks = _choose_blocks()
    config, shares = _variant_of_blocks(blocks, dw_conv=False), _leak(dw_conv=False)[:blocks]
    outside = "exactly nothing" if not _outside(shares) else f"{significant(_outside(shares) * 100)} %"
    _show_leak(
        config, shares, f"After {_count(shares)} without the convolution, {outside} is outside the window", "tour_blind"
    )
    st.caption(
        f"{_experiment(config)} Grey windows have received exactly nothing. Attention and the 1x1 convolutions of the "
        "FFN never leave the window, so more blocks do not help: an object on the border of two windows is seen as two "
        "halves."
    )
    label = "See the same windows in Receptive field, with the depth-wise convolution off"
    return Link("pages/explore/receptive_field.py", label, config, _LEAK_TEST)


def show_depth_wise() -> Link:
    """Step 4: the same with the depth-wise convolution."""
    blocks = _choose_blocks()
    config, shares = _variant_of_blocks(blocks, dw_conv=True), _leak(dw_conv=True)[:blocks]
    outside = significant(_outside(shares) * 100)
    _show_leak(
        config,
        shares,
        f"After {_count(shares)} with the convolution, {outside} % of the change is outside the window",
        "tour_depth_wise",
    )
    costs = block_costs(config, 0)
    share = costs["FFN 3x3 depth-wise"].macs / total(costs.values()).macs
    st.caption(
        f"{_experiment(config)} Each block hands the change on by one window in every direction. The price here: "
        f"{significant(share * 100)} % of the block's MACs."
    )
    label = "See the same windows in Receptive field, with and without the convolution"
    return Link("pages/explore/receptive_field.py", label, config, _LEAK_TEST)


def show_heads() -> Link:
    """Step 5: what each task's head reads and costs."""
    task = choices.segments("Task", TASKS, key="tour_task")
    config = preset("tiny", task)
    cost = estimate_complexity(config)
    head = cost.by_stage()["head"]
    show_chart(
        network_diagram(
            describe_network(config),
            f"The {task} head: {with_prefix(head.params, 'parameters')}, "
            f"{significant(head.macs / cost.macs * 100)} % of the network's {with_prefix(cost.macs, 'MACs')}",
        ),
        "tour_heads",
        alt=f"Diagram of HRFormer-T with its {task} head",
    )
    st.caption(f"{_HEADS[task]} Costs at {config.img_size[0]}x{config.img_size[1]} pixels, as published for the task.")
    return Link("pages/explore/architecture.py", f"Open HRFormer-T for {task} in Architecture", config, {})


_LEAK_TEST = {"field_stage": "2", "field_branch": "1/4", "field_section": "Leak test"}
_HEADS = {
    "classification": "It widens every branch, adds each to the next coarser one, and ends in one vector: here only "
    "*what* counts.",
    "pose": "One 1x1 convolution on the 1/4 map makes a heat map for each key point; the last fusion makes only that "
    "map.",
    "segmentation": "It brings all four maps to 1/4, and lets every pixel attend to what the pixels of each class have "
    "in common (OCR).",
}
STEPS = (
    Step(
        "Resolution",
        "High resolution is kept from the first layer to the last",
        "A CNN for classification halves its map until 1/32 of each side is left. To find key points or outlines, the "
        "place matters as much as the meaning. Make the picture smaller and see which map still shows the face.",
        show_resolution,
    ),
    Step(
        "Windows",
        "Windows make attention affordable on a large map",
        "Attention compares each position with every other: on the 1/4 map that is thousands times thousands. HRFormer "
        "cuts the map into small windows and compares only inside each, so the work grows with the number of pixels, "
        "as in a convolution.",
        show_windows,
    ),
    Step(
        "Blindness",
        "Windows alone are blind to each other",
        "The saving has a price. Here one window (the cross) is changed where the blocks begin, and we look for the "
        "change after each block, with the 3x3 convolution taken out. Give it more blocks and see how far it comes.",
        show_blind_windows,
    ),
    Step(
        "DW conv",
        "A 3x3 depth-wise convolution opens the windows",
        "HRFormer puts one small convolution between the two 1x1 convolutions of each FFN. It works on the whole map "
        "and knows no windows: what stands on one side of a border reaches the other. The same test again:",
        show_depth_wise,
    ),
    Step(
        "Heads",
        "One backbone, three heads",
        "After four stages there are four maps, fused with each other again and again. The task decides what comes "
        "then: a head that reads the maps it needs. Choose a task, look at the right end, and see what the head costs.",
        show_heads,
    ),
)


def choose_step() -> int:
    """The step that the reader or the link asks for, counted from 1."""
    return choices.segments(
        "Steps",
        tuple(range(1, len(STEPS) + 1)),
        key=_STEP,
        format_func=lambda number: f"{number} · {STEPS[number - 1].name}",
        label_visibility="collapsed",
    )


def show_way(step: int, link: Link) -> None:
    """The link to the fitting page, and the way to the steps before and after."""
    query = address.linked(to_query(link.config) | link.query)
    st.page_link(link.page, label=link.label, icon=":material/arrow_outward:", query_params=query)
    with st.container(horizontal=True):
        st.button(
            "Previous",
            icon=":material/arrow_back:",
            key="tour_previous",
            disabled=step == 1,
            on_click=choices.hold,
            args=(_STEP, step - 1),
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            key="tour_next",
            disabled=step == len(STEPS),
            on_click=choices.hold,
            args=(_STEP, step + 1),
        )


def _choose_blocks() -> int:
    """Steps 3 and 4 share the control: the second repeats the test of the first."""
    return choices.number(st.slider, "Blocks in a row", 1, _MAX_BLOCKS, key="tour_blocks", default=2)


def _variant_of_blocks(blocks: int, *, dw_conv: bool) -> HRFormerConfig:
    """HRFormer-T with so many blocks in a row in stage 2."""
    reference = preset("tiny", dw_conv=dw_conv)
    first, _, third, fourth = reference.num_blocks
    return replace(reference, num_blocks=(first, blocks, third, fourth))


@st.cache_data(max_entries=2, show_spinner="Following a change through the blocks")
def _leak(*, dw_conv: bool) -> NDArray[np.float64]:
    """Share of the change in each window after 1 to `_MAX_BLOCKS` blocks, (blocks, rows, columns)."""
    config = _variant_of_blocks(_MAX_BLOCKS, dw_conv=dw_conv)
    image = to_input(fit(load_sample(_PICTURE), config.img_size), config.in_chans)
    model = random_model(config, 0)
    features = map_entering_blocks(model, image, **_PLACE)
    return measure_leak(model, features, window=_middle_window(config), **_PLACE).shares


def _show_leak(config: HRFormerConfig, shares: NDArray[np.float64], title: str, name: str) -> None:
    variant = "with DW conv" if config.dw_conv else "without DW conv"
    show_chart(
        leak_maps({variant: shares}, _middle_window(config), title),
        name,
        alt=f"Share of the change in each window after each block, {variant}",
    )


def _middle_window(config: HRFormerConfig) -> tuple[int, int]:
    grid = window_grid(config, _PLACE["branch"])
    return grid.rows // 2, grid.columns // 2


def _outside(shares: NDArray[np.float64]) -> float:
    """Norm of the change outside the changed window over that of the whole change after the last block."""
    rows, columns = shares.shape[1:]
    outside = shares[-1].copy()
    outside[rows // 2, columns // 2] = 0
    return float(np.sqrt((outside**2).sum()))


def _count(shares: NDArray[np.float64]) -> str:
    return f"{len(shares)} block{'s' * (len(shares) > 1)}"


def _experiment(config: HRFormerConfig) -> str:
    grid = window_grid(config, _PLACE["branch"])
    return (
        f"HRFormer-T with random weights, stage 2, 1/4 branch: {grid.rows}x{grid.columns} windows of "
        f"{grid.size}x{grid.size} positions."
    )
