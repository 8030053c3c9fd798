"""The diagram of "Take it out": how each part looks, and which part a click on it means."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from explorer.ablation.parts import KIND_NAMES, Kind, Part, parts_of, read_part
from explorer.ablation.worth import Ranked
from explorer.charts.diagram import NetworkDiagram
from explorer.charts.diagram_parts import PartLook, Worths
from explorer.units import significant
from hrformer import HRFormerConfig

#: Kinds that a click on the diagram means by themselves; the others lie within a block.
CLICKED_KINDS: tuple[Kind, ...] = ("branch", "block", "arrow")


def diagram_key(config: HRFormerConfig, network: NetworkDiagram, part: Part) -> str:
    """Where a part stands in the diagram: a module's many blocks share a box, bottlenecks are counted through."""
    if part.kind in ("branch", "arrow"):
        return part.text
    stage, module, branch, block = part.place[:4]
    if stage == 1:
        return f"block:1.0.0.{module * config.num_blocks[0] + block}"
    return f"block:{stage}.{module}.{branch}.{0 if network.condensed else block}"


def clicked_part(config: HRFormerConfig, key: str) -> Part:
    """The part that a key of the diagram stands for.

    Raises:
        ValueError: If it stands for none.
    """
    part = read_part(key)
    if part.kind == "block" and part["stage"] == 1:
        return Part(
            "block", (1, *divmod(part["block"], config.num_blocks[0])[:1], 0, part["block"] % config.num_blocks[0])
        )
    return part


def looks_of(
    config: HRFormerConfig, network: NetworkDiagram, taken: Collection[Part], ranking: Sequence[Ranked] | None
) -> dict[str, PartLook]:
    """How every part that can be clicked is drawn.

    Args:
        config: The variant.
        network: Its diagram.
        taken: What is taken out.
        ranking: What parts are worth, of one kind.
    """
    # A box that stands for several blocks is never crossed for one of them.
    drawn_alone = ("branch", "arrow") if network.condensed else CLICKED_KINDS
    whole = {diagram_key(config, network, part) for part in taken if part.kind in drawn_alone}
    inside = {diagram_key(config, network, part) for part in taken}
    changes: dict[str, list[Ranked]] = {}
    for ranked in ranking or ():
        changes.setdefault(diagram_key(config, network, ranked.part), []).append(ranked)
    gone = {part["branch"] for part in taken if part.kind == "branch"}
    looks: dict[str, PartLook] = {}
    for part in parts_of(config, CLICKED_KINDS):
        key = diagram_key(config, network, part)
        if key in looks:
            continue
        is_gone = key in whole or bool(gone & _branches(part))
        looks[key] = PartLook(
            "<br>".join(_says(part, is_gone=is_gone, changes=changes.get(key, []))),
            "whole" if is_gone else "inside" if key in inside else "no",
            tuple(worth_of(ranked) for ranked in changes.get(key, [])),
        )
    return looks


def worth_of(ranked: Ranked) -> float:
    """What the score loses without the part; or how much of the output changes, where nothing is known to be right."""
    return ranked.change.change if ranked.change.before is None else -ranked.change.change


def worths_of(ranking: Sequence[Ranked] | None) -> Worths | None:
    """The scale of the diagram's colours."""
    if not ranking:
        return None
    if ranking[0].change.before is None:
        return Worths("change of the output without it / norm of the output", signed=False)
    return Worths("what mIoU loses without it", signed=True)


def change_in_words(ranked: Ranked) -> str:
    """What taking a part out changes, with its interval where there is one."""
    change = ranked.change
    if change.before is None:
        return f"the output changes by {significant(change.change * 100)} % of its norm"
    return f"mIoU {change.change:+.3f} ({change.low:+.3f} to {change.high:+.3f})"


def _branches(part: Part) -> set[int]:
    """Which branches a part is of, or joins."""
    if part.kind == "arrow":
        return {part["source"], part["target"]}
    return set() if part.kind == "block" and part["stage"] == 1 else {part["branch"]}


def _says(part: Part, *, is_gone: bool, changes: Sequence[Ranked]) -> Iterator[str]:
    yield part.name
    if part.kind == "block":
        yield "Click to choose what of it is taken out"
    else:
        yield "Taken out: click to put it back" if is_gone else "Click to take it out"
    for ranked in changes[:8]:
        name = "" if ranked.part.kind in CLICKED_KINDS else f"{ranked.part.name.partition(': ')[2]}: "
        yield f"{name}{change_in_words(ranked)} without it"
    if len(changes) > 8:
        yield f"and {len(changes) - 8} more {KIND_NAMES[changes[0].part.kind].lower()}"
