"""The states of work, from any thread's view."""

from __future__ import annotations

from threading import Thread

from tests.explorer.processes.examples import Example


def begun(work: Example) -> Thread:
    thread = Thread(target=work.work_on, args=("cpu",), daemon=True)
    thread.start()
    while not work.worked_on:
        thread.join(0.01)
    return thread


def test_it_waits_runs_and_is_finished() -> None:
    work = Example()
    assert (work.state, work.has_begun, work.elapsed_s) == ("waiting", False, 0.0)
    thread = begun(work)
    assert (work.state, work.has_begun, work.wait(0)) == ("running", True, False)
    work.let_go.set()
    thread.join(60)
    assert work.state == "finished"
    assert work.wait(0)
    assert work.elapsed_s == work.elapsed_s > 0  # stands still


def test_what_is_cancelled_while_it_waits_has_ended_and_never_begins() -> None:
    work = Example()
    work.cancel()
    assert (work.state, work.was_stopped, work.wait(0)) == ("cancelled", True, True)
    work.work_on("cpu")
    assert work.worked_on == []
    assert work.elapsed_s == 0.0


def test_what_is_cancelled_at_work_ends_once_it_has_stopped() -> None:
    work = Example()
    thread = begun(work)
    work.cancel()
    assert work.was_stopped
    thread.join(60)
    assert work.state == "cancelled"


def test_what_has_ended_is_not_cancelled_afterwards() -> None:
    work = Example()
    work.let_go.set()
    work.work_on("cpu")
    work.cancel()
    assert (work.state, work.was_stopped) == ("finished", False)


def test_each_has_an_id_of_its_own() -> None:
    assert len({Example().id for _ in range(50)}) == 50
