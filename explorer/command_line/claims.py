"""`claims`: the paper's claims judged, as a table or as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.command_line.arguments import check_output
from explorer.command_line.own_store import tell_place
from explorer.command_line.tables import Column, text_table

if TYPE_CHECKING:
    import pandas as pd


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser(
        "claims",
        help="judge the paper's claims",
        description="Recompute the costs, read the speeds from the records, and set both beside what was published.",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write everything about each claim to a file")
    parser.add_argument("--measure", action="store_true", help="measure how the time of attention grows, too")
    parser.add_argument("--growth", type=Path, metavar="FILE", help="write what --measure finds to a file")
    parser.set_defaults(command=_claims)


def _claims(arguments: argparse.Namespace) -> int:
    from explorer.claims.attention_timing import reference_growth, write_growth
    from explorer.claims.claim import Evidence, Outcome
    from explorer.claims.speed import timed_records
    from explorer.claims.table import closeness, compared_models, count_verdicts, in_words, judge_all, write_claims

    if arguments.growth and not arguments.measure:
        raise ValueError("--growth writes what --measure finds: give --measure, too.")
    check_output(arguments.csv)
    check_output(arguments.growth)
    tell_place()
    growth = _measured_growth() if arguments.measure else reference_growth()
    if growth is not None and arguments.growth:
        write_growth(growth, arguments.growth)
    outcomes = judge_all(Evidence(timed_records(compared_models()), growth, not arguments.measure))

    def row(outcome: Outcome) -> dict[str, str]:
        claim = outcome.claim
        return {
            "verdict": outcome.verdict,
            "claim": claim.text,
            "published": in_words(claim.published, ""),
            "ours": in_words(outcome.ours, ""),
            "unit": claim.unit,
            "note": closeness(outcome),
        }

    if arguments.csv:
        write_claims(outcomes, arguments.csv)
    else:
        print(text_table(_COLUMNS, map(row, outcomes)))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in count_verdicts(outcomes).items())
    print(f"{counts}.", file=sys.stderr)
    return 0


def _measured_growth() -> pd.DataFrame:
    from explorer.claims.attention_timing import measure_growth_in_turn
    from explorer.command_line.watching import Notes

    return measure_growth_in_turn(lambda done, total: None, lambda: False, Notes().tell)


_COLUMNS = (
    Column("verdict", lambda fields: str(fields["verdict"])),
    Column("claim", lambda fields: str(fields["claim"])),
    Column("published", lambda fields: str(fields["published"]), numeric=True),
    Column("ours", lambda fields: str(fields["ours"]), numeric=True),
    Column("unit", lambda fields: str(fields["unit"])),
    Column("note", lambda fields: str(fields["note"])),
)
