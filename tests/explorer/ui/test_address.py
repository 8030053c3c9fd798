"""Which query strings are links: only those that the tab was never given."""

from hypothesis import given
from hypothesis import strategies as st

from explorer.ui.address import Address

KNOWN = ("row", "stage")


def sent(**values: str) -> dict[str, list[str]]:
    return {key: [value] for key, value in values.items()}


def opened() -> Address:
    """Of a tab whose first run, which leaves the address alone, is over."""
    address = Address()
    run(address, "build", {})
    return address


def run(address: Address, page: str, query: dict[str, list[str]], **kept: str) -> dict[str, list[str]]:
    """A run of a page that keeps these keys; gives what it found in the link."""
    address.arrive(page, query)
    found, address.link = address.link, {}
    address.kept = sent(**kept)
    address.leave(KNOWN)
    return found


def test_a_link_is_read_once() -> None:
    address = Address()
    assert run(address, "maps", sent(row="3"), row="3") == sent(row="3")
    assert run(address, "maps", sent(row="3"), row="4") == {}


def test_a_query_string_that_comes_late_is_no_link() -> None:
    address = opened()
    run(address, "maps", {}, row="1")
    run(address, "maps", sent(row="1"), row="2")
    run(address, "maps", sent(row="2"), row="3")
    assert run(address, "maps", sent(row="1"), row="4") == {}


def test_an_address_that_the_tab_was_never_given_is_read_again() -> None:
    address = Address()
    run(address, "maps", sent(row="3"), row="3")
    assert run(address, "maps", sent(row="7"), row="7") == sent(row="7")


def test_a_step_back_to_another_page_changes_nothing() -> None:
    address = opened()
    run(address, "maps", {}, row="1")
    run(address, "fusion", {}, stage="2")
    assert run(address, "maps", sent(row="1"), row="5") == {}


def test_the_order_of_keys_makes_no_other_address() -> None:
    address = opened()
    run(address, "maps", {}, row="1", stage="2")
    assert run(address, "maps", {"stage": ["2"], "row": ["1"]}, row="5") == {}


def test_what_no_page_has_taken_waits_for_the_page_that_can() -> None:
    address = Address()
    address.arrive("build", sent(row="3"))
    address.leave(KNOWN)
    address.arrive("maps", sent(row="3"))
    assert address.link == sent(row="3")


def test_unknown_keys_are_named_and_dropped() -> None:
    address = Address()
    address.arrive("maps", sent(row="3", colour="red"))
    address.leave(KNOWN)
    assert list(address.complaints) == ["The link's colour means nothing here and was left out."]
    assert address.link == sent(row="3")
    address.arrive("fusion", {})
    assert not address.complaints


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=60))
def test_no_lag_of_the_browser_ever_makes_a_link(moves: list[tuple[int, int]]) -> None:
    """The browser sends, at each move to another row, the address of some runs ago."""
    address, given_so_far = opened(), [{}]
    for lag, row in moves:
        late = given_so_far[max(0, len(given_so_far) - 1 - lag)]
        assert run(address, "maps", late, row=str(row)) == {}
        given_so_far.append(sent(row=str(row)))
