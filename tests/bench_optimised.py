"""Does optimising cost less than it saves? `make bench-speed` says how long it takes and what memory the forms need.

Each form is built in a fresh process, on one thread. What building left behind is given back first; then the peak of
resident memory over three forward passes counts, weights included, libraries not: from it goes what the process held
before there was a model. It includes oneDNN's kernels and scratch memory, which no counter of tensors sees.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import torch

from explorer.processes.memory import (
    peak_rss_mib,
    reset_peak_rss,
    return_freed_memory,
    rss_mib,
)
from hrformer import create_model, optimize_for_inference, preset

SIZES = ("small", "base")
BATCHES = (1, 8)
FORWARDS = 3
TARGET_S = 3.0


def measure(size: str, form: str, batch_size: int) -> dict[str, float]:
    """Processor seconds of optimising and MiB of the forward, in this process."""
    torch.set_num_threads(1)
    images = torch.randn(batch_size, 3, 224, 224)
    before_mib = rss_mib()
    model = create_model(preset(size)).eval()
    start = time.process_time()
    if form == "optimised":
        model = optimize_for_inference(model)
    seconds = time.process_time() - start
    return_freed_memory()
    reset_peak_rss()
    with torch.inference_mode():
        for _ in range(FORWARDS):
            model(images)
    return {"seconds": seconds, "mib": peak_rss_mib() - before_mib}


def measure_apart(size: str, form: str, batch_size: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.bench_optimised", size, form, str(batch_size)]
    values: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return values


def main() -> None:
    if len(sys.argv) > 1:
        size, form, batch_size = sys.argv[1:]
        print(json.dumps(measure(size, form, int(batch_size))))
        return
    print("| | batch | optimising, s of processor time | eager, MiB | optimised, MiB | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for size in SIZES:
        for batch_size in BATCHES:
            eager, optimised = (measure_apart(size, form, batch_size) for form in ("eager", "optimised"))
            print(
                f"| HRFormer-{size[0].upper()} | {batch_size} | {optimised['seconds']:.1f} | {eager['mib']:.0f} | "
                f"{optimised['mib']:.0f} | {optimised['mib'] / eager['mib']:.2f} |",
                flush=True,
            )
    print(f"\nTargets: optimising HRFormer-B under {TARGET_S:.0f} s; ratios of memory at most 1.")


if __name__ == "__main__":
    main()
