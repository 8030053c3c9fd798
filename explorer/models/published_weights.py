"""What is said of weights that others have published, before and after they are fetched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from explorer.cost.complexity import estimate_complexity
from explorer.models.catalogue import PAPER_NAMES
from explorer.units import MIB, with_prefix
from hrformer import HRFormerConfig
from hrformer.download import RemoteFile
from hrformer.published import PublishedWeights


def title(weights: PublishedWeights) -> str:
    """In one line: "HRFormer-S · pose 256x192 · AP 0.738"."""
    height, width = weights.img_size
    scored = [] if weights.score is None else [f"{weights.score_name.split()[-1]} {weights.score:.3f}"]
    return " · ".join([PAPER_NAMES[weights.variant], f"{weights.task} {height}x{width}", *scored])


def weights_size(weights: PublishedWeights) -> str:
    """What so many parameters take in 32 bits, which is no more than near to the size of the file: "about 31.3 MB"."""
    return f"about {megabytes(_weights_bytes(weights.config))}"


def megabytes(count: int) -> str:
    """A count of bytes as servers and disks tell it."""
    return with_prefix(count, "B")


def kept_bytes(weights: PublishedWeights) -> int | None:
    """Size of the file in the cache; None where there is none, or another one of its name."""
    try:
        found = weights.path.stat()
        is_it = _is_at(weights.file, weights.path, found.st_mtime_ns, found.st_size)
    except OSError:
        return None
    return found.st_size if is_it else None


@lru_cache(maxsize=64)
def _is_at(file: RemoteFile, path: Path, _modified_ns: int, _size: int) -> bool:
    """Hashed once for as long as the file stays the same."""
    return file.is_at(path)


@lru_cache(maxsize=64)
def _weights_bytes(config: HRFormerConfig) -> int:
    return round(estimate_complexity(config).weights_mib * MIB)
