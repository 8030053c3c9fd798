"""Amounts of work in their conventions."""

import pytest

from explorer.cost.conventions import (
    CONVENTIONS,
    FLOPS,
    HRFORMER,
    HRNET,
    MACS,
    Amount,
    Work,
)

WORK = Work(macs=4 * 1024**3, products=1024**3, other=1_000_000_000)


def test_every_convention_by_hand():
    assert WORK.amount(HRNET) == Amount(3.0, HRNET)
    assert WORK.amount(MACS) == Amount(4 * 1.073741824, MACS)
    assert WORK.amount(FLOPS) == Amount(8 * 1.073741824, FLOPS)
    assert WORK.amount(HRFORMER) == Amount(pytest.approx(4 * 1.073741824 + 1), HRFORMER)


def test_what_nobody_counted_has_no_amount():
    assert Work(macs=2, products=1).amount(HRFORMER) is None
    assert Work(macs=2, products=None).amount(HRNET) is None
    assert Work(macs=2e9, products=None).amount(MACS) == Amount(2.0, MACS)


def test_amounts_of_different_conventions_refuse_to_be_compared():
    assert Amount(3.0, MACS).over(Amount(2.0, MACS)) == 1.5
    with pytest.raises(ValueError, match=r"Work in GMACs can't be compared with work in G \(HRNet\)"):
        Amount(3.0, MACS).over(Amount(2.0, HRNET))


def test_keys_are_those_of_links():
    assert set(CONVENTIONS) == {"macs", "flops", "hrnet", "hrformer"}
