"""Where and how a measurement ran: everything beside the job itself that its figures depend on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from explorer.places import CODE
from explorer.processes.memory import total_ram_mib

#: Variables that change the speed of torch's libraries.
_SPEED_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MKL_NUM_THREADS",
    "MALLOC_ARENA_MAX",
    "LD_PRELOAD",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "NVIDIA_TF32_OVERRIDE",
)
_PACKAGES = ("torch", "timm", "triton", "numpy", "nvidia-ml-py", "hrformer-explorer")


def describe_environment() -> dict[str, Any]:
    """The circumstances of a measurement in this process, as JSON values; None where something can't be found out.

    Nothing in it changes from one call to the next unless someone changes the machine, the code or torch's flags, so
    that records of one session share it.
    """
    return {
        "cpu": {
            "model": cpu_model(),
            "logical_cores": os.cpu_count(),
            "usable_cores": _usable_cores(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "frequency_governor": _read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        },
        "ram_mib": total_ram_mib(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "cuda_runtime": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "driver": _read_line("/sys/module/nvidia/version"),
        "threads": {"intra_op": torch.get_num_threads(), "inter_op": torch.get_num_interop_threads()},
        "flags": _torch_flags(),
        "variables": {name: os.environ[name] for name in _SPEED_VARIABLES if name in os.environ},
        "git": git_state(),
    }


def cpu_model() -> str | None:
    """The processor's marketing name."""
    for line in _read_lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or None


def git_state(root: Path = CODE) -> dict[str, Any] | None:
    """Commit of the checkout this code runs from and whether it is changed; None for an installed package."""
    if not (root / ".git").exists():
        return None
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": changes != ""}


def _torch_flags() -> dict[str, Any]:
    return {
        "cuda_matmul_fp32_precision": torch.backends.cuda.matmul.fp32_precision,
        "cudnn_conv_fp32_precision": torch.backends.cudnn.conv.fp32_precision,  # type: ignore[attr-defined]
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "onednn": torch.backends.mkldnn.enabled,
    }


def _usable_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _output(*command: str) -> str | None:
    """What a command prints, stripped; None where it is missing, fails or hangs."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _read_lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _read_line(path: str) -> str | None:
    return next(iter(_read_lines(path)), None)
