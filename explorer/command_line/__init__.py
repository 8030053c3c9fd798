"""`hrformer-explorer`, or `python -m explorer`: starts the app, and measures and keeps records without a browser."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import NoReturn

from explorer.machine_paths import error_sentence

__all__ = ["ExitCode", "main", "parser"]

PROGRAM = "python -m explorer"
_STORE_HINT = (
    "Records are kept in results/benchmarks.sqlite of a checkout, else in the user's data folder, or in the database "
    "whose SQLAlchemy URL the environment variable HRFORMER_RESULTS_URL holds."
)
#: What of this program is no library that could be missing.
_OWN = ("explorer", "hrformer")


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    CANCELLED = 130


def main(argv: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process by default.
        program: How the user has called this.

    Returns:
        0; 1 if a run failed or a record could not be stored; 2 if the input is at fault; 130 if it was cancelled.
        Every error is one sentence on stderr.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows ? for it
    try:
        return _run(argv, program)
    except ModuleNotFoundError as error:  # as after an installation of the model alone
        if error.name is None or error.name.partition(".")[0] in _OWN:
            raise
        _say(f"{error.name} is not installed: run pip install 'hrformer-explorer[app]'.")
        return ExitCode.BAD_INPUT


def _run(argv: Sequence[str] | None, program: str) -> int:
    from explorer.records.store_errors import StoreError

    try:
        arguments = parser(program).parse_args(argv)
        return int(arguments.command(arguments))
    except SystemExit as stop:  # argparse has said everything
        return int(stop.code or 0)
    except BrokenPipeError:
        _forget_stdout()
        return ExitCode.FAILED
    except StoreError as error:
        _say(str(error))
        return ExitCode.FAILED
    except (ValueError, OSError) as error:
        _say(error_sentence(error))
        return ExitCode.BAD_INPUT
    except KeyboardInterrupt:
        _say("Cancelled.")
        return ExitCode.CANCELLED


class _Parser(argparse.ArgumentParser):
    """Says one sentence about a wrong argument, without the usage of everything."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.BAD_INPUT, f"{message[:1].upper()}{message[1:]}: see {self.prog} --help.\n")


def parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """All commands with their arguments."""
    # Not above: each command loads only what it needs, and --help nothing of it.
    from explorer.command_line.ablate import add_parser as add_ablate
    from explorer.command_line.app import add_parser as add_app
    from explorer.command_line.bench import add_parser as add_bench
    from explorer.command_line.claims import add_parser as add_claims
    from explorer.command_line.onnx import add_parser as add_onnx
    from explorer.command_line.profile import add_parser as add_profile
    from explorer.command_line.rank_parts import add_parser as add_rank_parts
    from explorer.command_line.records import add_parsers as add_record_commands
    from explorer.command_line.train_ablation import add_parser as add_train_ablation
    from explorer.command_line.weights import add_parser as add_weights

    commands_parser = _Parser(
        prog=program, description="Start the app, or measure models and keep the records.", epilog=_STORE_HINT
    )
    commands = commands_parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_app(commands)
    add_bench(commands)
    add_profile(commands)
    add_ablate(commands)
    add_rank_parts(commands)
    add_train_ablation(commands)
    add_onnx(commands)
    add_weights(commands)
    add_record_commands(commands)
    add_claims(commands)
    return commands_parser


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _forget_stdout() -> None:
    """The reader, such as `head`, has gone: what Python still flushes at its end must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
