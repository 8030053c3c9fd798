"""Random weights that a seed alone decides, also while other users' models are being built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

# Weights are drawn from torch's one generator per process: two threads drawing at once would share the numbers out
# between them, and a seed would give other weights each time.
_drawing = Lock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a generator that starts at the seed, one thread at a time; the generator is put back afterwards."""
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
