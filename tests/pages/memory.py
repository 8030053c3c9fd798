"""How much memory the process holds."""

from explorer.processes.memory import return_freed_memory, rss_mib


def resident_mib() -> float:
    """Resident MiB with garbage collected and freed memory given back: glibc keeps some of it, which is no leak."""
    return_freed_memory()
    return rss_mib()
