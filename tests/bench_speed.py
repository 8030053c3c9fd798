"""`make bench-speed`: HRFormer against DeiT-B and HRNet-W48 under every engine, as ratios in one run.

Rounds alternate over all models and engines, so that a busy machine hits all alike. Batches of one and of eight run one
after the other. torch.compile takes a minute per model and batch; `--engines eager OpenVINO` measures these alone.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.engines.engine import EngineError
from explorer.engines.registry import ENGINES, engine_by_name
from hrformer import create_model, preset

MODELS: dict[str, Callable[[], nn.Module]] = {
    "HRFormer-S": lambda: create_model(preset("small")),
    "HRFormer-B": lambda: create_model(preset("base")),
    "DeiT-B": lambda: timm.create_model("deit_base_patch16_224"),
    "HRNet-W48": lambda: timm.create_model("hrnet_w48"),
}
REFERENCES = ("DeiT-B", "HRNet-W48")
IMG_SIZE = 224
PEAK_SIDE = 1536


@dataclass
class Entry:
    """One model under one engine: a call, and its milliseconds per image."""

    model: str
    engine: str
    call: Callable[[], object]
    times_ms: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def spread(self) -> float:
        """Interquartile range over the median."""
        low, _, high = statistics.quantiles(self.times_ms, n=4)
        return (high - low) / self.median_ms


def counted_macs(build: Callable[[], nn.Module]) -> int:
    """Matrix-product MACs of one image."""
    with torch.device("meta"):
        model, x = build().eval(), torch.empty(1, 3, IMG_SIZE, IMG_SIZE)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops() // 2


def matrix_product_peak(rounds: int = 15) -> float:
    """Multiply-adds per second of this machine's fastest square matrix product."""
    x = torch.randn(PEAK_SIDE, PEAK_SIDE)
    packed = torch.ops.mkldnn._reorder_linear_weight(x, PEAK_SIDE)
    products = (lambda: x @ x, lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], ""))
    best_s = min(seconds(product) for _ in range(rounds) for product in products)
    return PEAK_SIDE**3 / best_s


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def prepare(engines: list[str], batch_size: int, models: list[str]) -> list[Entry]:
    """Every model under every engine that runs it; the others say why not."""
    x = torch.randn(batch_size, 3, IMG_SIZE, IMG_SIZE)
    entries = []
    for model_name in models:
        model = MODELS[model_name]().eval()
        for engine_name in engines:
            try:
                run = engine_by_name(engine_name).prepare(model, x)
                run(x)
            except EngineError as error:
                print(f"{model_name}, {engine_name}: {error}", flush=True)
                continue
            entries.append(Entry(model_name, engine_name, lambda run=run: run(x)))
    return entries


def measure(entries: list[Entry], batch_size: int, rounds: int) -> None:
    for _ in range(rounds):
        for entry in entries:
            entry.times_ms.append(seconds(entry.call) * 1e3 / batch_size)


def ratio(entry: Entry, reference: Entry) -> float:
    """Median over the rounds of one time over the other."""
    return statistics.median(own / other for own, other in zip(entry.times_ms, reference.times_ms, strict=True))


def print_table(entries: list[Entry], batch_size: int, peak: float) -> None:
    references = {
        (name, kind): reference
        for name in REFERENCES
        for kind, candidates in (
            ("eager", [e for e in entries if (e.model, e.engine) == (name, "eager")]),
            ("best", [e for e in entries if e.model == name]),
        )
        for reference in sorted(candidates, key=lambda e: e.median_ms)[:1]
    }
    headings = [f"/ {name} {kind}" for name, kind in references]
    print(f"\n| batch {batch_size} | engine | ms/image | spread | share of peak | " + " | ".join(headings) + " |")
    print("| --- | --- " + "| ---: " * (3 + len(headings)) + "|")
    macs = {name: counted_macs(MODELS[name]) for name in {entry.model for entry in entries}}
    for entry in entries:
        share = macs[entry.model] / peak / (entry.median_ms / 1e3)
        ratios = " | ".join(f"{ratio(entry, reference):.2f}" for reference in references.values())
        print(
            f"| {entry.model} | {entry.engine} | {entry.median_ms:.0f} | {entry.spread:.0%} | {share:.0%} | {ratios} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [engine.name for engine in ENGINES]
    parser.add_argument("--engines", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    ready = []
    for name in arguments.engines or names:
        reason = engine_by_name(name).available()
        if reason:
            print(f"{name}: {reason}")
        else:
            ready.append(name)
    peak = matrix_product_peak()
    print(
        f"{datetime.date.today()}, torch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} "
        f"interleaved rounds, matrix product at {peak / 1e9:.0f} GMAC/s, {IMG_SIZE} px, float32"
    )
    for batch_size in arguments.batches:
        entries = prepare(ready, batch_size, arguments.models)
        measure(entries, batch_size, arguments.rounds)
        print_table(entries, batch_size, peak)
        del entries
        gc.collect()


if __name__ == "__main__":
    main()
