"""What became of all claims, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from explorer.claims.claim import Kind, Outcome
from explorer.claims.table import count_verdicts
from explorer.units import significant

#: What claims of a kind are, one and several.
_NOUNS: dict[Kind, tuple[str, str]] = {
    "cost": ("a counted cost", "counted costs"),
    "scaling": ("a growth of attention's time", "growths of attention's time"),
    "speed": ("a speed published for an A100", "speeds published for an A100"),
    "accuracy": ("an accuracy", "accuracies"),
}


def answer(outcomes: Sequence[Outcome]) -> str:
    """One sentence: how many claims hold, and of what kind those are that differ or cannot be checked."""
    counts = count_verdicts(outcomes)
    differing = [outcome for outcome in outcomes if outcome.verdict == "differs"]
    unchecked = [outcome for outcome in outcomes if outcome.verdict == "not checkable here"]
    are = "is" if counts["reproduced"] == 1 else "are"
    parts = [f"{counts['reproduced']} of {len(outcomes)} claims {are} reproduced"]
    if differing:
        differ = "differs" if len(differing) == 1 else "differ"
        parts.append(f"{len(differing)} {differ}{_of_what(differing)}{_speeds(differing)}")
    if unchecked:
        parts.append(f"{len(unchecked)} cannot be checked here{_of_what(unchecked)}")
    return f"{'; '.join(parts)}."


def _of_what(outcomes: Sequence[Outcome]) -> str:
    """Of what kind they are: ", all of them accuracies" or ": 3 accuracies and a counted cost"."""
    kinds = Counter(outcome.claim.kind for outcome in outcomes)
    names = [_NOUNS[kind][0] if count == 1 else f"{count} {_NOUNS[kind][1]}" for kind, count in kinds.most_common()]
    if len(kinds) > 1:
        return f": {', '.join(names[:-1])} and {names[-1]}"
    one, several = _NOUNS[next(iter(kinds))]
    return f", {one}" if len(outcomes) == 1 else f", all of them {several}"


def _speeds(outcomes: Sequence[Outcome]) -> str:
    """What the other machine makes of the ratios of latencies; nothing where no speed is among them."""
    pairs = [(o.claim.published, o.ours) for o in outcomes if o.claim.kind == "speed" and o.ours is not None]
    if not pairs:
        return ""
    there, here = (_range(values) for values in zip(*pairs, strict=True))
    return f" (there HRFormer-B takes {there} times as long as its rival, here {here})"


def _range(values: Sequence[float]) -> str:
    low, high = (significant(value, 2) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
