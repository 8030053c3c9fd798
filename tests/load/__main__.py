"""Many users at once on the real server: `python -m tests.load --users 30 --minutes 5`."""

from __future__ import annotations

import argparse
import sys

from tests.load.run import load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pause", type=float, nargs=2, default=(2.0, 8.0), help="shortest and longest, in seconds")
    parser.add_argument("--impossible", type=float, default=0.0, help="requests a second for what never fits")
    options = parser.parse_args()
    pause_s = options.pause[0], options.pause[1]
    report = load(options.users, options.minutes * 60, pause_s, impossible_a_second=options.impossible)
    print(report)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
