"""`ablate`: the table of the Ablation page on a machine without a browser."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.command_line.arguments import check_output, listed, whole_number

if TYPE_CHECKING:  # which load torch, and --help needs none
    import pandas as pd

    from explorer.ablation.arms import Arm
    from explorer.ablation.views import View
    from explorer.benchmark.outcome import Measured
    from explorer.command_line import ExitCode
    from hrformer import HRFormerConfig

_EPILOG = (
    "Lists are separated by commas; several axes are crossed. The exit code is 0 if everything was found out, 1 if a "
    "network could not be measured or a record not be stored, 2 if the input is at fault, 130 if it was cancelled."
)
_PICTURE = "Cat"


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser(
        "ablate",
        help="take one thing out of a variant and compare",
        description="Take one thing at a time out of a variant: cost, latency, receptive fields and leak.",
        epilog=_EPILOG,
    )
    parser.set_defaults(command=_ablate)
    what = parser.add_argument_group("what is compared")
    what.add_argument(
        "--variant",
        default="tiny",
        metavar="VARIANT",
        help="tiny, small, base, any hrformer_… preset, a JSON file of a variant, or JSON (default: tiny)",
    )
    what.add_argument(
        "--switches",
        type=listed(str),
        default=["dw_conv"],
        metavar="LIST",
        help="of dw_conv, dw_1x1, position_bias, fusion, windows (default: dw_conv)",
    )
    what.add_argument(
        "--img-size", type=whole_number, metavar="N", help="side of a square image, px; default: the variant's"
    )
    what.add_argument("--window-sizes", type=listed(whole_number), default=[], metavar="LIST", help="K, such as 7,15")
    what.add_argument("--heads", type=listed(whole_number), default=[], metavar="LIST", help="H of the 1/4 branch")
    what.add_argument("--mlp-ratios", type=listed(float), default=[], metavar="LIST", help="R, such as 2,4")
    how = parser.add_argument_group("what is found out")
    how.add_argument("--no-latency", action="store_true", help="measure nothing")
    how.add_argument("--no-fields", action="store_true", help="build no network for effective fields and leak")
    how.add_argument(
        "--stage", type=whole_number, default=2, metavar="N", help="where fields are looked at (default: 2)"
    )
    how.add_argument(
        "--batch-size", type=whole_number, default=1, metavar="N", help="images per timed call (default: 1)"
    )
    how.add_argument(
        "--threads", type=whole_number, metavar="N", help="of the timed calls; default: torch's own choice"
    )
    how.add_argument("--min-seconds", type=float, default=3.0, metavar="N", help="timed at least so long (default: 3)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write everything as CSV")


def variant_of(text: str, img_size: int | None = None) -> HRFormerConfig:
    """The variant that an argument names: a preset, a JSON file, or JSON.

    Raises:
        ValueError: If it is none, or not legal.
        OSError: If the file cannot be read.
    """
    from dataclasses import replace

    from explorer.models.catalogue import HRFORMER_PRESETS
    from explorer.models.variants import from_json

    known = HRFORMER_PRESETS.get(text) or HRFORMER_PRESETS.get(f"hrformer_{text}")
    if known is None and not text.lstrip().startswith("{") and not text.endswith(".json"):
        names = ", ".join(HRFORMER_PRESETS)
        raise ValueError(f"variant = {text!r} is not known: use tiny, small, base, {names}, a .json file, or JSON.")
    if known is None:
        known = from_json(text if text.lstrip().startswith("{") else Path(text).read_bytes())
    return known if img_size is None else replace(known, img_size=(img_size, img_size))


def _ablate(arguments: argparse.Namespace) -> int:
    from explorer.ablation.arms import Axes, arms_of
    from explorer.ablation.switches import switch_named
    from explorer.ablation.table import ablation_table
    from explorer.command_line import ExitCode
    from explorer.records.csv_cells import table_csv

    axes = Axes(
        window_sizes=tuple(arguments.window_sizes),
        num_heads=tuple(arguments.heads),
        mlp_ratios=tuple(arguments.mlp_ratios),
    )
    config = variant_of(arguments.variant, arguments.img_size)
    arms = arms_of(config, [switch_named(key) for key in arguments.switches], axes)
    check_output(arguments.output)
    views = {} if arguments.no_fields else _views(arms, config, arguments.stage)
    code, measured = (ExitCode.OK, ()) if arguments.no_latency else _measured(arms, arguments)
    table = ablation_table(arms, views, measured)
    _show(table)
    if arguments.output is not None:
        arguments.output.write_bytes(table_csv(table))
    return code


def _views(arms: Sequence[Arm], config: HRFormerConfig, stage: int) -> Mapping[HRFormerConfig, View]:
    from tqdm import tqdm

    from explorer.ablation.views import look_at, position_in
    from explorer.models.weights import random_model
    from explorer.pictures.photographs import fit, load_sample, to_input

    position = position_in(config, stage)
    image = to_input(fit(load_sample(_PICTURE), config.img_size), config.in_chans)
    with tqdm(total=len(arms), desc="fields and leak", disable=None) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.update(done - bar.n)

        return look_at(arms, random_model(config, 0), image, position, on_progress=on_progress)


def _measured(arms: Sequence[Arm], arguments: argparse.Namespace) -> tuple[ExitCode, Sequence[Measured]]:
    from explorer.benchmark.method import Method
    from explorer.benchmark.plan import Plan
    from explorer.command_line.measuring import Where, run_plan
    from explorer.models.model_ref import variant

    plan = Plan(
        models=tuple(variant(arm.config) for arm in arms),
        batch_sizes=(arguments.batch_size,),
        threads=(arguments.threads,),
        method=Method(min_seconds=arguments.min_seconds, max_seconds=max(60.0, arguments.min_seconds)),
    )
    return run_plan(plan, Where())


def _show(table: pd.DataFrame) -> None:
    from explorer.ablation.table import FIGURES, Figure, cell_text, rows_of
    from explorer.command_line.tables import Column, text_table

    def column(figure: Figure) -> Column:
        return Column(figure.name, lambda row: cell_text(figure, row), numeric=True)

    shown = [figure for figure in FIGURES if table[figure.column].notna().any()]
    columns = [Column("network", lambda row: str(row["label"])), *map(column, shown)]
    rows = rows_of(table)
    print(text_table(columns, rows))
    for note in dict.fromkeys(note for row in rows for note in (row["note"], row["latency_note"]) if note):
        print(f"Note: {note}")
