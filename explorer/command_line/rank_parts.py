"""`rank-parts`: what each part of the network that ships is worth, as the Prediction page ranks them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from explorer.command_line.arguments import check_output, listed, whole_number
from explorer.command_line.tables import Column, text_table

_PICTURES = 64


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser(
        "rank-parts",
        help="take each part out of the network that ships and rank what they are worth",
        description="Take each part out of the network trained on digits, by itself, and measure how its mean IoU on "
        "test pictures changes, with a 95 %% bootstrap interval over the pictures.",
        epilog="The exit code is 0, 2 if the input is at fault, 130 if it was cancelled.",
    )
    parser.set_defaults(command=_rank_parts)
    parser.add_argument(
        "--kinds",
        type=listed(str),
        metavar="LIST",
        help="of branch, block, attention, dw_conv, head, arrow, separated by commas; all by default",
    )
    parser.add_argument(
        "--pictures", type=whole_number, default=_PICTURES, metavar="N", help=f"test pictures (default: {_PICTURES})"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the ranking to a file")


def _rank_parts(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from explorer.ablation.parts import KINDS, parts_of
    from explorer.ablation.ranking_file import write_ranking
    from explorer.ablation.worth import DigitsMiou, by_worth, rank
    from explorer.models.trained import load_trained

    kinds = arguments.kinds or KINDS
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"--kinds {kind} is not known: use some of {', '.join(KINDS)}.")
    check_output(arguments.csv)
    model = load_trained()
    parts = list(parts_of(model.config, dict.fromkeys(kinds)))
    with tqdm(total=len(parts), desc="parts taken out", disable=None) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.update(done - bar.n)

        ranking = rank(model, parts, DigitsMiou(arguments.pictures), on_progress)
    if arguments.csv is not None:
        write_ranking(ranking, arguments.csv)
    rows = ({"part": ranked.part, **vars(ranked.change)} for ranked in by_worth(ranking))
    print(text_table(_COLUMNS, rows))
    return 0


_COLUMNS = (
    Column("part", lambda fields: fields["part"].text),
    Column("name", lambda fields: fields["part"].name),
    Column("mIoU without it", lambda fields: f"{fields['after']:.3f}", numeric=True),
    Column("change of mIoU", lambda fields: f"{fields['change']:+.4f}", numeric=True),
    Column("95 % interval", lambda fields: f"{fields['low']:+.4f} to {fields['high']:+.4f}", numeric=True),
)
