"""`python -m explorer`: the command line."""

from __future__ import annotations

import signal
import sys

from explorer.command_line import main

if __name__ == "__main__":
    # Batch systems end a job with SIGTERM; it cancels as Ctrl-C does, so that nothing measured is lost.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
