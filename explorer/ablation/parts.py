"""The parts of a network that can be taken out one by one: their places, names and text in links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES, NUM_STAGES
from hrformer.wording import shown

Kind = Literal["branch", "block", "attention", "dw_conv", "head", "arrow"]

KINDS: tuple[Kind, ...] = get_args(Kind)
#: What each kind is called, several of it.
KIND_NAMES: Mapping[Kind, str] = {
    "branch": "Branches",
    "block": "Blocks",
    "attention": "Window attentions",
    "dw_conv": "Depth-wise convolutions",
    "head": "Heads",
    "arrow": "Fusion arrows",
}
#: What is left where a part of a kind is taken out.
REMAINDERS: Mapping[Kind, str] = {
    "branch": "No fusion, no later branch and no head gets anything but zeros from it.",
    "block": "What enters it passes unchanged.",
    "attention": "Every position gets the mean of the values of its window, padding included, whatever they are.",
    "dw_conv": "Only the centre tap of its 3x3 kernel is kept, so that it mixes no positions.",
    "head": "It gives zeros to the projection behind the heads.",
    "arrow": "The fusion's sum lacks this summand.",
}
_BLOCK_FIELDS = ("stage", "module", "branch", "block")
#: What the numbers of a part's place count.
_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "branch": ("branch",),
    "block": _BLOCK_FIELDS,
    "attention": _BLOCK_FIELDS,
    "dw_conv": _BLOCK_FIELDS,
    "head": (*_BLOCK_FIELDS, "head"),
    "arrow": ("stage", "module", "source", "target"),
}
_MAX_DIGITS = 4


@dataclass(frozen=True, order=True)
class Part:
    """One thing that can be taken out of a network.

    Attributes:
        kind: What it is.
        place: Where: the branch from 0; or stage from 1, module, branch and block from 0, for a head its number from 0
            too; or stage, module, source and target of a fusion arrow. A bottleneck of stage 1 is a block of branch 0.

    Raises:
        ValueError: If there is no such kind, or the place has another number of entries.
    """

    kind: Kind
    place: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind = {shown(self.kind)} is not known: use one of {', '.join(KINDS)}.")
        if len(self.place) != len(_FIELDS[self.kind]):
            raise ValueError(f"The place of a {self.kind} has the numbers {', '.join(_FIELDS[self.kind])}.")

    def __getitem__(self, field: str) -> int:
        """The number of a place by what it counts, such as "stage"."""
        return self.place[_FIELDS[self.kind].index(field)]

    @property
    def text(self) -> str:
        """For links and files, such as "head:3.0.1.0.2"."""
        return f"{self.kind}:{'.'.join(map(str, self.place))}"

    @property
    def name(self) -> str:
        """In plain words; modules, blocks and heads count from 1."""
        if self.kind == "branch":
            return f"The {_resolution(self['branch'])} branch"
        where = f"Stage {self['stage']}, module {self['module'] + 1}"
        if self.kind == "arrow":
            source, target = _resolution(self["source"]), _resolution(self["target"])
            return f"{where}: arrow from {source} to {'itself' if source == target else target}"
        if self["stage"] == 1:
            return f"{where}: bottleneck {self['block'] + 1}"
        where = f"{where}, {_resolution(self['branch'])} branch"
        block = f"block {self['block'] + 1}"
        inside = {
            "attention": "window attention",
            "dw_conv": "depth-wise convolution",
            "head": f"head {self.place[-1] + 1}",
        }
        return f"{where}: {inside[self.kind]} of {block}" if self.kind in inside else f"{where}: {block}"


def read_part(text: str) -> Part:
    """A part by its text.

    Raises:
        ValueError: If it is none.
    """
    kind, _, place = text.partition(":")
    numbers = place.split(".")
    if kind not in KINDS or not all(
        number.isdecimal() and number.isascii() and len(number) <= _MAX_DIGITS for number in numbers
    ):
        raise ValueError(f"{shown(text)} is no part of a network: write it such as head:3.0.1.0.2 or branch:2.")
    return Part(kind, tuple(map(int, numbers)))


def parts_of(config: HRFormerConfig, kinds: Iterable[Kind] = KINDS) -> Iterator[Part]:
    """All parts of a variant, kind by kind, each kind from the input on.

    The first bottleneck of stage 1 is none of them: it brings the stem's 64 channels to 256, and nothing could pass.
    Depth-wise convolutions count where they are 3x3.
    """
    by_kind = {
        "branch": (Part("branch", (branch,)) for branch in range(NUM_BRANCHES)),
        "block": (Part("block", place) for place in chain(_bottlenecks(config), _blocks(config))),
        "attention": (Part("attention", place) for place in _blocks(config)),
        "dw_conv": (Part("dw_conv", place) for place in _blocks(config) if has_dw_conv(config)),
        "head": (
            Part("head", (*place, head)) for place in _blocks(config) for head in range(config.num_heads[place[2]])
        ),
        "arrow": (Part("arrow", place) for place in _arrows(config)),
    }
    return chain.from_iterable(by_kind[kind] for kind in kinds)


def count_parts(config: HRFormerConfig) -> int:
    """How many parts a variant has, without listing them."""
    depths = [config.num_modules[stage - 1] * config.num_blocks[stage - 1] for stage in _STAGES]
    blocks = sum(depth * stage for depth, stage in zip(depths, _STAGES, strict=True))
    heads = sum(depth * sum(config.num_heads[:stage]) for depth, stage in zip(depths, _STAGES, strict=True))
    in_blocks = blocks * (3 if has_dw_conv(config) else 2) + heads
    bottlenecks = config.num_modules[0] * config.num_blocks[0] - 1
    arrows = sum(
        config.num_modules[stage - 1] * stage * (stage if config.multi_scale_fusion else 1) for stage in _STAGES
    )
    if config.fused_outputs == "highest":
        arrows -= NUM_BRANCHES * (NUM_BRANCHES - 1) if config.multi_scale_fusion else NUM_BRANCHES - 1
    return NUM_BRANCHES + bottlenecks + in_blocks + arrows


def is_part_of(config: HRFormerConfig, part: Part) -> bool:
    """Whether a variant has a part."""
    if part.kind == "branch":
        return part["branch"] < NUM_BRANCHES
    stage, module = part["stage"], part["module"]
    if not 1 <= stage <= NUM_STAGES or module >= config.num_modules[stage - 1]:
        return False
    if part.kind == "arrow":
        return part.place[2:] in _arrows_of_module(config, stage, module)
    return _has_in_block(config, part)


def has_dw_conv(config: HRFormerConfig) -> bool:
    """Whether blocks have a depth-wise convolution that mixes positions."""
    return config.dw_conv and config.dw_kernel_size > 1


_STAGES = range(2, NUM_STAGES + 1)


def _has_in_block(config: HRFormerConfig, part: Part) -> bool:
    stage, branch = part["stage"], part["branch"]
    if branch >= stage or part["block"] >= config.num_blocks[stage - 1]:
        return False
    if stage == 1:
        return part.kind == "block" and (part["module"], part["block"]) != (0, 0)
    if part.kind == "head":
        return part["head"] < config.num_heads[branch]
    return part.kind != "dw_conv" or has_dw_conv(config)


def _bottlenecks(config: HRFormerConfig) -> Iterator[tuple[int, ...]]:
    places = ((1, module, 0, block) for module in range(config.num_modules[0]) for block in range(config.num_blocks[0]))
    next(places)
    return places


def _blocks(config: HRFormerConfig) -> Iterator[tuple[int, ...]]:
    return (
        (stage, module, branch, block)
        for stage in _STAGES
        for module in range(config.num_modules[stage - 1])
        for branch in range(stage)
        for block in range(config.num_blocks[stage - 1])
    )


def _arrows(config: HRFormerConfig) -> Iterator[tuple[int, ...]]:
    return (
        (stage, module, *arrow)
        for stage in _STAGES
        for module in range(config.num_modules[stage - 1])
        for arrow in _arrows_of_module(config, stage, module)
    )


def _arrows_of_module(config: HRFormerConfig, stage: int, module: int) -> list[tuple[int, ...]]:
    """(source, target) of a fusion; stage 1 has none."""
    if stage == 1:
        return []
    last = stage == NUM_STAGES and module == config.num_modules[-1] - 1
    targets = 1 if last and config.fused_outputs == "highest" else stage
    return [
        (source, target)
        for target in range(targets)
        for source in range(stage)
        if config.multi_scale_fusion or source == target
    ]


def _resolution(branch: int) -> str:
    return f"1/{2 ** (branch + 2)}"
