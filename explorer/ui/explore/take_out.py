"""Take it out and see: parts switched off in the diagram, and what becomes of the prediction and of mIoU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from torch import Tensor

from explorer.ablation.parts import (
    KIND_NAMES,
    KINDS,
    REMAINDERS,
    Kind,
    Part,
    count_parts,
    is_part_of,
    parts_of,
    read_part,
)
from explorer.ablation.ranking_file import ranking_table
from explorer.ablation.worth import Change, Ranked, by_worth
from explorer.charts.diagram_parts import parts_diagram
from explorer.ui import address, choices
from explorer.ui.explore.architecture import describe_network
from explorer.ui.explore.sight import Sight
from explorer.ui.explore.take_out_diagram import (
    change_in_words,
    clicked_part,
    diagram_key,
    looks_of,
    worths_of,
)
from explorer.ui.explore.take_out_measures import (
    RANKING,
    digits_miou,
    has_truth,
    measured_change,
    measured_ranking,
    output_of,
    ranking_key,
    shipped_ranking,
)
from explorer.ui.explore.take_out_outputs import change_sentence, show_both
from explorer.ui.panels import csv_button, plain, show_chart
from explorer.ui.progress import throw_away_button
from explorer.units import counted
from hrformer import HRFormerConfig

#: Key of what is taken out, in session and link.
WITHOUT = "without"
#: More parts are not offered one by one in a list: those of the chosen block and its fusion are.
MOST_LISTED = 1000
_BLOCK = "part_block"
_KIND = "rank_kind"
_ASKED = "ranked_here"
_CLICKS, _TAKEN_CLICK = "part_clicks", "taken_part_click"
_NONE = "none"


def take_out_section(sight: Sight) -> None:
    """Everything: the diagram to click on, what is taken out, the prediction without it, and the ranking."""
    config = sight.config
    answer, diagram = st.container(), st.container()
    lists = st.grid(2, min_column_width=240)
    with lists.cell():
        block = _choose_block(config)
    with lists.cell():
        taken = _choose_parts(config, block)
    _inside_block(config, block, taken)
    before = sight.look(output_of, _is_finite)
    if taken:
        after = output_of(sight.weights.model, sight.x, sight.key, taken)
        names = " · ".join(_lower(part.name) for part in taken) if len(taken) < 4 else counted(len(taken), "part")
        answer.markdown(f"Without {names}: {change_sentence(sight, before, after)}")
        show_both(sight, before, after)
    else:
        answer.markdown(
            "Nothing is taken out yet: click a block, a mark on a fusion's arrow, or a branch's square at the left."
        )
        answer.caption("What is taken out is crossed; a block is hatched where something inside it is.")
    ranking = _ranking(sight)
    with diagram:
        _diagram(config, block, taken, ranking)
    if taken and has_truth(sight.weights):
        with answer:  # last, as it is measured while the prediction is there already
            _show_change(sight, taken)


def _choose_block(config: HRFormerConfig) -> Part | None:
    """The block whose inside is offered: by a click, from a list, or by the link."""
    blocks = [part.text for part in parts_of(config, ["block"])]
    text = choices.one_of(
        st.selectbox,
        "Look into",
        (_NONE, *blocks),
        key=_BLOCK,
        format_func=lambda option: "no block" if option == _NONE else read_part(option).name,
        help="What is inside can be taken out by itself. A click on a block in the diagram chooses it, too.",
    )
    return None if text == _NONE else read_part(text)


def _choose_parts(config: HRFormerConfig, block: Part | None) -> list[Part]:
    """What is taken out, as a list to add to and to take from."""
    texts = choices.several_of(
        "Taken out",
        _offered(config, block),
        key=WITHOUT,
        format_func=lambda text: read_part(text).name,
        placeholder="Nothing; choose a part here or in the diagram",
    )
    if texts:
        st.button("Put all back", key="put_all_back", icon=":material/undo:", on_click=choices.hold, args=(WITHOUT, []))
    return [read_part(text) for text in texts]


def _offered(config: HRFormerConfig, block: Part | None) -> list[str]:
    if count_parts(config) <= MOST_LISTED:
        return [part.text for part in parts_of(config)]
    chosen = [text for text in (*address.says_all(WITHOUT), *_held()) if _is_part(config, text)]
    near = [part.text for part in (*parts_of(config, ["branch"]), *_parts_in(config, block))]
    return list(dict.fromkeys([*near, *chosen]))


def _held() -> list[str]:
    """The texts of what is taken out."""
    nothing: list[str] = []
    return choices.held(WITHOUT, nothing)


def _is_part(config: HRFormerConfig, text: str) -> bool:
    try:
        return is_part_of(config, read_part(text))
    except ValueError:
        return False


def _parts_in(config: HRFormerConfig, block: Part | None) -> list[Part]:
    """The block itself and what it holds."""
    if block is None:
        return []
    heads = range(config.num_heads[block["branch"]])
    inside = [Part(kind, block.place) for kind in ("block", "attention", "dw_conv")]
    inside += [Part("head", (*block.place, head)) for head in heads]
    return [part for part in inside if is_part_of(config, part)]


def _inside_block(config: HRFormerConfig, block: Part | None, taken: Sequence[Part]) -> None:
    """What of the chosen block is taken out, each by a switch."""
    parts = [part.text for part in _parts_in(config, block)]
    if block is None:
        return
    choices.present(
        st.pills,
        f"Taken out of it ({block.name})",
        parts,
        key="inside_block",
        value=[part.text for part in taken if part.text in parts],
        on_move=partial(_take_inside, parts),
        place=tuple(parts),
        selection_mode="multi",
        format_func=_short_name,
        help=" ".join(
            f"{KIND_NAMES[kind]}: {REMAINDERS[kind].lower()}" for kind in ("block", "attention", "dw_conv", "head")
        ),
    )


def _short_name(text: str) -> str:
    part = read_part(text)
    return "whole block" if part.kind == "block" else part.name.partition(": ")[2].partition(" of ")[0]


def _take_inside(parts: Sequence[str], chosen: Sequence[str]) -> None:
    choices.hold(WITHOUT, [*(text for text in _held() if text not in parts), *chosen])


def _show_change(sight: Sight, taken: Sequence[Part]) -> None:
    """The change of mIoU over the test pictures."""
    try:
        change = measured_change(sight.weights, taken)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if change is not None:
        st.markdown(miou_sentence(change))


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def miou_sentence(change: Change) -> str:
    """How mIoU changes, with its interval, as Markdown."""
    clear = change.low is not None and change.high is not None and (change.low > 0 or change.high < 0)
    verdict = "" if clear else "; zero lies within, so that no change is shown"
    return (
        f"Over {digits_miou().count} test pictures mIoU goes from {change.before:.3f} to **{change.after:.3f}**: "
        f"{change.change:+.3f}, 95 % interval {change.low:+.3f} to {change.high:+.3f}{verdict}."
    )


def _diagram(
    config: HRFormerConfig, block: Part | None, taken: Sequence[Part], ranking: Sequence[Ranked] | None
) -> None:
    network = describe_network(config)
    # After a click the chart is a new one: a second click on the same part would take the first one back.
    name = f"parts_{st.session_state.get(_CLICKS, 0)}"
    kind = KIND_NAMES[ranking[0].part.kind].lower() if ranking else ""
    show_chart(
        parts_diagram(
            network,
            looks_of(config, network, taken, ranking),
            f"Click to take out; colours: worth of {kind}" if ranking else "Click to take out",
            worths=worths_of(ranking),
            chosen="" if block is None else diagram_key(config, network, block),
        ),
        name,
        alt="Diagram of the network, in which blocks, fusion arrows and branches can be clicked; what is taken out is "
        "crossed. The lists below choose the same",
        on_select=partial(_take_click, config, f"chart_{name}"),
    )


def _take_click(config: HRFormerConfig, chart: str) -> None:
    """Take out what was clicked, or put it back; a block is looked into."""
    keys = [str(point["customdata"]) for point in st.session_state[chart].selection.points]
    # A browser tells of a click again with the next run of a fragment, when its chart is gone already.
    if not keys or st.session_state.get(_TAKEN_CLICK) == (chart, keys):
        return
    st.session_state[_TAKEN_CLICK] = chart, keys
    st.session_state[_CLICKS] = st.session_state.get(_CLICKS, 0) + 1
    part = clicked_part(config, keys[0])
    if part.kind == "block":
        choices.hold(_BLOCK, part.text)
        return
    texts = _held()
    others = [text for text in texts if text != part.text]
    choices.hold(WITHOUT, others if part.text in texts else [*texts, part.text])


def _ranking(sight: Sight) -> Sequence[Ranked] | None:
    """The ranking of the chosen kind, where it is known; measured when that is asked for."""
    st.subheader("What each is worth")
    kind: Kind = choices.segments(
        "Each of",
        KINDS,
        key=_KIND,
        format_func=lambda kind: KIND_NAMES[kind],
        help="Each is taken out by itself, with all others there.",
    )
    key = ranking_key(sight, kind)
    shipped = shipped_ranking(sight.weights, kind)
    is_asked = key in st.session_state.setdefault(_ASKED, set())
    if not is_asked:
        st.button(
            "Rank them again here" if shipped else "Rank all",
            key="rank_all",
            icon=":material/leaderboard:",
            on_click=st.session_state[_ASKED].add,
            args=(key,),
            help=_rank_help(sight),
        )
    ranking: Sequence[Ranked] | None = None
    if is_asked:
        try:
            ranking = measured_ranking(sight, kind)
        except ValueError as error:
            st.error(plain(str(error)), icon=":material/error:")
    if not ranking:
        ranking = shipped
    _show_ranking(sight, ranking, is_shipped=ranking is shipped)
    if is_asked and ranking is not shipped:
        throw_away_button(RANKING, key)
    return ranking


def _rank_help(sight: Sight) -> str:
    if has_truth(sight.weights):
        return f"By the change of mIoU over {digits_miou().count} test pictures of digits."
    return "By how much of this picture's output changes: what is right is not known here."


def _show_ranking(sight: Sight, ranking: Sequence[Ranked], *, is_shipped: bool) -> None:
    if not ranking:
        return
    ordered = by_worth(ranking)
    st.markdown(ranking_sentence(ordered))
    st.dataframe(
        _shown(ordered),
        hide_index=True,
        height=min(35 * (len(ordered) + 1) + 3, 300),
        alt="Parts by what they are worth, with intervals where there are any",
    )
    csv_button(ranking_table(ordered), f"ranking_{ordered[0].part.kind}", "Ranking as CSV")
    origin = "Measured beforehand (results/reference/part_ranking.csv)" if is_shipped else "Measured here"
    pictures = f"mIoU over {digits_miou().count} test pictures, intervals by resampling them"
    st.caption(f"{origin}: {pictures}." if has_truth(sight.weights) else f"{origin}: the output for this picture.")


def ranking_sentence(ordered: Sequence[Ranked]) -> str:
    """What is worth most, and how many parts are shown to be worth something."""
    first = ordered[0]
    sentence = f"Worth most: **{first.part.name}**, without which {change_in_words(first)}."
    if first.change.before is None:
        return sentence
    needed = sum(ranked.change.high is not None and ranked.change.high < 0 for ranked in ordered)
    return f"{sentence} Of {counted(len(ordered), 'part')} {needed} are shown to be worth something."


def _shown(ordered: Sequence[Ranked]) -> object:
    table = ranking_table(ordered).drop(columns="part").dropna(axis=1, how="all")
    scored = {"score": "mIoU", "score without it": "mIoU without it"}
    return table.rename(columns=scored).style.format(precision=3)


def _is_finite(output: Tensor) -> bool:
    return bool(output.isfinite().all())
