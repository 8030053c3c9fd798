"""Choosing a module, block, head and position: in the sidebar and in the URL, the nearest where there is none.

The link is written here and not by Streamlit's binding: that takes an illegal value out of the link without a word, and
does not write the nearest one that stands for it.
"""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from explorer.attention_maps import BlockAddress, nearest_address, nearest_head, nearest_position
from explorer.charts.theme import branch_name
from explorer.geometry import branch_sizes
from explorer.ui.panels import plain
from explorer.units import counted
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES
from hrformer.windows import WindowGrid
from hrformer.wording import shown

#: Name of the chart whose points choose the position.
CLICKABLE = "clickable_picture"
_MEAN = "mean"
#: The branches as controls and links write them.
_BRANCHES = tuple(branch_name(branch).removesuffix(" branch") for branch in range(NUM_BRANCHES))
_LAST_MAP = "attention_last_map"
#: The entrypoint keeps the path of the page that runs here.
_PAGE = "current_page"
#: Branch, picture size and map size.
_Map = tuple[int, tuple[int, int], tuple[int, int]]


def choose_block(config: HRFormerConfig) -> tuple[BlockAddress, int | None]:
    """Choose stage, module, branch, block and head, in the sidebar and in the URL.

    What the variant does not have falls back to the nearest it has, and a sentence says so.
    """
    asked = BlockAddress(
        stage=_wanted("stage", 4),
        module=_wanted("module", config.num_modules[_wanted("stage", 4, 2, 4) - 1]) - 1,
        branch=_wanted_branch(),
        block=_wanted("block", config.num_blocks[_wanted("stage", 4, 2, 4) - 1]) - 1,
    )
    address, no_block = nearest_address(config, asked)
    head, no_head = nearest_head(config, address.branch, _wanted_head())
    _say(_unreadable("stage", "module", "branch", "block", "head"), no_block, no_head)
    stage = address.stage
    with st.sidebar:
        _stage_control(stage)
        _slider("Module", "module", config.num_modules[stage - 1], address.module + 1)
        put(_state_key("branch"), "branch", _BRANCHES[address.branch], _BRANCHES[:stage])
        st.segmented_control(
            "Branch",
            _BRANCHES[:stage],
            required=True,
            key=_state_key("branch"),
            persist_state="session",
            help="The resolution of the branch relative to the picture.",
        )
        _slider("Block", "block", config.num_blocks[stage - 1], address.block + 1)
        heads = (_MEAN, *(str(number + 1) for number in range(config.num_heads[address.branch])))
        put(_state_key("head"), "head", _MEAN if head is None else str(head + 1), heads)
        st.selectbox(
            "Head",
            heads,
            key=_state_key("head"),
            persist_state="session",
            help="One head, or the mean of all.",
        )
    return address, head


def choose_module(config: HRFormerConfig) -> tuple[int, int]:
    """Choose a stage (2 to 4) and a module of it (from 0), in the sidebar and in the URL, falling back as above."""
    asked_stage = _wanted("stage", 4)
    stage = min(max(asked_stage, 2), 4)
    modules = config.num_modules[stage - 1]
    asked = _wanted("module", modules)
    module = min(max(asked, 1), modules)
    _say(
        _unreadable("stage", "module"),
        f"Stages 2 to 4 have branches, stage {asked_stage} has not; this is stage {stage}."
        if stage != asked_stage
        else None,
        f"Stage {stage} has {counted(modules, 'module')}, no module {asked}; this is module {module}."
        if module != asked
        else None,
    )
    with st.sidebar:
        _stage_control(stage)
        _slider("Module", "module", modules, module)
    return stage, module - 1


def choose_position(config: HRFormerConfig, branch: int) -> tuple[int, int]:
    """Choose a row and a column of a branch's map, in the sidebar and in the URL, falling back as above.

    A change of branch keeps the place in the picture.
    """
    height, width = branch_sizes(config.img_size)[branch]
    grid = WindowGrid(height, width, config.window_sizes[branch])
    asked = _wanted("row", height // 2), _wanted("column", width // 2)
    asked = _same_place(asked, st.session_state.get(_LAST_MAP), (branch, config.img_size, (height, width)))
    (row, column), correction = nearest_position(grid, asked)
    _say(_unreadable("row", "column"), correction)
    st.session_state[_LAST_MAP] = (branch, config.img_size, (height, width))
    with st.sidebar:
        _slider("Row", "row", height - 1, row, low=0)
        _slider("Column", "column", width - 1, column, low=0)
    return row, column


def _same_place(position: tuple[int, int], before: _Map | None, now: _Map) -> tuple[int, int]:
    """Where a position of another branch's map lies on this one; the same one after a change of picture size."""
    if before is None or before[0] == now[0] or before[1] != now[1]:
        return position
    row, column = (
        (2 * index + 1) * new // (2 * old) for index, old, new in zip(position, before[2], now[2], strict=True)
    )
    return row, column


def take_click() -> None:
    """Make the clicked position the chosen one."""
    points = st.session_state[f"chart_{CLICKABLE}"].selection.points
    places = [point["customdata"] for point in points if point.get("customdata") is not None]
    if places:
        row, column = places[0]
        st.session_state[_state_key("row")], st.session_state[_state_key("column")] = int(row), int(column)


def _state_key(key: str) -> str:
    """Apart from other pages' controls of the same name, which Streamlit binds to the link."""
    return f"look_{key}"


def _wanted(key: str, default: int, low: int | None = None, high: int | None = None) -> int:
    """What a control or, before it is there, the link asks for; `default` where that is no whole number."""
    asked = st.session_state.get(_state_key(key), st.query_params.get(key, default))
    try:
        number = int(asked)
    except (TypeError, ValueError):
        return default
    return min(max(number, number if low is None else low), number if high is None else high)


def _wanted_branch() -> int:
    asked = st.session_state.get(_state_key("branch"), st.query_params.get("branch", _BRANCHES[0]))
    return _BRANCHES.index(asked) if asked in _BRANCHES else 0


def _wanted_head() -> int | None:
    asked = st.session_state.get(_state_key("head"), st.query_params.get("head", _MEAN))
    return None if asked == _MEAN else _wanted("head", 1) - 1


def _say(*corrections: str | None) -> None:
    """Tell that something else is shown than what was asked for."""
    told = " ".join(correction for correction in corrections if correction is not None)
    place = st.empty()  # always, since controls that move on the page lose what the link says of them
    if told:
        place.info(plain(told), icon=":material/info:")


def _unreadable(*keys: str) -> str | None:
    """Which values of the link nobody can read, before the controls are there and stand for it."""
    asked = {key: st.query_params.get(key) for key in keys if _state_key(key) not in st.session_state}
    wrong = [f"{key}={shown(value)}" for key, value in asked.items() if value is not None and not _is_legal(key, value)]
    return f"The link's {' and '.join(wrong)} can't be read; the usual stands in its place." if wrong else None


def _is_legal(key: str, value: str) -> bool:
    named = {"branch": _BRANCHES, "head": (_MEAN,)}.get(key, ())
    return value in named or (key != "branch" and value.removeprefix("-").isdecimal())


def put(control: str, link: str, value: int | str, options: Hashable) -> None:
    """Make control and link show a value.

    It is given to the control only where it must be, for that would move a slider back that is still being dragged. On
    another page, and with other options, the control is a new one, which starts at its lowest value without.

    Args:
        control: Key of the control.
        link: Key in the link.
        value: The chosen one.
        options: What can be chosen, or the ends of the range.
    """
    state, put_into = st.session_state, f"{control}_put_into"
    here = (state.get(_PAGE), options)
    if state.get(control) != value or state.get(put_into) != here:
        state[control], state[put_into] = value, here
    if st.query_params.get(link) != str(value):
        st.query_params[link] = str(value)


def _stage_control(stage: int) -> None:
    """Stage 2, 3 or 4, for the sidebar."""
    put(_state_key("stage"), "stage", stage, None)
    st.segmented_control(
        "Stage",
        (2, 3, 4),
        required=True,
        key=_state_key("stage"),
        persist_state="session",
        help="Stage 1 has no branches.",
    )


def _slider(label: str, key: str, high: int, value: int, *, low: int = 1) -> None:
    """A slider; where there is no choice there is none."""
    put(_state_key(key), key, value, (low, high))
    if high > low:
        st.slider(label, low, high, key=_state_key(key), persist_state="session")
