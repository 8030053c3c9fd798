"""Choosing a module, block, head and position: in the sidebar and in the URL, the nearest where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from explorer.charts.theme import branch_name
from explorer.inspection.attention_maps import (
    BlockAddress,
    nearest_address,
    nearest_head,
    nearest_position,
)
from explorer.ui import address as link
from explorer.ui.choices import forget, held, hold, present
from explorer.units import counted
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES, NUM_STAGES
from hrformer.geometry import branch_sizes
from hrformer.windows import WindowGrid
from hrformer.wording import shown

#: Name of the chart whose points choose the position.
CLICKABLE = "clickable_picture"
_CLICKED = "clicked_position"
_MEAN = "mean"
#: The branches as controls and links write them.
BRANCHES = tuple(branch_name(branch).removesuffix(" branch") for branch in range(NUM_BRANCHES))


def choose_block(config: HRFormerConfig) -> tuple[BlockAddress, int | None]:
    """Choose stage, module, branch, block and head, in the sidebar and in the URL.

    What the variant does not have falls back to the nearest it has, and a sentence says so.
    """
    stage = asked("stage", NUM_STAGES)
    in_stage = min(max(stage, 2), NUM_STAGES) - 1
    wanted = BlockAddress(
        stage=stage,
        module=asked("module", config.num_modules[in_stage]) - 1,
        branch=asked_branch("branch"),
        block=asked("block", config.num_blocks[in_stage]) - 1,
    )
    address, no_block = nearest_address(config, wanted)
    head, no_head = nearest_head(config, address.branch, _asked_head())
    say(no_block, no_head)
    stage = address.stage
    _module_controls(config, _WITH_BRANCHES, stage, address.module + 1)
    branch_control("branch", stage, address.branch)
    with st.sidebar:
        slider("Block", "block", config.num_blocks[stage - 1], address.block + 1)
        heads = (_MEAN, *(str(number + 1) for number in range(config.num_heads[address.branch])))
        _select("Head", "head", heads, _MEAN if head is None else str(head + 1), "One head, or the mean of all.")
    return address, head


@dataclass(frozen=True)
class Stages:
    """The stages that a page can look at; those with other ones keep their own choice.

    Attributes:
        first: The first of them.
        usual: Shown until another one is chosen.
        prefix: Of the keys of stage and module in session and link.
        has: What is said where another stage is asked for.
        explanation: Help of the control.
    """

    first: int
    usual: int
    prefix: str
    has: str
    explanation: str


_WITH_BRANCHES = Stages(2, NUM_STAGES, "", f"Stages 2 to {NUM_STAGES} have branches", "Stage 1 has no branches.")
#: What every position can be looked for in.
ALL_STAGES = Stages(
    1, 2, "field_", f"An HRFormer has {NUM_STAGES} stages", "Stage 1 has bottlenecks; 2 to 4 have windows."
)


def choose_module(config: HRFormerConfig, stages: Stages = _WITH_BRANCHES) -> tuple[int, int]:
    """Choose a stage and a module of it (from 0), in the sidebar and in the URL, falling back as above."""
    stage = nearest("stage", asked(f"{stages.prefix}stage", stages.usual), stages.first, NUM_STAGES, stages.has)
    modules = config.num_modules[stage - 1]
    asked_module = asked(f"{stages.prefix}module", modules)
    module = nearest("module", asked_module, 1, modules, f"Stage {stage} has {counted(modules, 'module')}")
    _module_controls(config, stages, stage, module)
    return stage, module - 1


def _module_controls(config: HRFormerConfig, stages: Stages, stage: int, module: int) -> None:
    with st.sidebar:
        segments(
            "Stage", f"{stages.prefix}stage", tuple(range(stages.first, NUM_STAGES + 1)), stage, stages.explanation
        )
        slider("Module", f"{stages.prefix}module", config.num_modules[stage - 1], module)


def branch_control(key: str, branches: int, branch: int) -> None:
    """One of the first branches; session and link hold what is shown."""
    with st.sidebar:
        segments("Branch", key, BRANCHES[:branches], BRANCHES[branch], "Resolution relative to the picture.")


def nearest(name: str, wanted: int, low: int, high: int, has: str) -> int:
    """The nearest of `low` to `high`; where that is another one, a sentence says so.

    Args:
        name: What is counted.
        wanted: What was asked for.
        low: The first there is.
        high: The last there is.
        has: What there is, as the beginning of the sentence.
    """
    found = min(max(wanted, low), high)
    if found != wanted:
        nearest_one, missing = (BRANCHES[number - 1] if name == "branch" else number for number in (found, wanted))
        say(f"{has}, no {name} {missing}; this is {name} {nearest_one}.")
    return found


def choose_position(config: HRFormerConfig, branch: int) -> tuple[int, int]:
    """Choose a row and a column of a branch's map, in the sidebar and in the URL, falling back as above.

    The session holds the place in the picture, so that another branch, stage, network or picture size keeps it.
    """
    height, width = branch_sizes(config.img_size)[branch]
    grid = WindowGrid(height, width, config.window_sizes[branch])
    sides = {"row": height, "column": width}
    places = {key: int(held(_share(key), 0.5) * side) for key, side in sides.items()}
    places |= _linked_position(grid, places)
    places |= dict(zip(sides, held(_CLICKED, ()), strict=False))
    forget(_CLICKED)
    for key, side in sides.items():
        _hold_place(key, side, places[key])
        with st.sidebar:
            slider(key.capitalize(), key, side - 1, places[key], low=0, on_move=partial(_hold_place, key, side))
    return places["row"], places["column"]


def _linked_position(grid: WindowGrid, places: dict[str, int]) -> dict[str, int]:
    """The position that a newly read link names, or the nearest to it."""
    linked = {key: value for key in places if (value := _linked(key)) is not None}
    if not linked:
        return {}
    wanted = places | linked
    position, correction = nearest_position(grid, (wanted["row"], wanted["column"]))
    say(correction)
    return dict(zip(("row", "column"), position, strict=True))


def _hold_place(key: str, side: int, position: int) -> None:
    """Keep the middle of a position as a share of the map's side."""
    if int(held(_share(key), 0.5) * side) != position:
        hold(_share(key), (position + 0.5) / side)


def held_position(config: HRFormerConfig, branch: int) -> tuple[int, int]:
    """Row and column of a branch's map where the chosen position lies, for pages that only tell of it."""
    height, width = branch_sizes(config.img_size)[branch]
    return int(held(_share("row"), 0.5) * height), int(held(_share("column"), 0.5) * width)


def chosen_place() -> tuple[float, float] | None:
    """Shares of the picture's height and width at which a position was chosen, on whatever page; None before."""
    row: float | None = held(_share("row"), None)
    column: float | None = held(_share("column"), None)
    return None if row is None or column is None else (row, column)


def hold_place(key: str, share: float) -> None:
    """Let the position be where so much of the picture's height ("row") or width ("column") lies before it."""
    hold(_share(key), min(max(share, 0.0), 1 - 1e-6))


def _share(key: str) -> str:
    return f"{key}_share"


def take_click() -> None:
    """Make the clicked position the chosen one."""
    points = st.session_state[f"chart_{CLICKABLE}"].selection.points
    places = [point["customdata"] for point in points if point.get("customdata") is not None]
    if places:
        hold(_CLICKED, (int(places[0][0]), int(places[0][1])))


def asked(key: str, default: int) -> int:
    """The whole number that was chosen or that a newly read link names, even where there is no such thing here."""
    if (linked := _linked(key)) is not None:
        hold(key, linked)
    return held(key, default)


def asked_branch(key: str) -> int:
    """The same for a branch, from 0."""
    if (text := link.take(key)) is not None:
        if text in BRANCHES:
            hold(key, text)
        else:
            link.complain(_unreadable(key, text))
    return BRANCHES.index(held(key, BRANCHES[0]))


def _asked_head() -> int | None:
    if (text := link.take("head")) is not None:
        if text == _MEAN or _is_whole(text):
            hold("head", text)
        else:
            link.complain(_unreadable("head", text))
    head = held("head", _MEAN)
    return None if head == _MEAN else int(head) - 1


def _linked(key: str) -> int | None:
    text = link.take(key)
    if text is None or _is_whole(text):
        return None if text is None else int(text)
    link.complain(_unreadable(key, text))
    return None


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) <= 9


def _unreadable(key: str, text: str) -> str:
    return f"Left out of the link: {key}={shown(text)}, which can't be read."


def say(*corrections: str | None) -> None:
    """Tell, until the next move, that something else is shown than what was asked for."""
    for correction in corrections:
        if correction is not None:
            link.complain(correction)


def segments(label: str, key: str, options: Sequence[int | str], value: int | str, explanation: str) -> None:
    """One of a few; session and link hold what is shown."""
    _show(key, value)
    present(
        st.segmented_control,
        label,
        options,
        key=key,
        value=value,
        on_move=partial(hold, key),
        place=tuple(options),
        required=True,
        help=explanation,
    )


def slider(
    label: str, key: str, high: int, value: int, *, low: int = 1, on_move: Callable[[int], None] | None = None
) -> None:
    """A slider; where there is no choice there is none. Session and link hold what is shown."""
    if on_move is None:
        hold(key, value)
        on_move = partial(hold, key)
    link.keep(key, str(value))
    if high > low:
        present(st.slider, label, low, high, key=key, value=value, on_move=on_move, place=(low, high))


def _select(label: str, key: str, options: Sequence[str], value: str, explanation: str) -> None:
    _show(key, value)
    present(
        st.selectbox,
        label,
        options,
        key=key,
        value=value,
        on_move=partial(hold, key),
        place=tuple(options),
        help=explanation,
    )


def _show(key: str, value: int | str) -> None:
    hold(key, value)
    link.keep(key, str(value))
