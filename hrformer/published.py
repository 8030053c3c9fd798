"""Weights that others have published: the list of them, and each on request from its server, read as any checkpoint."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hrformer.config import HRFormerConfig, preset
from hrformer.download import Download, OnProgress, RemoteFile, cache_folder, tell_nobody
from hrformer.wording import shown

if TYPE_CHECKING:  # a list needs no torch
    from hrformer.model import HRFormer

TABLE = Path(__file__).with_name("published_weights.csv")


@dataclass(frozen=True)
class PublishedWeights:
    """Weights on somebody's server.

    Attributes:
        name: What they are asked for by.
        task: What they were trained for.
        variant: The preset that they are of.
        img_size: (height, width) in pixels that they were trained for.
        score: What their source says that they reach; None where it says nothing.
        score_name: What the score is, such as "COCO val2017 AP".
        licence: That of their source.
        source: Who published them, and where they are listed.
        file: Where they are.
    """

    name: str
    task: str
    variant: str
    img_size: tuple[int, int]
    score: float | None
    score_name: str
    licence: str
    source: str
    file: RemoteFile

    @cached_property
    def config(self) -> HRFormerConfig:
        """The variant that they are said to be of; the file has the last word."""
        return preset(self.variant, self.task, img_size=self.img_size)

    @property
    def path(self) -> Path:
        """Where the file lies in the cache, fetched or put there by hand."""
        return cache_folder() / self.file.name

    def are_kept(self) -> bool:
        """Whether the cache has them: the hash of the file there says so.

        Raises:
            OSError: If the file there cannot be read.
        """
        return self.file.is_at(self.path)


def published_weights() -> Mapping[str, PublishedWeights]:
    """All that are known, by name; nothing is fetched."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["name"]: _weights_of(row) for row in csv.DictReader(file)}


def published_by_name(name: str) -> PublishedWeights:
    """Those of a name.

    Raises:
        ValueError: If none have it.
    """
    known = published_weights()
    if name not in known:
        near = difflib.get_close_matches(name[:100], known, n=3, cutoff=0.0)
        raise ValueError(f"There are no published weights called {shown(name)}: use {' or '.join(near)}.")
    return known[name]


def load_published(name: str, on_progress: OnProgress = tell_nobody) -> HRFormer:
    """Build a model with published weights, which are fetched into the cache unless they are there.

    A file that was put into the cache by hand counts as well; in either case its SHA-256 is checked before it is read.

    Args:
        name: One of `published_weights()`.
        on_progress: Called with the bytes that are there and all bytes (0 where the server does not tell).

    Returns:
        The model, in training mode, for images of the size that the weights were trained for.

    Raises:
        ValueError: If there are none of this name, they cannot be fetched or kept (`hrformer.download.DownloadError`),
            or the file holds no HRFormer.
    """
    from hrformer.checkpoint import load_checkpoint

    weights = published_by_name(name)
    Download(weights.file, on_progress=on_progress).run()
    model = load_checkpoint(weights.path)
    model.config = replace(model.config, img_size=weights.img_size)
    return model


def _weights_of(row: Mapping[str, str]) -> PublishedWeights:
    return PublishedWeights(
        name=row["name"],
        task=row["task"],
        variant=row["variant"],
        img_size=(int(row["height"]), int(row["width"])),
        score=float(row["score"]) if row["score"] else None,
        score_name=row["score_name"],
        licence=row["licence"],
        source=row["source"],
        file=RemoteFile(row["url"], row["sha256_prefix"]),
    )
