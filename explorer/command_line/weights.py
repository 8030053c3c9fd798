"""`weights`: which weights others have published, and fetching them into the cache."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from hrformer.download import CACHE_VARIABLE, Download, DownloadError, cache_folder
from hrformer.published import published_by_name, published_weights

if TYPE_CHECKING:
    from hrformer.published import PublishedWeights

_CACHE = f"The cache is the folder that {CACHE_VARIABLE} names, else the user's own."
_LIST = f"List published weights, and which of them the cache has; no server is asked without --sizes. {_CACHE}"
_FETCH = (
    "Fetch published weights into the cache and write where they lie. What was cut off goes on, and a file that was "
    f"put there by hand counts if its SHA-256 is the published one. {_CACHE}"
)


def add_parser(commands: Any) -> None:
    """Add the command with its two commands to the subparsers."""
    parser = commands.add_parser("weights", help="list and fetch published weights", description=_LIST)
    parts = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    lister = parts.add_parser("list", help="which there are", description=_LIST)
    lister.add_argument("--sizes", action="store_true", help="ask the servers how large the files are")
    lister.set_defaults(command=_list)
    fetcher = parts.add_parser("fetch", help="fetch some", description=_FETCH)
    fetcher.add_argument("name", metavar="NAME", help="one of the list")
    fetcher.set_defaults(command=_fetch)


def _list(arguments: argparse.Namespace) -> int:
    from explorer.command_line import ExitCode
    from explorer.command_line.tables import WEIGHTS_COLUMNS, text_table
    from explorer.models.published_weights import kept_bytes, weights_size

    rows = []
    for weights in published_weights().values():
        try:
            size = _told_size(weights) if arguments.sizes else weights_size(weights)
        except DownloadError as error:
            return _fail(error)
        kept = kept_bytes(weights) is not None
        rows.append({**vars(weights), "size": size, "kept": kept, "url": weights.file.url})
    print(text_table(WEIGHTS_COLUMNS, rows))
    _say(f"The cache is {cache_folder()}.")
    return ExitCode.OK


def _told_size(weights: PublishedWeights) -> str:
    from explorer.models.published_weights import megabytes

    size = Download(weights.file).size()
    return "not told" if size is None else megabytes(size)


def _fetch(arguments: argparse.Namespace) -> int:
    from explorer.command_line import ExitCode

    weights = published_by_name(arguments.name)
    with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        try:
            Download(weights.file, on_progress=show).run()
        except DownloadError as error:
            return _fail(error)
    print(weights.path)
    return ExitCode.OK


def _fail(error: DownloadError) -> int:
    """Nothing that was typed is at fault."""
    from explorer.command_line import ExitCode

    _say(str(error))
    return ExitCode.FAILED


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
