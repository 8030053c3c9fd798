"""A look at a pickle before it is opened: size and nesting, nothing executed.

torch's weights-only unpickler runs no code, but Python itself ends the process when it hashes a tuple that is nested a
hundred thousand deep, and a few bytes of a pickle are enough to make one.
"""

from __future__ import annotations

import pickletools
from typing import BinaryIO

#: A checkpoint's values are nested fewer than ten deep.
MAX_DEPTH = 100
#: About 300 KB describe the tensors of HRFormer-B; an optimiser's state takes twice as much again.
MAX_PICKLE_BYTES = 4 * 2**20

_MUTATORS = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD")
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")


def check_nesting(file: BinaryIO) -> None:
    """Walk one pickle's instructions, to the end of the pickle.

    Raises:
        ValueError: If it is no pickle or is nested too deep.
    """
    stack: list[int] = []  # depth of each value that the unpickler would hold
    marks: list[int] = []
    memo: dict[object, int] = {}
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "MARK":
                marks.append(len(stack))
            elif opcode.name in _PUTS or opcode.name == "MEMOIZE":
                memo[len(memo) if opcode.name == "MEMOIZE" else argument] = stack[-1]
            elif opcode.name in _GETS:
                stack.append(memo[argument])
            else:
                _apply(opcode, stack, marks)
                if stack and stack[-1] > MAX_DEPTH:
                    raise ValueError(f"It is nested more than {MAX_DEPTH} deep.")
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("It is no pickle.") from error


def _apply(opcode: pickletools.OpcodeInfo, stack: list[int], marks: list[int]) -> None:
    """Take from the stack what the instruction takes, and put there what it makes."""
    takes = opcode.stack_before
    marked = pickletools.markobject in takes
    below_mark = takes.index(pickletools.markobject) if marked else len(takes)
    start = (marks.pop() if marked else len(stack)) - below_mark
    if start < 0:
        raise IndexError(opcode.name)
    taken = stack[start:]
    del stack[start:]
    if opcode.name in _MUTATORS:
        depth = max([taken[0], *(1 + inner for inner in taken[1:])])
    else:
        depth = 1 + max(taken) if taken else 0
    stack.extend([depth] * len(opcode.stack_after))
