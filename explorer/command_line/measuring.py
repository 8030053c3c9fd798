"""Runs a plan from the command line, on this machine or on a Ray cluster, and shows what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from explorer.benchmark.forecast import estimate_seconds, uncounted
from explorer.benchmark.machine_load import MachineLoad
from explorer.benchmark.outcome import Measured
from explorer.benchmark.plan import Plan
from explorer.benchmark.running.runner import (
    Run,
    Runner,
    Save,
    check_runnable,
)
from explorer.command_line import ExitCode
from explorer.command_line.keeping import RecordKeeper, spare_folders
from explorer.command_line.own_store import open_store
from explorer.command_line.tables import PLAN_COLUMNS, RESULT_COLUMNS, job_fields, text_table
from explorer.command_line.watching import watch
from explorer.units import duration

if TYPE_CHECKING:
    from explorer.benchmark.running.ray_runner import RayRunner

_OWNER = "command line"


class Where(NamedTuple):
    """Where a plan runs.

    Attributes:
        ray: Address of a Ray cluster; None for this machine.
        accelerator: Type of card to ask the cluster for; None for any.
    """

    ray: str | None = None
    accelerator: str | None = None


def measure(plan: Plan, where: Where, *, force: bool = False, dry_run: bool = False) -> int:
    """Show a plan, run it, store its records and show them.

    Args:
        plan: The plan.
        where: Where it runs.
        force: Whether to try also what is forecast not to fit the memory.
        dry_run: Whether to stop before the first job.

    Returns:
        The exit code.

    Raises:
        ValueError: If the plan can't run there.
        StoreError: If the store can't take records.
    """
    _show_plan(plan)
    if dry_run:
        with open_store() as store:
            store.check_writable()
        if where.ray is None:
            check_runnable(plan, force=force)
        else:
            _ray_runner()
        return ExitCode.OK
    code, measured = run_plan(plan, where, force=force)
    if measured:
        print(text_table(RESULT_COLUMNS, (vars(record) for _, record in measured)), flush=True)
    return code


def run_plan(plan: Plan, where: Where, *, force: bool = False) -> tuple[ExitCode, tuple[Measured, ...]]:
    """Run a plan with its progress, and store its records; stderr says how busy the machine is, and what went wrong.

    Args:
        plan: The plan.
        where: Where it runs.
        force: Whether to try also what is forecast not to fit the memory.

    Returns:
        The exit code, and the jobs with their records in the order in which these came.

    Raises:
        ValueError: If the plan can't run there.
        StoreError: If the store can't take records.
    """
    load = MachineLoad.now() if where.ray is None else None  # before this run is a load itself
    with open_store() as store:
        store.check_writable()
        keeper = RecordKeeper(store, spare_folders(store), f"unstored-{datetime.now():%Y%m%d-%H%M%S}.csv")
        with _submitted(plan, where, keeper.keep, force) as run:
            if load is not None:
                print(load.sentence, file=sys.stderr)
            finished = watch(run)
        problems = [problem for problem in (keeper.problem(), run.error) if problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not finished:
        print("Cancelled: what was measured before is stored.", file=sys.stderr)
        return ExitCode.CANCELLED, run.measured
    failed = sum(record.status != "ok" for record in run.records)
    if failed:
        print(f"{failed} of {len(run.records)} jobs failed: their reasons are in the table.", file=sys.stderr)
    return ExitCode.FAILED if failed or problems else ExitCode.OK, run.measured


@contextmanager
def _submitted(plan: Plan, where: Where, save: Save, force: bool) -> Iterator[Run]:
    if where.ray is None:
        yield Runner(save).submit(plan, _OWNER, force=force)
        return
    with _ray_runner()(save, where.ray, accelerator_type=where.accelerator) as runner:
        yield runner.submit(plan, _OWNER, force=force)


def _ray_runner() -> type[RayRunner]:
    try:
        from explorer.benchmark.running.ray_runner import RayRunner
    except ModuleNotFoundError as error:
        raise ValueError("Ray is not installed: pip install 'hrformer-explorer[ray]', or leave out --ray.") from error
    return RayRunner


def _show_plan(plan: Plan) -> None:
    jobs = plan.jobs()
    print(text_table(PLAN_COLUMNS, map(job_fields, jobs)))
    count = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    print(f"{count}, about {duration(estimate_seconds(plan))} one after the other.\n", flush=True)
    for reason in uncounted(plan):
        print(f"Not in this forecast: {reason}", file=sys.stderr)
