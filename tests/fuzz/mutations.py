"""Damage to files: cut off, bits flipped, pieces doubled or moved."""

import os
import random
from collections.abc import Iterator

#: `make fuzz` multiplies every count.
SCALE = int(os.environ.get("HRFORMER_FUZZ_SCALE", "1"))
#: Another one finds other things; a failure is repeated with the number that the test's name shows.
SEED = int(os.environ.get("HRFORMER_FUZZ_SEED", "0"))

Case = tuple[str, bytes]


def damaged(name: str, contents: bytes, count: int) -> Iterator[Case]:
    """`count * SCALE` damaged versions of a file; most damage hits its beginning and its end, where headers are."""
    chance = random.Random(f"{SEED} {name}")
    ways = (_cut, _flip, _flip, _double, _overwrite)
    for number in range(count * SCALE):
        yield f"{number}-{name}", chance.choice(ways)(chance, contents)


def _place(chance: random.Random, contents: bytes) -> int:
    edge = min(512, len(contents))
    start = chance.choice((0, len(contents) - edge, None))
    return chance.randrange(len(contents)) if start is None else start + chance.randrange(edge)


def _cut(chance: random.Random, contents: bytes) -> bytes:
    return contents[: _place(chance, contents)]


def _flip(chance: random.Random, contents: bytes) -> bytes:
    changed = bytearray(contents)
    for _ in range(chance.randint(1, 6)):
        changed[_place(chance, contents)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(chance: random.Random, contents: bytes) -> bytes:
    """Extreme numbers where a header may hold a size."""
    place = _place(chance, contents)
    number = chance.choice((b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x01\x00"))
    return contents[:place] + number + contents[place + 4 :]


def _double(chance: random.Random, contents: bytes) -> bytes:
    start = _place(chance, contents)
    piece = contents[start : start + chance.randint(1, 64)]
    return contents[:start] + piece * chance.randint(2, 50) + contents[start:]
