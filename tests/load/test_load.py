"""The load test, short: three users on the real server. `python -m tests.load` is the long one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.load.run import load


@pytest.mark.load
@pytest.mark.alone
def test_three_users_at_once_see_their_own_variants_and_no_error() -> None:
    with ThreadPoolExecutor(1) as thread:  # where browser tests ran before, an event loop holds this one
        report = thread.submit(load, 3, 20, (0.3, 1.0)).result()
    assert report.findings.errors == []
    assert report.findings.mix_ups == []
    assert len(report.findings.seconds["slider change"]) >= 3
    assert report.peak_mib <= report.budget_mib
