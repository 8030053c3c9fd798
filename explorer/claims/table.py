"""All claims judged, as a table and as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from explorer.claims.catalogue import CLAIMS
from explorer.claims.claim import VERDICTS, Claim, Evidence, Outcome, Verdict, in_convention, judge
from explorer.claims.quantities import LatencyRatio, cost
from explorer.cost.conventions import Convention
from explorer.records.csv_cells import table_csv
from explorer.units import significant

#: Digits of our figures in the file: enough to see any change, too few for the last bit of a sum to show.
_DIGITS = 6
_DECIMALS = 9
#: What a reader looks for first.
_RANKS: tuple[Verdict, ...] = ("differs", "not checkable here", "reproduced")


def count_costs(on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> bool:
    """Count every model that a claim needs; the counts are kept, so that judging takes no time afterwards.

    Returns:
        Whether it came to its end.
    """
    wanted = list(dict.fromkeys(pair for claim in CLAIMS if claim.quantity for pair in claim.quantity.counted))
    for done, (model, img_size) in enumerate(wanted):
        if should_stop():
            return False
        on_progress(done, len(wanted))
        cost(model, img_size)
    return True


def judge_all(evidence: Evidence, claims: Sequence[Claim] = CLAIMS) -> list[Outcome]:
    """The outcome of each claim, in order."""
    return [judge(claim, evidence) for claim in claims]


def ranked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What differs first, then what cannot be checked, then what is reproduced; within each the farthest off first.

    How far off is told by the ratio of ours to the published figure, since units differ; equal ones keep their order.
    """

    def rank(outcome: Outcome) -> tuple[int, float]:
        return _RANKS.index(outcome.verdict), 0.0 if outcome.ratio is None else -abs(outcome.ratio - 1)

    return sorted(outcomes, key=rank)


def count_verdicts(outcomes: Sequence[Outcome]) -> dict[Verdict, int]:
    """How many claims got each verdict."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def compared_models(claims: Sequence[Claim] = CLAIMS) -> list[str]:
    """The models whose records the speed claims need."""
    pairs = [claim.quantity for claim in claims if isinstance(claim.quantity, LatencyRatio)]
    return list(dict.fromkeys(name for pair in pairs for name in (pair.model, pair.baseline)))


def shown_table(outcomes: Sequence[Outcome], convention: Convention | None, evidence: Evidence) -> pd.DataFrame:
    """What a page shows: both figures of every claim in one convention, or each as it was printed.

    Returns:
        Columns key, verdict, topic, claim, published, ours, deviation (ours less published), ratio (ours over
        published) and tolerance_used (a share), both in the claim's own convention, unit, origin, source.
    """
    rows = []
    for outcome in outcomes:
        shown = in_convention(outcome, convention, evidence)
        deviation = None if shown.ours is None or shown.published is None else shown.ours - shown.published
        rows.append(
            {
                "key": outcome.claim.key,
                "verdict": outcome.verdict,
                "topic": outcome.claim.topic,
                "claim": outcome.claim.text,
                "published": shown.published,
                "ours": shown.ours,
                "deviation": deviation,
                "ratio": outcome.ratio,
                "tolerance_used": outcome.tolerance_used,
                "unit": shown.unit,
                "origin": outcome.origin,
                "source": outcome.claim.source,
            }
        )
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(("published", "ours", "deviation", "ratio", "tolerance_used"), float))


def relative_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Ours as a multiple of the published figure, with the tolerance likewise: claims of all units on one axis.

    Returns:
        Columns key, claim, verdict, ratio, tolerance; only claims with both figures.
    """
    rows = [
        (
            outcome.claim.key,
            outcome.claim.text,
            outcome.verdict,
            outcome.ratio,
            outcome.claim.tolerance / outcome.claim.published,
        )
        for outcome in outcomes
        if outcome.ratio is not None
    ]
    return pd.DataFrame(rows, columns=["key", "claim", "verdict", "ratio", "tolerance"])


def file_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """What a file keeps of every claim, in the claim's own convention, with six digits.

    Returns:
        Columns key, topic, kind, claim, published, ours, deviation, tolerance, tolerance_used (a share), unit,
        convention, verdict, origin, reason, method, source.
    """
    return pd.DataFrame(
        [
            {
                "key": outcome.claim.key,
                "topic": outcome.claim.topic,
                "kind": outcome.claim.kind,
                "claim": outcome.claim.text,
                "published": _rounded(outcome.claim.published),
                "ours": _rounded(outcome.ours),
                "deviation": _rounded(outcome.deviation),
                "tolerance": _rounded(outcome.claim.tolerance),
                "tolerance_used": _rounded(outcome.tolerance_used),
                "unit": outcome.claim.unit,
                "convention": outcome.claim.convention.label if outcome.claim.convention else "",
                "verdict": outcome.verdict,
                "origin": outcome.origin,
                "reason": outcome.reason,
                "method": outcome.claim.method,
                "source": outcome.claim.source,
            }
            for outcome in outcomes
        ]
    )


def write_claims(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the claims as CSV."""
    path.write_bytes(table_csv(file_table(outcomes)))


def in_words(value: float | None, unit: str) -> str:
    """A figure as a person reads it; a dash where there is none."""
    return "–" if value is None else f"{significant(value)} {unit}".strip()


def closeness(outcome: Outcome) -> str:
    """What is said of a claim that is reproduced by more than half of its tolerance; nothing of others."""
    return f"uses {outcome.tolerance_used:.0%} of its tolerance".replace("%", " %") if outcome.is_narrow else ""


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{round(value, _DECIMALS):.{_DIGITS}g}") + 0.0  # no -0.0
