"""`python -m explorer` and `hrformer-explorer`: the command line."""

from __future__ import annotations

import os
import signal
import sys

from explorer.command_line import main


def run() -> int:
    """`python -m explorer`."""
    # Batch systems end a job with SIGTERM; it cancels as Ctrl-C does, so that nothing measured is lost.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return main()


def run_installed() -> int:
    """`hrformer-explorer`, which starts the app where it is given nothing to do."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Else child processes would look for their modules in the current folder first, whatever lies there.
    os.environ["PYTHONSAFEPATH"] = "1"
    return main(sys.argv[1:] or ["app"], "hrformer-explorer")


if __name__ == "__main__":
    sys.exit(run())
