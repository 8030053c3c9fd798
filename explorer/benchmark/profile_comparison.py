"""Two profiles in kinds of work that all networks share: how much longer one call takes, and which kinds make it so."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd

from explorer.benchmark.parts import OTHER
from explorer.benchmark.profile import LAUNCH, Profile
from explorer.models.catalogue import display_name
from explorer.units import significant

PRODUCTS, CONVOLUTIONS, ATTENTION = "products", "convolutions", "attention"
COPIES, NORMS, OTHERS = "copies and layout", "norms and activations", "other operators"
#: From what has multiply-adds to what has none.
SHARED_KINDS = (PRODUCTS, CONVOLUTIONS, ATTENTION, COPIES, NORMS, LAUNCH, OTHERS)
#: Kinds of operators (`explorer.benchmark.parts.operator_kind`) to the kinds that networks share. Resizing repeats
#: values, as a copy does; a residual sum passes over the map once, as a norm does.
SHARED_KIND = {
    "linear": PRODUCTS,
    "convolution": CONVOLUTIONS,
    "attention products": ATTENTION,
    "copy and layout": COPIES,
    "resize and pool": COPIES,
    "norm": NORMS,
    "activation": NORMS,
    "element-wise": NORMS,
    LAUNCH: LAUNCH,
    OTHER: OTHERS,
}
#: The same work is a product in one network and a convolution in another, so that in words they are one.
_IN_WORDS = dict.fromkeys((PRODUCTS, CONVOLUTIONS, ATTENTION), f"{PRODUCTS}, {CONVOLUTIONS} and {ATTENTION}")
#: Operators without a name of their own that take a smaller share of a call go with launch and Python.
_NO_ROW = 0.001
#: Closer calls are said to take the same time.
_SAME = 0.03
#: Where the kinds' differences, all taken as positive, are so many times the whole one, they all but cancel out.
_CANCELLED = 2
#: At most so many kinds are named, and no share of the whole difference below this.
_NAMED = 2
_WORTH_NAMING = 0.1


def by_shared_kind(profile: Profile) -> pd.DataFrame:
    """A profile in the kinds that networks share.

    Returns:
        One row per kind of `SHARED_KINDS` that the network has, with the columns `kind`, `time_ms`, `macs`; they add
        up to the profile's.
    """
    times_ms: defaultdict[str, float] = defaultdict(float)
    macs: defaultdict[str, int] = defaultdict(int)
    for row in profile.rows:
        kind = SHARED_KIND[row.operator]
        times_ms[kind] += row.time_ms
        macs[kind] += row.macs
    if not macs[OTHERS] and times_ms[OTHERS] < _NO_ROW * profile.time_ms:
        times_ms[LAUNCH] += times_ms.pop(OTHERS)
    kinds = [kind for kind in SHARED_KINDS if times_ms[kind] or macs[kind]]
    return pd.DataFrame(
        {"kind": kinds, "time_ms": [times_ms[kind] for kind in kinds], "macs": [macs[kind] for kind in kinds]}
    )


def compare_profiles(profile: Profile, baseline: Profile) -> pd.DataFrame:
    """Two profiles side by side.

    Returns:
        One row per shared kind that one of them has, with the columns `kind`, `time_ms`, `baseline_ms`, `surplus_ms`
        (time beyond the baseline's, ms; they add up to the whole difference), `surplus_share` (of the whole
        difference), `macs`, `baseline_macs`.

    Raises:
        ValueError: If they took batches of different sizes.
    """
    if profile.batch_size != baseline.batch_size:
        raise ValueError(
            f"Calls of {profile.batch_size} and of {baseline.batch_size} images can't be compared: profile both with "
            "the same batch."
        )
    own, other = (by_shared_kind(each).set_index("kind") for each in (profile, baseline))
    kinds = [kind for kind in SHARED_KINDS if kind in own.index or kind in other.index]
    own, other = (table.reindex(kinds, fill_value=0) for table in (own, other))
    surplus_ms = own["time_ms"] - other["time_ms"]
    return pd.DataFrame(
        {
            "kind": kinds,
            "time_ms": own["time_ms"],
            "baseline_ms": other["time_ms"],
            "surplus_ms": surplus_ms,
            "surplus_share": surplus_ms / (profile.time_ms - baseline.time_ms),
            "macs": own["macs"],
            "baseline_macs": other["macs"],
        }
    ).reset_index(drop=True)


def finding(profile: Profile, baseline: Profile) -> str:
    """What the comparison says, in one sentence without its full stop; errors as `compare_profiles`.

    Such as "HRFormer-B: 0.76 of DeiT-B's MACs, 1.6 times the time: 58 % of the surplus is norms and activations, 30 %
    copies and layout". Where kinds of work all but cancel out, shares of the difference mislead: then milliseconds.
    """
    work = significant(profile.macs / baseline.macs, 2)
    names = f"{display_name(profile.model_name)}: {work} of {display_name(baseline.model_name)}'s MACs"
    table = compare_profiles(profile, baseline)
    surplus_ms = table.groupby(table["kind"].replace(_IN_WORDS), sort=False)["surplus_ms"].sum()
    return f"{names}, {_times(profile.time_ms / baseline.time_ms)}: {_makers(surplus_ms)}"


def _times(ratio: float) -> str:
    if abs(ratio - 1) < _SAME:
        return f"the same time within {_SAME * 100:.0f} %"
    return f"{significant(ratio, 2)} {'times' if ratio > 1 else 'of'} the time"


def _makers(surplus_ms: pd.Series[float]) -> str:
    """Which kinds of work make the difference, the largest first."""
    whole_ms = float(surplus_ms.sum())
    if surplus_ms.abs().sum() >= _CANCELLED * abs(whole_ms):
        largest = sorted(surplus_ms.items(), key=lambda item: -abs(item[1]))[:_NAMED]
        return ", ".join(f"{significant(abs(ms))} ms {'more' if ms > 0 else 'less'} for {kind}" for kind, ms in largest)
    difference = "surplus" if whole_ms > 0 else "saving"
    shares = [(kind, ms / whole_ms) for kind, ms in surplus_ms.items()]
    (first, share), *others = sorted(shares, key=lambda item: -item[1])[:_NAMED]
    makes = [f"{_percent(share)} of the {difference} is {first}"]
    makes += [f"{_percent(share)} {kind}" for kind, share in others if share >= _WORTH_NAMING]
    back = [f"{kind} take {_percent(-share)} back" for kind, share in shares if share <= -_WORTH_NAMING]
    return "; ".join([", ".join(makes), *back])


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
