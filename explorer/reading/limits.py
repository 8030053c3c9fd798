"""What a process that reads a user's file may take, held by the system and not by the reader."""

from __future__ import annotations

import resource
import signal
import sys
from dataclasses import dataclass

import psutil

from explorer.reading.system_calls import forbid_processes_and_connections
from explorer.units import MIB, mebibytes

#: A file of nothing but headers does not take longer to arrive than this; a reader that waits for something is ended.
WALL_S = 60


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that reading one file takes.

    Attributes:
        seconds: Processor time.
        memory_mib: Memory beside the file.
        written_mib: What is written, beside as much as the file holds.
    """

    seconds: int
    memory_mib: int
    written_mib: int

    def impose(self, file_bytes: int, free_mib: float) -> None:
        """Set them for this process, for good.

        Args:
            file_bytes: What the file itself holds.
            free_mib: Free memory: a reader takes no more than that either, so that it and not the app is short of it.
        """
        if sys.platform == "linux":  # macOS does not hold a process to its address space
            address_space = psutil.Process().memory_info().vms + file_bytes + self._memory_bytes(free_mib)
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        resource.setrlimit(resource.RLIMIT_CPU, (self.seconds, self.seconds + 1))
        written = file_bytes + self.written_mib * MIB
        resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(WALL_S)
        forbid_processes_and_connections()

    def reason(self, number: int) -> str:
        """Why a reader was ended by a signal, as a sentence."""
        if number == signal.SIGXCPU:
            return f"The file took more than {self.seconds} s of processor time, so it was not read: save it again."
        if number == signal.SIGALRM:
            return f"The file could not be read within {WALL_S} s: try again."
        return "The file ended the process that read it, so it was not read: it is damaged, or built to do harm."

    def too_much(self) -> str:
        """Why what a reader wrote came to an end, as a sentence."""
        return f"The file unpacks to over {self.written_mib} MiB more than its size, so it was not read: save it again."

    def no_memory(self, free_mib: float) -> str:
        """Why a reader gave up, as a sentence."""
        if free_mib < self.memory_mib:
            return (
                f"The {mebibytes(free_mib)} of memory that are free are too little to read the file: try again later."
            )
        return f"The file took more than {self.memory_mib} MiB of memory, so it was not read: save it again."

    def _memory_bytes(self, free_mib: float) -> int:
        return int(min(self.memory_mib, free_mib) * MIB)


def not_kept(error: OSError) -> str:
    """Why a file could not be written or read in the temporary folder, as a sentence that names no path."""
    return (
        f"The file could not be kept for reading ({error.strerror}): free space in the temporary folder, or try again."
    )
