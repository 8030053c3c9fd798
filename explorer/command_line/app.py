"""`app`: the explorer in the browser, from any folder and with the settings that ship."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from typing import Any

from explorer.command_line.arguments import whole_number
from explorer.command_line.own_store import tell_place
from explorer.places import APP


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser(
        "app",
        help="start the explorer in the browser",
        description="Start the explorer in the browser.",
        epilog="Streamlit takes its settings from the environment, too, such as STREAMLIT_SERVER_HEADLESS=true.",
    )
    parser.add_argument("--port", type=whole_number, metavar="N", help="where it listens (default: 8501)")
    parser.set_defaults(command=_app)


def _app(arguments: argparse.Namespace) -> int:
    """Become the server, which is told of signals itself; settings are read from beside the script."""
    if find_spec("streamlit") is None:
        raise ModuleNotFoundError("No module named 'streamlit'", name="streamlit")
    tell_place()
    port = () if arguments.port is None else (f"--server.port={arguments.port}",)
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(APP), *port])
