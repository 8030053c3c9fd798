"""What a user of the load test does, and what each page must then show: the user's own variant and nobody else's."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.cost.complexity import estimate_complexity
from explorer.inspection.feature_maps import channel_mean, collect_module_maps
from explorer.models.variants import to_query
from explorer.models.weights import random_model
from explorer.pictures.photographs import (
    SAMPLES,
    fit,
    load_sample,
    to_input,
)
from explorer.units import with_prefix
from hrformer import HRFormerConfig, preset
from hrformer.config import NUM_STAGES
from tests.load.user import Page, User

#: Widths of the users' own variants start here; each user has another.
FIRST_WIDTH = 8
SLIDER = "slider change"
#: A link whose maps take hundreds of times the budget, and how the refusal begins.
_IMPOSSIBLE = "preset=tiny&img_size=8192,8192"
_REFUSAL = "This needs about"


@dataclass
class Findings:
    """What all users saw.

    Attributes:
        seconds: Times by kind of action.
        errors: Error messages and time-outs, with the user's number.
        mix_ups: Views that showed another variant than the user's own.
        waits: Pages that said that they wait for their turn.
        maps: Of each user the variant and the 1/4 map before the last fusion that were shown last.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    mix_ups: list[str] = field(default_factory=list)
    waits: int = 0
    maps: dict[int, tuple[HRFormerConfig, NDArray[np.float32]]] = field(default_factory=dict)


class Visit:
    """One user with a variant of their own, until the time is up.

    Args:
        number: Tells the users apart, from 0.
        findings: Filled as the user goes on.
        pause_s: Shortest and longest time that a user looks at a page before doing the next thing, in seconds.
    """

    def __init__(self, number: int, findings: Findings, pause_s: tuple[float, float]) -> None:
        self._number = number
        self._findings = findings
        self._pause_s = pause_s
        self._random = random.Random(number)
        width = FIRST_WIDTH + number
        self._config = preset("tiny", channels=(width, 2 * width, 4 * width, 8 * width), num_heads=(1, 2, 4, 8))

    async def run(self, address: str, end: float) -> None:
        """Use the app until `time.monotonic()` reaches `end`."""
        try:
            async with User(address) as user:
                query = "&".join(f"{key}={value}" for key, value in to_query(self._config).items())
                self._check("first page", await user.open(query))
                while time.monotonic() < end:
                    await self._round(user, end)
        except TimeoutError:
            self._findings.errors.append(f"user {self._number}: no answer in time")
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a finding
            self._findings.errors.append(f"user {self._number}: {type(error).__name__}: {error}")

    async def _round(self, user: User, end: float) -> None:
        for key, field_name in (("num_modules.2", "num_modules"), ("window_sizes.all", "window_sizes")) * 2:
            await self._pause()
            await self._move(user, key, field_name)
            if time.monotonic() > end:
                return
        await self._pause()
        self._check_maps(await user.go("feature_maps"))
        await self._pause()
        self._check("open Attention windows", await user.go("attention_windows"))
        await self._pause()
        self._check(SLIDER, await user.change("row", self._random.randrange(56)))
        await self._pause()
        self._check("open Comparison", await user.go("comparison"))
        await self._pause()
        self._check("open Architecture", await user.go(""))

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(*self._pause_s))

    async def _move(self, user: User, key: str, field_name: str) -> None:
        current = getattr(self._config, field_name)
        if field_name == "num_modules":
            value = self._random.choice([count for count in (1, 2, 3) if count != current[2]])
            values = (*current[:2], value, current[3])
        else:
            value = self._random.choice([size for size in (5, 7, 8, 9) if size != current[0]])
            values = (value,) * NUM_STAGES
        self._config = replace(self._config, **{field_name: values})
        page = await user.change(key, value)
        self._check(SLIDER, page)
        exact = f"Exactly {estimate_complexity(self._config).params:,.0f}."
        if exact not in page.metrics.get("Parameters", ""):
            self._findings.mix_ups.append(f"user {self._number}: {page.metrics} instead of {exact}")

    def _check(self, action: str, page: Page) -> None:
        """Errors and waiting on any page, and on those that show it the card of the user's variant."""
        findings = self._findings
        findings.seconds[action].append(page.seconds)
        findings.errors += [f"user {self._number}, {action}: {error}" for error in page.errors]
        findings.waits += page.waited
        cost = estimate_complexity(self._config)
        card = f"{with_prefix(cost.params, 'parameters')} · {with_prefix(cost.macs, 'MACs')} · "
        if not page.metrics and not any(text.startswith(card) for text in page.texts):
            findings.mix_ups.append(f"user {self._number}, {action}: no card of {card}")

    def _check_maps(self, page: Page) -> None:
        self._check("open Feature maps", page)
        chart = json.loads(page.charts.get("chart_before_channel_mean", "{}"))
        titles = [note["text"] for note in chart.get("layout", {}).get("annotations", ())]
        if not any(title.startswith(f"1/4 branch<br>{self._config.channels[0]} x ") for title in titles):
            self._findings.mix_ups.append(f"user {self._number}: feature maps of another variant")
            return
        self._findings.maps[self._number] = self._config, _first_heat_map(chart)


async def ask_for_the_impossible(address: str, findings: Findings, every_s: float, end: float) -> None:
    """Let further visitors come by a link to maps that never fit, one after the other, until the time is up.

    Each must be refused; the times until then are findings as well.
    """
    async with asyncio.TaskGroup() as group:
        while time.monotonic() < end:
            group.create_task(_ask_once(address, findings))
            await asyncio.sleep(every_s)


async def _ask_once(address: str, findings: Findings) -> None:
    try:
        async with User(address) as user:
            page = await user.open(_IMPOSSIBLE, "feature_maps")
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a finding
        findings.errors.append(f"an impossible request: {type(error).__name__}: {error}")
        return
    findings.seconds["impossible: refused"].append(page.seconds)
    if not any(error.startswith(_REFUSAL) for error in page.errors):
        findings.errors.append(f"an impossible request was answered with {page.errors or page.texts}")


def wrong_maps(findings: Findings) -> list[str]:
    """Shown feature maps that are not those which the same variant makes here, in another process."""
    return [
        f"user {number}: the map is not that of the user's variant"
        for number, (config, shown) in findings.maps.items()
        if not np.allclose(shown, _expected_map(config), atol=2e-3)
    ]


def _expected_map(config: HRFormerConfig) -> NDArray[np.float32]:
    picture = fit(load_sample(next(iter(SAMPLES))), config.img_size)
    last = config.num_modules[3] - 1
    return channel_mean(collect_module_maps(random_model(config, 0), to_input(picture, 3), 4, last).before[0])


def _first_heat_map(chart: dict[str, Any]) -> NDArray[np.float32]:
    trace = next(trace for trace in chart["data"] if trace["type"] == "heatmap")
    shape = [int(side) for side in trace["z"]["shape"].split(",")]
    return np.frombuffer(base64.b64decode(trace["z"]["bdata"]), trace["z"]["dtype"]).reshape(shape)
