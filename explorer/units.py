"""Figures as a person reads and writes them: three significant digits, a prefix and the unit; sizes and durations."""

from __future__ import annotations

import re
from datetime import datetime

KIB = 2**10
MIB = 2**20
GIB = 2**30

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_BYTES = {"": 1, "B": 1, "KIB": KIB, "MIB": MIB, "GIB": GIB, "TIB": 2**40}
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits: 1.83, 13.7, 1,502; an exponent only where it is tiny: 1.2e-5."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e-" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{float(text):,.0f}" if "e" in text else text


def with_prefix(value: float, unit: str) -> str:
    """A count with its prefix and unit: "1.71 GMACs", "8.04 M parameters"."""
    space = " " if unit[:1].islower() else ""  # a word stands apart, an abbreviation does not
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.9995:
            return f"{significant(value / factor)} {prefix}{space}{unit}".rstrip()
    return f"{significant(value)} {unit}".rstrip()


def counted(count: int, noun: str) -> str:
    """How many of something: "1 module", "2 branches"."""
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"


def mebibytes(value: float) -> str:
    """A memory size given in MiB, in MiB or GiB."""
    return f"{significant(value / 1024)} GiB" if value >= 1024 else f"{significant(value)} MiB"


def bytes_of(text: str) -> float | None:
    """A size of memory as a person writes it (4GiB, 512MiB, a number of bytes) in bytes; None where it is none."""
    found = _SIZE.fullmatch(text)
    unit = _BYTES.get(found[2].upper()) if found else None
    return float(found[1]) * unit if found and unit else None


def duration(seconds: float) -> str:
    """A rough duration: "45 s", "3 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def signed_percent(value: float, reference: float) -> str:
    """Change against a reference as a signed percentage; "same" where there is none."""
    if reference in (value, 0):
        return "same"
    change = (value / reference - 1) * 100
    return f"{change:+.1f} %" if abs(change) < 100 else f"{change:+,.0f} %"


def clock_time(moment: datetime) -> str:
    """When something was, by this machine's clock; visitors elsewhere see whose it is: "10:31 UTC"."""
    return moment.astimezone().strftime("%H:%M %Z")
