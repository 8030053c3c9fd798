"""`profile`: where the time of models goes, in kinds of work that they share; also makes the file that ships."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from explorer.command_line.arguments import check_output, image_size, listed, whole_number
from explorer.command_line.tables import Column, text_table
from explorer.units import significant

if TYPE_CHECKING:  # which load torch, and --help needs none
    from explorer.benchmark.profile import Profile
    from explorer.benchmark.running.profile_run import ProfileRun

_MODELS = ["hrformer_base", "deit_base_patch16_224", "hrnet_w48"]
_INTERVAL_S = 0.5


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser(
        "profile",
        help="say where the time of models goes",
        description="Profile models in turn, and say which kinds of work make the first one longer than the others.",
        epilog="Without options but --output it makes the reference profiles again.",
    )
    parser.set_defaults(command=_profile)
    names = ",".join(_MODELS)
    parser.add_argument(
        "--models", type=listed(str), default=_MODELS, metavar="LIST", help=f"the first is compared (default: {names})"
    )
    parser.add_argument(
        "--batch-sizes", type=listed(whole_number), default=[1], metavar="LIST", help="images a call (default: 1)"
    )
    parser.add_argument(
        "--img-size", type=image_size, default=[224, 224], metavar="SIZE", help="such as 256x192 (default: 224)"
    )
    parser.add_argument("--device", default="cpu", metavar="NAME", help="such as cuda:0 (default: cpu)")
    parser.add_argument("--threads", type=whole_number, metavar="N", help="on the CPU; default: torch's own choice")
    parser.add_argument(
        "--sweeps", type=whole_number, default=5, metavar="N", help="processes of each model, in turn (default: 5)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the profiles as JSON")


def _profile(arguments: argparse.Namespace) -> int:
    from explorer.benchmark.profile_file import ProfiledRun, write_profiles
    from explorer.processes.neighbours import NOTHING

    runs = [_run_of(arguments, batch_size) for batch_size in arguments.batch_sizes]  # all is legal before one starts
    check_output(arguments.output)
    profiles: list[Profile] = []
    beside: dict[str, None] = {}
    for run in runs:
        _watch(run)
        _show(run.profiles)
        profiles += run.profiles
        if run.ran_beside not in (None, NOTHING):
            beside[run.ran_beside] = None
            print(f"Not profiled alone: beside {run.ran_beside}.", file=sys.stderr)
        if arguments.output is not None and run.place is not None:
            when = datetime.now(UTC).isoformat(timespec="seconds")
            write_profiles(
                ProfiledRun(when, run.place, tuple(profiles), "; ".join(beside) or NOTHING), arguments.output
            )
    return 0


def _run_of(arguments: argparse.Namespace, batch_size: int) -> ProfileRun:
    from explorer.benchmark.measuring.device import check_present
    from explorer.benchmark.plan import Job
    from explorer.benchmark.running.profile_run import ProfileRun
    from explorer.models.model_ref import model_by_name

    check_present(arguments.device)
    jobs = [
        Job(
            model=model_by_name(name),
            batch_size=batch_size,
            img_size=tuple(arguments.img_size),
            device=arguments.device,
            threads=arguments.threads,
        )
        for name in arguments.models
    ]
    return ProfileRun(jobs, None, "command line", arguments.sweeps)


def _watch(run: ProfileRun) -> None:
    """Run it to its end, with its progress on stderr.

    Raises:
        ValueError: If it has no result.
    """
    from explorer.benchmark.running.devices import shared_name
    from explorer.command_line.watching import Notes
    from explorer.processes.device_queue import DeviceQueue

    notes = Notes()
    DeviceQueue(shared_name).submit(run)
    with tqdm(total=100, unit="%", desc=f"batch {run.jobs[0].batch_size}", disable=None) as bar:
        try:
            while not run.wait(_INTERVAL_S):
                notes.tell(run.note)
                bar.update(round(100 * run.share_done) - bar.n)
        except KeyboardInterrupt:
            run.cancel()
            raise
    if run.error is not None:
        raise ValueError(f"There is no profile: {run.error}.")


def _show(profiles: Sequence[Profile]) -> None:
    """The kinds of work of each, and what sets the first apart."""
    from explorer.benchmark.profile_comparison import SHARED_KINDS, by_shared_kind, finding
    from explorer.models.catalogue import display_name

    times_ms = {profile: by_shared_kind(profile).set_index("kind")["time_ms"] for profile in profiles}
    rows: list[tuple[str, Mapping[Profile, float]]] = [
        *((kind, {profile: times.get(kind, 0.0) for profile, times in times_ms.items()}) for kind in SHARED_KINDS),
        ("all", {profile: profile.time_ms for profile in profiles}),
        ("without the profiler", {profile: profile.unobserved_ms for profile in profiles}),
    ]

    def column(profile: Profile) -> Column:
        heading = f"{display_name(profile.model_name)} ms"
        return Column(heading, lambda row: significant(row["values"][profile]), numeric=True)

    columns = [Column("work", lambda row: str(row["what"])), *map(column, profiles)]
    print(text_table(columns, ({"what": what, "values": values} for what, values in rows if any(values.values()))))
    first, *others = profiles
    for other in others:
        print(f"{finding(first, other)}.")
