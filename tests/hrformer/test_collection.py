"""Putting off the search for garbage: it goes on afterwards, as it was."""

import gc
from collections.abc import Iterator

import pytest

from hrformer.collection import uncollected


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()


def test_it_goes_on_after_an_error() -> None:
    def fail() -> None:
        raise KeyError(gc.isenabled())

    with pytest.raises(KeyError, match="False"), uncollected():
        fail()
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
