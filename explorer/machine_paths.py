"""What the system, a library or a database says, for visitors of a server: without this machine's paths."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

from explorer.places import CODE, URL_VARIABLE

#: In quotes a path may hold blanks; elsewhere a slash after a letter or digit is a fraction, a unit or part of a URL.
_QUOTED = re.compile(r"""(?P<quote>['"`])/(?:[^'"`\n]*/)?(?P<name>[^'"`/\n]+)/?(?P=quote)""")
_FOLDERS = r"""(?:[^\s/'"`:;,()*]+/)*"""
_BARE = re.compile(rf"""(?<![\w.~/)-])/{_FOLDERS}(?P<name>[^\s/'"`:;,()*]*\w[^\s/'"`:;,()*]*)/?""")
_SQLITE = re.compile(r"sqlite:///(?:file:)?(?P<path>[^?]+)")


def without_paths(text: str) -> str:
    """A text with the name alone of every file or folder that it names by its place on this machine."""
    text = _QUOTED.sub(r"\g<quote>\g<name>\g<quote>", text)
    return _BARE.sub(r"\g<name>", _known_folders(os.environ.get(URL_VARIABLE, "")).sub("", text))


def error_sentence(error: ValueError | OSError) -> str:
    """An error that the input or the system is at fault for, as one sentence; files with their paths."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'} cannot be read or written: {error.strerror}."
    return " ".join(str(error).split())


def error_line(error: BaseException) -> str:
    """An error in one line: its type, and the first line of what it says."""
    lines = without_paths(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@cache
def _known_folders(store_url: str) -> re.Pattern[str]:
    """Folders whose names may hold blanks, so that no pattern finds their end."""
    places = [Path.home(), Path.cwd(), CODE, Path(tempfile.gettempdir()), Path(sys.prefix)]
    if store := _SQLITE.match(store_url):
        places.append(Path(store["path"]).expanduser().parent)
    folders = sorted({str(place.absolute()) for place in places} - {"/"}, key=len, reverse=True)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, folders))})/{_FOLDERS}")
