"""When a file was changed last, for whoever reads it again only then."""

from pathlib import Path


def modified_ns(path: Path) -> int:
    """In nanoseconds; 0 where there is no such file, also where another program deletes it just now."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
