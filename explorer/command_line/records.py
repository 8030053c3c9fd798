"""`export`, `import`, `list` and `backup`: records of the store as files and as a table."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, get_args

from explorer.command_line.arguments import check_output, whole_number
from explorer.command_line.own_store import open_store
from explorer.command_line.tables import LIST_COLUMNS, text_table
from explorer.records.exchange import import_csv, write_csv, write_timm_csv
from explorer.records.record import JobKind, Status
from explorer.records.selection import Between
from explorer.records.store import Store

_STDOUT = "-"
_DEFAULT_ROWS = 50

#: Option of a selection to the record's column, and how its text is read.
_SELECTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "model": ("model_name", str),
    "kind": ("kind", str),
    "status": ("status", str),
    "device": ("device", str),
    "device-name": ("device_name", str),
    "batch-size": ("batch_size", whole_number),
    "threads": ("threads", whole_number),
    "precision": ("precision", str),
    "memory-format": ("memory_format", str),
    "engine": ("engine", str),
    "compile": ("compile_mode", str),
    "host": ("hostname", str),
}
_CHOICES = {"kind": get_args(JobKind), "status": get_args(Status), "device": ("cpu", "cuda", "mps")}


def add_parsers(commands: Any) -> None:
    """Add the four commands to the subparsers."""
    export = commands.add_parser("export", help="write records as CSV", description="Write records as CSV.")
    export.add_argument("file", metavar="FILE", help="file to write, - for standard output")
    export.add_argument("--timm", action="store_true", help="timm's column names, for the kind inference or another")
    _add_selection(export)
    export.set_defaults(command=_export)

    importer = commands.add_parser("import", help="add another machine's CSV", description="Add exported records.")
    importer.add_argument("file", metavar="FILE", type=Path, help="file that export has written")
    importer.set_defaults(command=_import)

    lister = commands.add_parser("list", help="show records as a table", description="Show records as a table.")
    lister.add_argument(
        "--limit", type=_count, default=_DEFAULT_ROWS, metavar="N", help="newest N (default: %(default)s)"
    )
    _add_selection(lister)
    lister.set_defaults(command=_list)

    backup = commands.add_parser("backup", help="copy the store while it is in use", description="Copy the store.")
    backup.add_argument("file", metavar="FILE", type=Path, help="new SQLite file, which can be used as a store")
    backup.set_defaults(command=_backup)


def moment(text: str) -> str:
    """A date or time, in UTC unless it says otherwise, as `Record.measured_at` is written.

    Raises:
        argparse.ArgumentTypeError: If it is neither.
    """
    try:
        parsed = datetime.fromisoformat(text)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):  # the year 1 begins before there is a time in UTC
        raise argparse.ArgumentTypeError(f"{text!r} is no date or time; give one such as 2025-11-22T14:30") from None


def _add_selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which records (all by default; an option may be repeated)")
    for option, (column, read) in _SELECTIONS.items():
        choices = _CHOICES.get(option)
        metavar = None if choices else option.upper()
        group.add_argument(f"--{option}", dest=column, action="append", type=read, choices=choices, metavar=metavar)
    group.add_argument("--since", type=moment, metavar="TIME", help="measured then or later, UTC")
    group.add_argument("--until", type=moment, metavar="TIME", help="measured then or before, UTC")


def _filters(arguments: argparse.Namespace) -> dict[str, Any]:
    chosen = {column: getattr(arguments, column) for column, _ in _SELECTIONS.values()}
    filters = {column: values for column, values in chosen.items() if values is not None}
    if arguments.since or arguments.until:
        filters["measured_at"] = Between(arguments.since, arguments.until)
    return filters


def _export(arguments: argparse.Namespace) -> int:
    if arguments.file != _STDOUT:
        check_output(Path(arguments.file))
    filters = _filters(arguments)
    kinds = filters.setdefault("kind", ["inference"]) if arguments.timm else []
    if len(kinds) > 1:
        raise ValueError("timm's columns hold one kind of run at a time: give --kind once.")
    with open_store() as store:
        _refuse_nothing(store, filters)
        with _output(arguments.file) as file:
            records = store.records(filters)
            count = write_timm_csv(records, file, kinds[0]) if arguments.timm else write_csv(records, file)
    _tell(f"Wrote {_counted(count)} to {'standard output' if arguments.file == _STDOUT else arguments.file}.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    with arguments.file.open("rb") as file, open_store() as store:
        imported = import_csv(store, file)
        _tell(f"Added {_counted(imported.added)} to {store.location}; {imported.known} were there already.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    filters = _filters(arguments)
    with open_store() as store:
        _refuse_nothing(store, filters)
        frame = store.query(filters)
    newest = frame.tail(arguments.limit)
    rows = [{str(name): value for name, value in row.items()} for row in newest.to_dict("records")]
    print(text_table(LIST_COLUMNS, rows))
    if len(newest) < len(frame):
        _tell(f"These are the newest {len(newest)} of {_counted(len(frame))}: see more with --limit.")
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    with open_store() as store:
        store.back_up(arguments.file)
        _tell(f"Copied {store.location} with {_counted(store.count())} to {arguments.file}.")
    return 0


@contextmanager
def _output(name: str) -> Iterator[TextIO]:
    """The file to write; it replaces an older one only when all is written."""
    if name == _STDOUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="strict")  # a file, whatever the terminal shows
        yield sys.stdout
        return
    path = Path(name)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _refuse_nothing(store: Store, filters: dict[str, Any]) -> None:
    if store.count(filters) > 0:
        return
    if not filters:
        raise ValueError(f"The store {store.location} is empty: measure something with bench, or import a file.")
    names = ", ".join(store.distinct("model_name")[:10]) or "none yet"
    raise ValueError(f"No record matches these options: loosen them (models in {store.location}: {names}).")


def _counted(count: int) -> str:
    return f"{count:,} record" if count == 1 else f"{count:,} records"


def _count(text: str) -> int:
    count = whole_number(text)
    if count == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of records; give a whole number above 0")
    return count


def _tell(sentence: str) -> None:
    """Not on stdout, which may be the exported file."""
    print(sentence, file=sys.stderr)
