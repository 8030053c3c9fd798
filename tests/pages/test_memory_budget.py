"""What a page says and does at the limit of the memory budget."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager

import pytest
from streamlit.testing.v1 import AppTest

from explorer.cost import capacity
from explorer.models.trained import trained_config
from explorer.models.variants import to_query
from explorer.pictures.photographs import load_sample
from explorer.sharing.memory_budget import MemoryBudget, memory_budget
from explorer.ui import heavy_work, progress, sources
from explorer.ui.presence import Visit
from hrformer import preset
from tests.explorer.models.weight_files import saved, state_with_windows
from tests.pages.entrypoint import SMALL, open_app, run_to_the_end, works
from tests.variants import tiny

QUERY = SMALL | {"num_modules": "1,1,2,1", "img_size": "224,224"}
MAPS = "pages/explore/feature_maps.py"


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryBudget]:
    """A server of which 1,000 MiB are held, and that may hold 2,000."""
    small = MemoryBudget(2000, resident_mib=lambda: 1000.0, at_once=1)
    for module in (heavy_work, progress, sources):
        monkeypatch.setattr(module, "memory_budget", lambda: small)
    heavy_work._cache.cache_clear()
    yield small
    heavy_work._cache.cache_clear()


def test_an_upload_is_looked_into_only_where_the_position_bias_of_its_windows_fits(
    budget: MemoryBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four heads with windows of 128 take 4 GiB of it and as much to put it in order, twice; building takes none."""
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 65536.0)  # else the machine refuses it first
    contents = saved(state_with_windows(tiny(), 128))
    assert len(contents) < 30 * 2**20
    app = open_app(MAPS, query=QUERY)
    app.file_uploader(key="checkpoint_file").upload("windows.pth", contents, "application/octet-stream").run()
    assert not app.exception
    (error,) = [error.value for error in app.error if "will never fit" in error.value]
    assert re.search(r"This needs about 16\.\d GiB", error)
    assert "smaller windows" in error


class Occupied:
    """Memory that other work takes, until it is given back."""

    def __init__(self, budget: MemoryBudget, mib: float) -> None:
        self._release, self._taken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(budget, mib), daemon=True)
        self._thread.start()
        assert self._taken.wait(100)

    def give_back(self) -> None:
        self._release.set()
        self._thread.join(100)

    def _hold(self, budget: MemoryBudget, mib: float) -> None:
        with budget.admitted(mib, long=True):
            self._taken.set()
            self._release.wait(120)


def test_a_page_waits_for_memory_and_goes_on_when_there_is_room(budget: MemoryBudget) -> None:
    app = open_app(query=QUERY)
    other = Occupied(budget, 990)
    asked = threading.Event()
    told: list[str] = []
    admitted = budget.admitted

    def watched(needed_mib: float, **arguments):
        tell = arguments["on_wait"]

        def on_wait(waiting):
            told.append(str(waiting))
            tell(waiting)
            asked.set()

        return admitted(needed_mib, **{**arguments, "on_wait": on_wait})

    budget.admitted = watched  # type: ignore[method-assign]
    threading.Thread(target=lambda: asked.wait(60) and other.give_back(), daemon=True).start()
    app.switch_page(MAPS).run()
    assert not app.exception
    assert set(told) == {"waiting for memory: 1 before you"}
    assert len(app.get("plotly_chart")) == 2
    assert not any("aiting" in info.value for info in app.info)


def test_a_variant_beyond_the_budget_is_refused_in_one_sentence(budget: MemoryBudget) -> None:
    budget.budget_mib = 1020
    app = open_app(MAPS, QUERY)
    assert not app.exception
    (error,) = app.error
    assert "may take 1,020 MiB: use fewer channels" in error.value
    assert "HRFORMER_MEMORY_BUDGET=2GiB" in error.value
    assert not app.get("plotly_chart")


@pytest.mark.parametrize("img_size", ["8192,8192", "4096,8192", "2048,4096"])
def test_a_link_to_a_size_that_never_fits_is_refused_while_others_compute_and_holds_nobody_up(
    budget: MemoryBudget, monkeypatch: pytest.MonkeyPatch, img_size: str
) -> None:
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 2.0**30)
    told: list[str] = []
    admitted = budget.admitted
    budget.admitted = lambda needed_mib, **kept: admitted(  # type: ignore[method-assign]
        needed_mib, **kept | {"on_wait": lambda waiting: told.append(str(waiting))}
    )
    other = Occupied(budget, 100)
    app = open_app(MAPS, QUERY | {"img_size": img_size})
    assert not app.exception
    assert any("will never fit" in error.value for error in app.error)
    small = open_app(MAPS, QUERY)
    assert not small.error
    assert len(small.get("plotly_chart")) == 2
    assert told == []
    other.give_back()


@pytest.mark.usefixtures("work_runs_on")  # so large a theoretical field takes minutes
@pytest.mark.parametrize("page", ["feature_maps", "attention_windows", "attribution", "fusion", "receptive_field"])
@pytest.mark.parametrize("network", ["variant", "trained"])
def test_no_picture_is_made_for_a_variant_that_never_fits(
    budget: MemoryBudget, monkeypatch: pytest.MonkeyPatch, page: str, network: str
) -> None:
    """One of 8192x8192 takes 201 MiB, and 805 as the network's input."""
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 2.0**30)

    def fit(*arguments: object) -> None:
        raise AssertionError("a picture was made")

    monkeypatch.setattr(sources, "fit", fit)
    query = QUERY if network == "variant" else to_query(trained_config())
    app = open_app(f"pages/explore/{page}.py", query | {"img_size": "8192,8192", "network": "variant"})
    assert not app.exception
    assert any("will never fit" in error.value for error in app.error)


@pytest.mark.parametrize(("img_size", "needed_mib"), [((2048, 2048), 48), ((1024, 4096), 48), ((1024, 1024), None)])
def test_a_large_picture_is_admitted_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch, img_size: tuple[int, int], needed_mib: int | None
) -> None:
    """Resizing takes about 10 bytes a pixel (measured with Pillow 13), of which 12 are booked."""
    booked: list[float] = []

    @contextmanager
    def admitted(mib: float) -> Iterator[None]:
        booked.append(mib)
        yield

    monkeypatch.setattr(sources, "admitted_on_page", admitted)
    picture = sources.PictureSource("Cat", "Cat", load_sample("Cat"), img_size)
    assert picture.as_input(preset("tiny", img_size=img_size)).shape == (1, 3, *img_size)
    assert booked == ([] if needed_mib is None else [needed_mib] * 2)


def test_a_budget_that_is_no_size_is_named_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_MEMORY_BUDGET", "plenty")
    memory_budget.cache_clear()
    heavy_work._cache.cache_clear()
    try:
        app = open_app(MAPS, QUERY)
    finally:
        memory_budget.cache_clear()
        heavy_work._cache.cache_clear()
    assert "HRFORMER_MEMORY_BUDGET is 'plenty', which is no size of memory" in app.error[0].value


def progress_page() -> None:
    import streamlit as st

    from explorer.ui.progress import with_progress

    result = with_progress("work", "key", "Working", lambda on_progress, should_stop: "done", needed_mib=100)
    st.session_state["result"] = result


@pytest.mark.usefixtures("work_runs_on")
def test_long_work_says_what_it_waits_for(budget: MemoryBudget) -> None:
    other = Occupied(budget, 50)
    app = AppTest.from_function(progress_page, default_timeout=120).run()
    (work,) = works(app)
    end = time.monotonic() + 100
    while work.waiting is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    app.run()
    assert app.get("progress")[0].proto.text == "Working: waiting for a free core: 1 before you"
    other.give_back()
    assert run_to_the_end(app).session_state["result"] == "done"


@pytest.mark.usefixtures("work_runs_on")
def test_work_that_is_stopped_while_it_waits_leaves_the_queue(budget: MemoryBudget) -> None:
    other = Occupied(budget, 50)
    app = AppTest.from_function(progress_page, default_timeout=120).run()
    (work,) = works(app)
    app.button(key="stop_work").click().run()
    assert "Working was stopped." in app.info[0].value
    assert wait([work.outcome], timeout=100).done
    assert len(budget._admission._tickets) == 1
    other.give_back()
    assert budget._admission._tickets == []


@pytest.mark.parametrize("is_waiting", [True, False])
def test_work_ends_with_the_visit_of_whoever_asked_for_it(
    budget: MemoryBudget, monkeypatch: pytest.MonkeyPatch, *, is_waiting: bool
) -> None:
    """In the queue it leaves it, and at work it is asked to stop."""
    visit = Visit()
    other = Occupied(budget, 50) if is_waiting else None
    begun, ended = threading.Event(), threading.Event()

    def work(on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        begun.set()
        while not should_stop():
            time.sleep(0.01)
        ended.set()

    job = progress.SessionWork("key", work, 100, visit)
    assert is_waiting or begun.wait(100)
    visit.has_ended = True
    assert wait([job.outcome], timeout=100).done
    assert begun.is_set() is ended.is_set() is not is_waiting
    if other is not None:
        other.give_back()
    assert budget._admission._tickets == []


def test_work_that_needs_no_room_begins_while_there_is_none(budget: MemoryBudget) -> None:
    """As a download, which waits for a server and not for memory."""
    other = Occupied(budget, 990)
    job = progress.SessionWork("key", lambda on_progress, should_stop: "done", None, Visit())
    assert job.outcome.result(20) == "done"
    other.give_back()


def refused_page() -> None:
    import streamlit as st

    from explorer.sharing.memory_budget import BudgetError
    from explorer.ui.progress import with_progress

    try:
        with_progress("work", "key", "Working", lambda on_progress, should_stop: "done", needed_mib=900)
    except BudgetError as error:
        st.error(str(error))
    else:
        st.success("It has run.")


def test_long_work_that_was_refused_runs_once_there_is_room(budget: MemoryBudget) -> None:
    """Visitors keep 500 MiB more than at the start, and give them back."""
    held = [1500.0]
    budget._resident_mib = lambda: held[0]
    app = AppTest.from_function(refused_page, default_timeout=120).run()
    assert "does not fit now" in app.error[0].value
    held[0] = 1000.0
    app.run()
    assert not app.error
    assert app.success[0].value == "It has run."


@pytest.mark.parametrize("page", ["pages/measure/claims.py", "pages/explore/receptive_field.py"])
def test_a_page_that_cannot_do_without_what_is_refused_says_so_in_one_sentence(budget: MemoryBudget, page: str) -> None:
    budget.budget_mib = 1010
    app = open_app(page, QUERY)
    assert not app.exception
    assert "will never fit" in app.error[0].value


def test_the_views_of_an_ablation_are_admitted_by_what_their_networks_take(budget: MemoryBudget) -> None:
    """Two of HRFormer-B with 190 MiB of weights each, and gradients of 1,190: more than the 1,000 MiB that are free."""
    app = open_app("pages/measure/ablation.py", to_query(preset("base")) | {"ablation_view": "Cost and reach"})
    assert not app.exception
    (error,) = [error.value for error in app.error if "will never fit" in error.value]
    assert error.startswith("What each network sees is not shown. This needs about 1.6 GiB")
    assert app.dataframe[0].value["network"].tolist() == ["reference", "without DW conv"]
