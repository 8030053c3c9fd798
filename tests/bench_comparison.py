"""How long the Comparison page takes with 100,000 records: to open, to filter, to plot.

`python -m tests.bench_comparison` fills a store of its own, which takes about a minute, and prints seconds.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from explorer.places import URL_VARIABLE
from explorer.records.record import Record
from explorer.records.store import Store
from tests.explorer.records.examples import example_record

RECORDS = 100_000
TARGET_S = 1.5
PAGE = "pages/measure/comparison.py"

_MODELS = ("hrformer_tiny", "hrformer_small", "hrformer_base", "hrnet_w18", "hrnet_w48", "deit_base_patch16_224")
_DEVICES = (("cpu", "Xeon"), ("cpu", "EPYC"), ("cuda", "A100"), ("cuda", "H100"))


def synthetic_records(count: int, seed: int = 0) -> Iterator[Record]:
    """Records that differ in every circumstance a filter looks at, measured one second after the other."""
    generator = random.Random(seed)
    for number in range(count):
        device, name = generator.choice(_DEVICES)
        latency_ms = generator.lognormvariate(3, 1)
        batch_size = generator.choice((1, 2, 4, 8, 16, 32))
        side = generator.choice((224, 256, 384))
        yield example_record(
            model_name=generator.choice(_MODELS),
            device=device,
            device_name=name,
            precision=generator.choice(("fp32", "bf16")),
            compile_mode=generator.choice(("eager", "default")),
            batch_size=batch_size,
            img_height=side,
            img_width=side,
            latency_ms_p50=latency_ms,
            latency_ms_p95=1.2 * latency_ms,
            throughput_img_s=1000 * batch_size / latency_ms,
            measured_at=f"2026-{1 + number // 2_419_200:02d}-{1 + number // 86_400 % 28:02d}T"
            f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}+00:00",
        )


def fill(url: str, count: int) -> None:
    with Store(url) as store:
        store.add_all(synthetic_records(count))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print how long it takes to open the page, to filter, and to plot another chart."""
    from tests.pages.entrypoint import open_app

    with tempfile.TemporaryDirectory() as folder:
        os.environ[URL_VARIABLE] = f"sqlite:///{Path(folder) / 'records.sqlite'}"
        app = open_app(PAGE)  # imports, and the page's first run on an empty store
        fill(os.environ[URL_VARIABLE], RECORDS)
        opening = seconds(app.run)
        choice = app.selectbox(key="setup")
        filtering = seconds(lambda: choice.set_value(choice.options[-1]).run())
        section = app.segmented_control(key="comparison_section")
        plotting = seconds(lambda: section.set_value("Accuracy").run())
        listing = seconds(lambda: app.segmented_control(key="comparison_section").set_value("Records").run())
        assert not app.exception, app.exception
        assert not app.error, app.error
    for name, value in (("open", opening), ("filter", filtering), ("plot", plotting), ("list", listing)):
        print(
            f"{f'Comparison of {RECORDS:,} records, {name}':<58} {value:>14.2f} s   target < {TARGET_S} s", flush=True
        )


if __name__ == "__main__":
    main()
