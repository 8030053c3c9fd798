"""`train-ablation`: train the arms of the ablation, with progress, stop and resume, and say what they show."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tqdm import tqdm

from explorer.command_line import ExitCode
from explorer.command_line.arguments import check_output, listed, whole_number
from explorer.command_line.own_store import open_store
from explorer.units import counted, duration

if TYPE_CHECKING:
    from explorer.ablation.recipe import TrainingPlan  # which loads torch, and --help needs none
    from explorer.ablation.run import AblationRun, TrainingProgress

_EPILOG = (
    "Ctrl-C stops within a second and keeps a checkpoint of each training; --resume goes on from there. The exit "
    "code is 0 if all trainings were finished, 1 if one failed or could not be stored, 2 if the input is at fault, 130 "
    "if it was stopped."
)
_INTERVAL_S = 0.2
_STOP_S = 10.0


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser(
        "train-ablation",
        help="train a small variant with and without the depth-wise convolution",
        description="Train a small variant with the 3x3 depth-wise convolution, without it, and with a 1x1 control.",
        epilog=_EPILOG,
    )
    parser.set_defaults(command=_train_ablation)
    parser.add_argument("--arms", type=listed(str), metavar="LIST", help="of 3x3,none,1x1; all by default")
    parser.add_argument("--seeds", type=listed(whole_number), metavar="LIST", help="default: 0,1,2")
    parser.add_argument("--steps", type=int, metavar="N", help="updates of each training; default: 600")
    parser.add_argument("--processes", type=int, metavar="N", default=2, help="trainings at once; default: 2")
    parser.add_argument("--max-minutes", type=float, metavar="N", help="refuse what would take longer")
    parser.add_argument("--resume", action="store_true", help="go on from checkpoints, keep what is finished")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="write what each arm sees in some pictures")


def plan_of(arguments: argparse.Namespace) -> TrainingPlan:
    """The plan that the arguments describe.

    Raises:
        ValueError: If they describe none.
    """
    from explorer.ablation.recipe import ARMS, DEFAULT_SEEDS, Recipe, TrainingPlan

    recipe = Recipe() if arguments.steps is None else Recipe(steps=arguments.steps)
    return TrainingPlan(arms=arguments.arms or tuple(ARMS), seeds=arguments.seeds or DEFAULT_SEEDS, recipe=recipe)


def _train_ablation(arguments: argparse.Namespace) -> int:
    from explorer.ablation.checkpoints import checkpoint_folder
    from explorer.ablation.run import AblationRun
    from explorer.records.training_exchange import write_trainings

    check_output(arguments.csv)
    check_output(arguments.predictions)
    plan = plan_of(arguments)
    if arguments.processes < 1:
        raise ValueError(f"--processes {arguments.processes} trains nothing: use at least 1.")
    _check_time(plan, arguments.processes, arguments.max_minutes)
    with open_store() as store:
        store.check_writable()
        folder = checkpoint_folder(store.location)
        run = AblationRun(
            plan,
            folder,
            store.add_training,
            owner="command line",
            resume=arguments.resume,
            known=store.trainings(),
            processes=arguments.processes,
        )
        _watch(run)
    _show_results(run)
    if arguments.csv and run.records:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            write_trainings(run.records, file)
    if arguments.predictions:
        _write_predictions(run, folder, arguments.predictions)
    return _exit_code(run)


def _write_predictions(run: AblationRun, folder: Path, path: Path) -> None:
    from explorer.ablation.predictions import kept_predictions, write_predictions

    predictions = kept_predictions(run.finished_jobs, folder)
    if predictions is None:
        print("No seed has predictions of all arms: nothing was written.", file=sys.stderr)
    else:
        write_predictions(predictions, path)


def _check_time(plan: TrainingPlan, processes: int, max_minutes: float | None) -> None:
    from explorer.ablation.forecast import estimate_seconds

    seconds = estimate_seconds(plan, processes)
    takes = f"{counted(len(plan.jobs()), 'training')} of {plan.recipe.steps} steps, about {duration(seconds)}"
    if max_minutes is not None and seconds > 60 * max_minutes:
        raise ValueError(
            f"{takes}, but {max_minutes:g} min are allowed: use fewer seeds or steps, or stop and --resume later."
        )
    print(f"{takes}.", file=sys.stderr)


def _watch(run: AblationRun) -> None:
    """Show a run until it ends; Ctrl-C stops it."""
    from explorer.command_line.watching import Notes
    from explorer.processes.device_queue import DeviceQueue

    DeviceQueue().submit(run)
    on_terminal, notes = sys.stderr.isatty(), Notes()
    told: set[str] = set()
    with (
        tqdm(total=run.progress().steps_total, unit="step", disable=not on_terminal, dynamic_ncols=True) as steps,
        tqdm(bar_format="{desc}", position=1, leave=False, disable=not on_terminal) as current,
    ):
        try:
            while not run.wait(_INTERVAL_S):
                notes.tell(run.note)
                _show(run, steps, current, told)
        except KeyboardInterrupt:
            run.cancel()
            run.wait(_STOP_S)
        _show(run, steps, current, told)


def _show(run: AblationRun, steps: tqdm[NoReturn], current: tqdm[NoReturn], told: set[str]) -> None:
    progress = run.progress()
    steps.n = progress.steps_done
    steps.refresh()
    for job in progress.jobs:
        if job.state in ("finished", "failed") and job.job.job_id not in told:
            told.add(job.job.job_id)
            tqdm.write(_line(job), file=sys.stderr)
    current.set_description_str("; ".join(_line(job) for job in progress.jobs if job.state == "training"))


def _line(job: TrainingProgress) -> str:
    what = f"{job.job.arm}, seed {job.job.seed}: "
    if job.reason:
        return f"{what}{job.reason}"
    miou = f", validation mIoU {job.curve[-1]['miou']:.3f}" if job.curve else ""
    return f"{what}step {job.step} of {job.job.recipe.steps}{miou}"


def _show_results(run: AblationRun) -> None:
    from explorer.ablation.statistics import PAIRS, border_finding, finding, mixing_finding, paired_difference
    from explorer.command_line.tables import TRAINING_COLUMNS, text_table

    if not run.records:
        return
    print(text_table(TRAINING_COLUMNS, map(vars, run.records)), end="\n\n")
    differences = [paired_difference(run.records, *pair) for pair in PAIRS]
    sentences = [finding(difference) for difference in differences if difference is not None]
    for sentence in (*sentences, mixing_finding(run.records), border_finding(run.records)):
        if sentence:
            print(sentence)


def _exit_code(run: AblationRun) -> int:
    if run.error:
        print(run.error, file=sys.stderr)
    if run.was_stopped:
        print("Stopped: checkpoints are kept; the same command with --resume goes on.", file=sys.stderr)
        return ExitCode.CANCELLED
    failed = [job for job in run.progress().jobs if job.state == "failed"]
    for job in failed:
        print(_line(job), file=sys.stderr)
    return ExitCode.FAILED if failed or run.error else ExitCode.OK
