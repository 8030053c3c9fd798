"""How much memory the process holds."""

import ctypes
import gc

import psutil


def resident_mib() -> float:
    """Resident MiB with garbage collected and freed memory given back: glibc keeps some of it, which is no leak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss / 2**20)
