"""The load test, short: three users on the real server. `python -m tests.load` is the long one."""

import pytest

from tests.load.run import load


@pytest.mark.load
def test_three_users_at_once_see_their_own_variants_and_no_error() -> None:
    report = load(3, 20, (0.3, 1.0))
    assert report.findings.errors == []
    assert report.findings.mix_ups == []
    assert len(report.findings.seconds["slider change"]) >= 3
    assert report.peak_mib <= report.budget_mib
