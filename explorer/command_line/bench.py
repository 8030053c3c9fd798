"""`bench`: the arguments of a plan, from options, a YAML file, or both."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.benchmark.method import Method
from explorer.command_line.arguments import image_size, listed, whole_number

if TYPE_CHECKING:
    from explorer.benchmark.plan import Plan  # which loads torch, and --help needs none

_EPILOG = (
    "Options that are given replace what the plan file says. Lists are separated by commas. The exit code is 0 if all "
    "models were measured, 1 if one failed or could not be stored, 2 if the plan is at fault, 130 if it was cancelled."
)

#: For a first look at a machine: one of each family, timed just long enough.
_QUICK: dict[str, Any] = {
    "models": ["hrformer_tiny", "hrnet_w18", "deit_tiny_patch16_224"],
    "method": {"min_iterations": 10, "min_seconds": 1.0, "max_seconds": 10.0, "warmup_max_seconds": 3.0},
}


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser("bench", help="measure models", description="Measure models.", epilog=_EPILOG)
    parser.set_defaults(command=_bench)
    plan = parser.add_argument_group("plan")
    plan.add_argument("--plan", type=Path, metavar="FILE", help="plan as YAML")
    plan.add_argument("--quick", action="store_true", help="three small models, measured for a second each")
    for option, (axis, read, example) in _AXES.items():
        plan.add_argument(option, dest=axis, type=listed(read), metavar="LIST", help=f"such as {example}")
    method = parser.add_argument_group("how long and how exactly")
    for item in fields(Method):
        number = int if item.name.endswith("iterations") else float
        option = f"--{item.name.replace('_', '-')}"
        method.add_argument(option, type=number, metavar="N", help=f"default: {item.default}")
    running = parser.add_argument_group("running")
    running.add_argument("--dry-run", action="store_true", help="show the plan and its duration, measure nothing")
    running.add_argument("--force", action="store_true", help="try also what is forecast not to fit the memory")
    running.add_argument("--ray", metavar="ADDRESS", help="measure on a Ray cluster (extra: ray), such as auto")
    running.add_argument("--accelerator", metavar="TYPE", help="type of card on the Ray cluster, such as A100")


def plan_of(arguments: argparse.Namespace) -> Plan:
    """The plan that the arguments describe.

    Raises:
        ValueError: If they describe none.
    """
    from explorer.benchmark.plan import Plan

    values = _base(arguments)
    given = {axis: getattr(arguments, axis) for axis, _, _ in _AXES.values()}
    values |= {axis: listed for axis, listed in given.items() if listed is not None}
    if "models" not in values:
        raise ValueError(
            "Nothing to measure: name models with --models hrformer_tiny,hrnet_w18, or use --plan or --quick."
        )
    bounds = {item.name: getattr(arguments, item.name) for item in fields(Method)}
    values["method"] = {**(values.get("method") or {}), **{k: v for k, v in bounds.items() if v is not None}}
    return Plan.from_dict(values)


def _base(arguments: argparse.Namespace) -> dict[str, Any]:
    """What stands in the plan file, or the quick plan."""
    from explorer.benchmark.plan import Plan

    if arguments.plan and arguments.quick:
        raise ValueError("--plan and --quick are two plans: give one of them.")
    if arguments.plan:
        return Plan.from_yaml(arguments.plan.read_bytes()).to_dict()
    return dict(_QUICK) if arguments.quick else {}


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.accelerator and not arguments.ray:
        raise ValueError("--accelerator chooses among the cards of a Ray cluster: give --ray ADDRESS with it.")
    plan = plan_of(arguments)
    from explorer.command_line.measuring import Where, measure

    where = Where(arguments.ray, arguments.accelerator)
    return measure(plan, where, force=arguments.force, dry_run=arguments.dry_run)


def _img_size(text: str) -> list[int] | None:
    """An image size, or "own" for each model's own."""
    return None if text == "own" else image_size(text)


#: Option to the plan's axis, how one value is read, and an example.
_AXES: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "--models": ("models", str, "hrformer_tiny,hrnet_w18,deit_tiny_patch16_224 (a preset or any name of timm)"),
    "--kind": ("kinds", str, "inference,training_step,largest_batch"),
    "--batch-sizes": ("batch_sizes", whole_number, "1,8"),
    "--img-size": ("img_sizes", _img_size, "224,256x192 (height x width), own for each model's own size"),
    "--device": ("devices", str, "cpu,cuda:0"),
    "--threads": ("threads", whole_number, "1,2 (CPU only)"),
    "--precision": ("precisions", str, "fp32,tf32,bf16,autocast_bf16"),
    "--memory-format": ("memory_formats", str, "contiguous,channels_last"),
    "--engines": ("engines", str, '"eager,optimised eager,torch.compile,ONNX Runtime,OpenVINO"'),
    "--compile": ("compile_modes", str, "default,reduce-overhead,max-autotune (of the engine torch.compile)"),
}
