"""How long an ordinary upload takes, and loading a checkpoint, against torch's own reader: part of `make bench`."""

from __future__ import annotations

import io
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from explorer.models.weights import checkpoint_of
from explorer.pictures.photographs import read_picture
from explorer.reading.uploads import picture_from_upload, weights_from_upload
from hrformer import create_model, load_checkpoint, preset
from hrformer.checkpoint import normalise_keys
from tests.bench_report import report

ROUNDS = 9
TARGET_S = 0.3
#: Loading HRFormer-B from its file of 200 MB, over `torch.load` of that file alone.
TARGET_RATIO = 2


def main() -> None:
    """Median over turns that alternate, once the process that readers are forked from is warm."""
    logging.getLogger("hrformer").setLevel(logging.ERROR)  # what is assumed of the weights is no figure
    photograph = _photograph()
    picture_from_upload(photograph)
    _compare(
        f"picture, 12 megapixels, {len(photograph) / 2**20:.0f} MiB",
        lambda: read_picture(photograph),
        lambda: picture_from_upload(photograph),
    )
    for name in ("tiny", "base"):
        buffer = io.BytesIO()
        torch.save(create_model(preset(name)).state_dict(), buffer)
        contents = buffer.getvalue()
        _compare(
            f"checkpoint of {name}, {len(contents) / 2**20:.0f} MiB",
            lambda contents=contents: _in_own_process(contents),
            lambda contents=contents: weights_from_upload(contents, "weights.pth"),
        )
    _bench_loading(contents)


def _photograph() -> bytes:
    """Noise that a JPEG takes some MiB for."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((4000, 3000)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _in_own_process(contents: bytes) -> None:
    """What an upload was read by before: torch's weights-only reader, from a temporary file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pth")
        path.write_bytes(contents)
        normalise_keys(torch.load(path, map_location="cpu", weights_only=True))


def _bench_loading(contents: bytes) -> None:
    """A network from a file on the disk, and from an upload through the limited reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pth")
        path.write_bytes(contents)
        loads, file, upload = _medians(
            lambda: torch.load(path, map_location="cpu", weights_only=True),
            lambda: load_checkpoint(path),
            lambda: checkpoint_of(weights_from_upload(contents, "weights.pth")).build(),
        )
    for name, seconds in (("from its file", file), ("from an upload", upload)):
        ratio = f"{seconds / loads:.2f} ({seconds:.2f} s, {len(contents) / 1e6:.0f} MB)"
        report(f"HRFormer-B {name}, over torch.load", ratio, f"<= {TARGET_RATIO}")


def _medians(*works: Callable[[], object]) -> list[float]:
    """Seconds of each, over turns that alternate."""
    samples: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, seconds in zip(works, samples, strict=True):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in samples]


def _compare(name: str, before: Callable[[], object], now: Callable[[], object]) -> None:
    own, ours = _medians(before, now)
    report(f"{name}: upload beyond own process", f"{ours - own:+.2f} s ({ours:.2f} s)", f"<= {TARGET_S} s")


if __name__ == "__main__":
    main()
