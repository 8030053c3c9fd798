"""What "Take it out" computes: outputs with and without the parts, the change of mIoU, and rankings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache, partial

import torch
from torch import Tensor

from explorer.ablation.parts import KIND_NAMES, Kind, Part, parts_of
from explorer.ablation.ranking_file import reference_ranking
from explorer.ablation.without import without
from explorer.ablation.worth import BATCH, Change, DigitsMiou, OutputChange, Ranked, Score, rank
from explorer.cost.capacity import looking_mib
from explorer.models.trained import fits_trained_weights
from explorer.ui.explore.sight import Key, Sight
from explorer.ui.heavy_work import shared_pass
from explorer.ui.progress import OnProgress, ShouldStop, with_progress
from explorer.ui.sources import WeightsSource
from hrformer import HRFormer, HRFormerConfig

#: Of the work beside the page, whose results are thrown away by it.
RANKING = "part_ranking"


@cache
def digits_miou() -> DigitsMiou:
    """The score on digits; its pictures are drawn once for all sessions."""
    return DigitsMiou()


def has_truth(weights: WeightsSource) -> bool:
    """Whether the network has learned the digits' classes, so that its mIoU on test pictures means something."""
    return fits_trained_weights(weights.model.config) and not weights.are_random


def output_of(model: HRFormer, x: Tensor, key: Key, parts: Collection[Part] = ()) -> Tensor:
    """What a network without some parts gives for a picture; `key` stands for model, weights and picture.

    Raises:
        ValueError: If it can never fit into the memory budget.
    """

    @torch.inference_mode()
    def compute() -> Tensor:
        # Made while the model is watched, it keeps those hooks, so that a long pass tells its progress.
        output: Tensor = (without(model, parts) if parts else model)(x)
        return output

    slot = (key, tuple(sorted(part.text for part in parts)))
    return shared_pass("output", slot, looking_mib(model.config), model, compute)


def measured_change(weights: WeightsSource, parts: Collection[Part]) -> Change | None:
    """The change of mIoU on the digits' test pictures; None while it is measured beside the page.

    Raises:
        ValueError: If it can never fit into the memory budget.
    """
    model, score = weights.model, digits_miou()

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> Change:
        return score.compare(score.measure(model), score.measure(without(model, parts)))

    key = weights.key, tuple(sorted(part.text for part in parts))
    label = f"Measuring mIoU over {score.count} test pictures"
    return with_progress("part_change", key, label, work, needed_mib=_scoring_mib(model.config))


def shipped_ranking(weights: WeightsSource, kind: Kind) -> list[Ranked]:
    """What ships for a kind, where these are the segmenter's weights that ship; else nothing."""
    if weights.origin != "trained" or not has_truth(weights):
        return []
    return [ranked for ranked in _reference() if ranked.part.kind == kind]


def ranking_key(sight: Sight, kind: Kind) -> tuple[object, ...]:
    """Everything that a ranking depends on."""
    return kind, *((sight.weights.key,) if has_truth(sight.weights) else sight.key)


def measured_ranking(sight: Sight, kind: Kind) -> Sequence[Ranked] | None:
    """All parts of a kind, each taken out by itself; None while it is measured beside the page.

    Raises:
        ValueError: If it can never fit into the memory budget.
    """
    model = sight.weights.model
    score: Score = digits_miou() if has_truth(sight.weights) else OutputChange(sight.x)
    work = partial(rank, model, list(parts_of(model.config, [kind])), score)
    return with_progress(
        RANKING,
        ranking_key(sight, kind),
        f"Taking out {KIND_NAMES[kind].lower()}, one by one",
        lambda on_progress, should_stop: work(on_progress=on_progress, should_stop=should_stop),
        needed_mib=_scoring_mib(model.config),
        again="Rank them",
    )


@cache
def _reference() -> list[Ranked]:
    return reference_ranking()


def _scoring_mib(config: HRFormerConfig) -> float:
    """For batches of test pictures, which are small, or a single picture of any size."""
    return looking_mib(config, activation_copies=2.0 * BATCH if fits_trained_weights(config) else 2.0)
