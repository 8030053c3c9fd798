"""No new process and no connection for this process, by the kernel's own filter of system calls.

Linux on x86-64 and ARM64 has it (seccomp); elsewhere new processes are refused by a resource limit, and connections are
not refused.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct
import sys
from dataclasses import dataclass

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_CLONE_THREAD = 0x00010000
#: Operations of the kernel's packet filter: load a word, compare, test bits, return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
#: Where a call's number, its machine and its first argument lie.
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16


@dataclass(frozen=True)
class _Machine:
    """The numbers of system calls on a kind of machine.

    Attributes:
        number: Its own, as the kernel's audit names it.
        refused: socket, connect, bind, listen, socketpair; fork, vfork, execve, execveat; kill, ptrace; io_uring_setup.
        clone: Makes a process or a thread.
        clone3: The same, with flags that lie in memory, which no filter reads.
    """

    number: int
    refused: tuple[int, ...]
    clone: int
    clone3: int = 435


_MACHINES = {
    "x86_64": _Machine(0xC000003E, (41, 42, 49, 50, 53, 57, 58, 59, 322, 62, 101, 425), clone=56),
    "aarch64": _Machine(0xC00000B7, (198, 203, 200, 201, 199, 221, 281, 129, 117, 425), clone=220),
}
#: Numbers from here on are those of a second set of calls on x86-64.
_SECOND_SET = 0x40000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_processes_and_connections() -> None:
    """Refuse new processes, other programs, sockets and signals to others, for good; threads stay possible."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES or not _filter(_MACHINES[platform.machine()]):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _filter(machine: _Machine) -> bool:
    """Whether the kernel took the filter."""
    refuse = _instruction(_RETURN, _ERRNO | errno.EPERM)
    allow = _instruction(_RETURN, _ALLOW)
    steps = [
        _instruction(_LOAD, _MACHINE),
        _instruction(_EQUAL, machine.number, then=1),
        refuse,
        _instruction(_LOAD, _NUMBER),
        _instruction(_AT_LEAST, _SECOND_SET, otherwise=1),
        refuse,
        _instruction(_EQUAL, machine.clone3, otherwise=1),
        _instruction(_RETURN, _ERRNO | errno.ENOSYS),  # the C library then takes clone
        *(step for number in machine.refused for step in (_instruction(_EQUAL, number, otherwise=1), refuse)),
        _instruction(_EQUAL, machine.clone, then=1),
        allow,
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_ANY_BIT, _CLONE_THREAD, otherwise=1),
        allow,
        refuse,
    ]
    program = _Program(len(steps), b"".join(steps))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
    unprivileged = prctl(_PR_SET_NO_NEW_PRIVS, 1, None, 0, 0) == 0
    taken = unprivileged and prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0) == 0
    return bool(taken)


def _instruction(operation: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One step; `then` and `otherwise` are how many steps a comparison skips."""
    return struct.pack("=HBBI", operation, then, otherwise, value)
