"""Visitors: known by their browser's cookie under every mask, and called by one name."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from explorer.ui.visitors import Visitors, browser_key

MINE, YOURS = b"0123456789abcdef", b"fedcba9876543210"


def test_a_browser_is_known_under_every_mask_and_told_from_others() -> None:
    keys = {browser_key(generate_xsrf_token_string(MINE)) for _ in range(20)}
    assert len(keys) == 1
    assert None not in keys
    assert MINE.hex() not in str(keys)
    assert browser_key(generate_xsrf_token_string(YOURS)) not in keys


@pytest.mark.parametrize("cookie", ["", "2", MINE.hex(), "1|00000000|" + "0" * 32 + "|1", "2|0|0|1", "2|x|y|1"])
def test_a_cookie_of_another_form_is_nobodys(cookie: str) -> None:
    assert browser_key(cookie) is None


def test_a_visitor_keeps_the_name_and_no_other_gets_it() -> None:
    visitors = Visitors()
    names = [visitors.name_of(key) for key in ("ana", "bo", "ana", "cy", "bo")]
    assert names == ["visitor 1", "visitor 2", "visitor 1", "visitor 3", "visitor 2"]


def test_who_was_not_there_for_longest_is_forgotten_and_the_name_not_given_again() -> None:
    visitors = Visitors(most=2)
    for key in ("ana", "bo", "ana", "cy"):  # bo goes
        visitors.name_of(key)
    assert visitors.name_of("ana") == "visitor 1"
    assert visitors.name_of("bo") == "visitor 4"


def test_two_tabs_that_open_at_once_are_one_visitor() -> None:
    visitors = Visitors()
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: visitors.name_of("ana"), range(200)))
    assert names == {"visitor 1"}
