"""The arms of an ablation: a reference and what is left when one thing at a time is taken out, over further axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from explorer.ablation.switches import Switch
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES

#: More take long to measure and no longer fit one figure.
MAX_ARMS = 24


@dataclass(frozen=True)
class Arm:
    """One network of an ablation.

    Attributes:
        point: Where on the further axes, such as "K 7, R 4"; "" without any.
        switch: What is taken out; None in the reference.
        config: The network.
        reference: The network at the same point that nothing is taken out of.
    """

    point: str
    switch: Switch | None
    config: HRFormerConfig
    reference: HRFormerConfig

    @property
    def name(self) -> str:
        """The reference, or what is missing."""
        return "reference" if self.switch is None else self.switch.without

    @property
    def label(self) -> str:
        """Name and point."""
        return f"{self.name} · {self.point}" if self.point else self.name


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Further axes; an empty one keeps what the variant has.

    Attributes:
        window_sizes: K, the same in all branches.
        num_heads: H of the 1/4 branch; it doubles with each lower branch.
        mlp_ratios: R, the same in all branches.
    """

    window_sizes: tuple[int, ...] = ()
    num_heads: tuple[int, ...] = ()
    mlp_ratios: tuple[float, ...] = ()


def arms_of(config: HRFormerConfig, switches: Sequence[Switch], axes: Axes | None = None) -> tuple[Arm, ...]:
    """At each point of the axes the reference, then one arm per switch.

    The reference is the variant with everything put in that a switch takes out.

    Args:
        config: The variant.
        switches: At least one.
        axes: Further axes, crossed with each other.

    Raises:
        ValueError: If there is no switch, a point is no legal variant, a switch has nothing to take out or does not fit
            there, or there are more than `MAX_ARMS` arms.
    """
    if not switches:
        raise ValueError("No switch is chosen: choose at least one thing to take out.")
    points = _points(axes or Axes())
    count = (1 + len(switches)) * len(points)
    if count > MAX_ARMS:
        raise ValueError(f"These are {count} networks: choose fewer switches or axis values, for at most {MAX_ARMS}.")
    return tuple(arm for changes in points for arm in _arms_at(config, switches, changes))


def _points(axes: Axes) -> list[dict[str, Any]]:
    """Fields that change at each point of the axes, with the paper's letter and the value."""
    spread = {
        "window_sizes": [(f"K {size:g}", (size,) * NUM_BRANCHES) for size in axes.window_sizes],
        "num_heads": [
            (f"H {heads:g}", tuple(heads * 2**branch for branch in range(NUM_BRANCHES))) for heads in axes.num_heads
        ],
        "mlp_ratios": [(f"R {ratio:g}", (ratio,) * NUM_BRANCHES) for ratio in axes.mlp_ratios],
    }
    used = {field: values for field, values in spread.items() if values}
    if math.prod(len(values) for values in used.values()) > MAX_ARMS:
        raise ValueError(f"The axes cross to more than {MAX_ARMS} points: choose fewer values.")
    return [dict(zip(used, point, strict=True)) for point in itertools.product(*used.values())]


def _arms_at(config: HRFormerConfig, switches: Sequence[Switch], changes: dict[str, Any]) -> list[Arm]:
    point = ", ".join(text for text, _ in changes.values())
    reference = replace(config, **{field: value for field, (_, value) in changes.items()})
    for switch in switches:
        reference = switch.put_in(reference)
    arms = [Arm(point, None, reference, reference)]
    return arms + [Arm(point, switch, switch.take_out(reference), reference) for switch in switches]


def put_in_names(config: HRFormerConfig, switches: Sequence[Switch]) -> list[str]:
    """What the variant itself lacks of what the switches take out."""
    return [switch.name for switch in switches if switch.put_in(config) != config]
