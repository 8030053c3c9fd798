"""`make bench`: the explorer's own speed as ratios in one run, and its waiting times in a real browser."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from explorer.cost.complexity import estimate_complexity
from explorer.inspection.attention_maps import BlockAddress, collect_attention_maps
from explorer.inspection.effective_field import dw_conv_pair, effective_field_pair
from explorer.inspection.feature_maps import collect_module_maps
from explorer.inspection.receptive_field import central_position
from explorer.models.weights import random_model
from explorer.pictures.photographs import (
    SAMPLES,
    fit,
    load_sample,
    to_input,
)
from hrformer import TASKS, HRFormerConfig, preset
from tests import (
    bench_comparison,
    bench_harness,
    bench_prediction,
    bench_start,
    bench_take_out,
    bench_uploads,
)
from tests.bench_report import report

ROUNDS = 15


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def interleaved(works: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median milliseconds of each piece of work; rounds alternate, so that a busy machine hits all alike."""
    for work in works.values():
        work()
    samples: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            samples[name].append(milliseconds(work))
    return {name: statistics.median(values) for name, values in samples.items()}


def percentile_95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def random_variant(generator: random.Random) -> HRFormerConfig:
    heads = tuple(generator.randint(1, 16) for _ in range(4))
    return preset(
        "tiny",
        generator.choice(TASKS),
        img_size=(generator.randint(32, 2048), generator.randint(32, 2048)),
        num_modules=tuple(generator.randint(1, 64) for _ in range(4)),
        num_blocks=tuple(generator.randint(1, 64) for _ in range(4)),
        num_heads=heads,
        channels=tuple(count * generator.randint(1, 64) for count in heads),
        window_sizes=tuple(generator.randint(1, 32) for _ in range(4)),
        dw_conv=generator.random() < 0.5,
    )


def bench_cost() -> None:
    """Closed-form cost of 1,000 random legal variants, none of them cached."""
    generator = random.Random(0)
    variants = [random_variant(generator) for _ in range(1000)]
    estimate_complexity.cache_clear()
    times = [milliseconds(lambda config=config: estimate_complexity(config)) for config in variants]
    report("cost of a variant, p95 of 1,000", f"{percentile_95(times):.1f} ms", "< 20 ms")


def pictures(config: HRFormerConfig) -> list[Tensor]:
    return [to_input(fit(load_sample(name), config.img_size), config.in_chans) for name in SAMPLES]


def bench_maps() -> None:
    """Feature maps, and the attention of the cheapest and the dearest block to reach, against the bare forward."""
    config = preset("tiny")
    model = random_model(config, 0)
    x = pictures(config)[0]

    def forward() -> None:
        with torch.inference_mode():
            model(x)

    works = {
        "forward": forward,
        "feature maps": lambda: collect_module_maps(model, x, 4, 1),
        "attention, first block": lambda: collect_attention_maps(model, x, BlockAddress(2, 0, 0, 0)),
        "attention, last block": lambda: collect_attention_maps(model, x, BlockAddress(4, 1, 0, 1)),
    }
    medians = interleaved(works)
    for name, target in list(zip(works, ("", "<= 1.5", "<= 1.3", "<= 1.3"), strict=True))[1:]:
        report(f"{name} of HRFormer-T at 224 / bare forward", f"{medians[name] / medians['forward']:.2f}", target)


def bench_effective_field() -> None:
    """The effective receptive field with and without DW conv over 8 pictures, in forward-backward times of one."""
    config = preset("tiny")
    with_dw_conv, without = dw_conv_pair(random_model(config, 0))
    images = torch.cat((pictures(config) * 2)[:8])
    position = central_position(config, stage=4, module=1, branch=0)

    def forward_backward() -> None:
        x = images[:1].clone().requires_grad_()
        with_dw_conv(x).sum().backward()

    works = {
        "forward and backward": forward_backward,
        "pair": lambda: effective_field_pair(with_dw_conv, without, images, position),
    }
    medians = interleaved(works, rounds=5)
    ratio = medians["pair"] / medians["forward and backward"]
    report("effective field pair, 8 pictures / forward and backward", f"{ratio:.1f}", "<= 30")


def bench_browser() -> None:
    """From the key that moves a slider to the new number on the page, in Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.browser.driver import CHROMIUM_FLAGS, find_chromium, metric, open_page, slider
    from tests.browser.serving import running_app

    chromium = find_chromium()
    if chromium is None:
        report("slider to new numbers in the browser", "no Chromium", "< 200 ms")
        return
    with running_app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_page(page, address)
        value = metric(page, "MACs")
        handle = slider(page, "channels.all")
        times = []
        for step in range(24):
            before = value.inner_text()
            start = time.perf_counter()
            handle.press("ArrowRight" if step % 8 < 4 else "ArrowLeft")
            page.wait_for_function(
                "before => ![...document.querySelectorAll('[data-testid=\"stMetricValue\"]')]"
                ".some(element => element.innerText === before)",
                arg=before,
                polling=5,
            )
            times.append((time.perf_counter() - start) * 1e3)
            page.wait_for_timeout(700)
        browser.close()
    spread = f"{percentile_95(times):.0f} ms (median {statistics.median(times):.0f})"
    report("slider to new numbers in the browser, p95 of 24", spread, "< 200 ms")


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, Python {sys.version.split()[0]}")
    bench_cost()
    bench_maps()
    bench_effective_field()
    bench_browser()
    bench_start.main()
    bench_harness.main()
    bench_comparison.main()
    bench_uploads.main()
    bench_prediction.main()
    bench_take_out.main()


if __name__ == "__main__":
    main()
