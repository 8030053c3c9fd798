"""`onnx`: a model as an ONNX file with a dynamic batch, checked against the model."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.command_line.arguments import check_output, field_value, image_size
from explorer.units import MIB

if TYPE_CHECKING:
    from torch import nn

    from hrformer import HRFormerConfig

_DESCRIPTION = (
    "Write a model as one ONNX file that takes any number of images, and check it against the model. HRFormer is "
    "written in its optimised form, in float32."
)


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers."""
    parser = commands.add_parser("onnx", help="write a model as ONNX", description=_DESCRIPTION)
    parser.add_argument("file", type=Path, metavar="FILE", help="file to write")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", metavar="NAME", help="such as hrformer_tiny_pose: a preset or any name of timm")
    what.add_argument("--variant", type=Path, metavar="FILE", help="variant as JSON, as the Architecture page saves it")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="HRFormer's weights, .pth or .safetensors")
    parser.add_argument("--weights", metavar="NAME", help="which set of a checkpoint that holds several: ema or raw")
    parser.add_argument(
        "--assume",
        type=field_value,
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of the variant in place of what is assumed of a checkpoint: relative_position_bias=false",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of random weights (default: %(default)s)")
    parser.add_argument("--img-size", type=image_size, metavar="SIZE", help="224 or 256x192 (height x width)")
    parser.set_defaults(command=_onnx)


def _onnx(arguments: argparse.Namespace) -> int:
    from explorer.engines.export import STEPS, export_onnx, written
    from explorer.engines.export_limits import missing_packages

    reason = missing_packages()
    if reason:
        raise ValueError(reason)
    check_output(arguments.file)

    def tell_step(step: int, what: str) -> None:
        _tell(f"{step} of {STEPS}: {what}")

    tell_step(1, "building the model")
    model, img_size = _model(arguments)
    error = export_onnx(model, arguments.file, img_size, lambda step, what: tell_step(step + 1, what))
    _tell(written(arguments.file, img_size, error))
    return 0


def _model(arguments: argparse.Namespace) -> tuple[nn.Module, tuple[int, int]]:
    """The model with its weights, and the size of its images, (height, width) in pixels."""
    from explorer.models.model_ref import build_model, model_by_name
    from explorer.models.variants import from_json

    wanted = None if arguments.img_size is None else tuple(arguments.img_size)
    if arguments.model:
        ref = model_by_name(arguments.model)
        if ref.config is None:
            if arguments.checkpoint:
                raise ValueError(f"--checkpoint is for HRFormer, and {arguments.model} is timm's: leave it out.")
            return build_model(ref, wanted or ref.default_img_size), wanted or ref.default_img_size
        return _hrformer(ref.config, arguments, wanted)
    if arguments.variant:
        return _hrformer(from_json(arguments.variant.read_bytes()), arguments, wanted)
    if arguments.checkpoint:
        return _hrformer(None, arguments, wanted)
    raise ValueError("Nothing to write: name a model with --model hrformer_tiny, or use --variant or --checkpoint.")


def _hrformer(
    config: HRFormerConfig | None, arguments: argparse.Namespace, wanted: tuple[int, int] | None
) -> tuple[nn.Module, tuple[int, int]]:
    from explorer.cost.capacity import optimised_mib
    from explorer.engines.export_limits import refuse_too_large
    from explorer.engines.export_run import check_room
    from explorer.models.weights import MAX_SEED, checkpoint_of, model_of, random_model
    from explorer.reading.uploads import weights_from_file

    if config is not None:
        config = config if wanted is None else replace(config, img_size=wanted)
        refuse_too_large(optimised_mib(config) * MIB)
        check_room(config)
        if not arguments.checkpoint:
            if not 0 <= arguments.seed <= MAX_SEED:
                raise ValueError(f"seed = {arguments.seed} is not legal: use a whole number from 0 to {MAX_SEED}.")
            return random_model(config, arguments.seed), config.img_size
    stored = weights_from_file(arguments.checkpoint, arguments.weights)
    checkpoint = checkpoint_of(stored, config, img_size=wanted, **dict(arguments.assume))
    if config is not None and checkpoint.fresh:
        raise ValueError(f"{arguments.checkpoint.name} holds no head that fits: leave out --model or --variant.")
    for sentence in checkpoint.report.sentences:
        _tell(sentence)
    refuse_too_large(optimised_mib(checkpoint.config) * MIB)
    check_room(checkpoint.config)
    return model_of(checkpoint), checkpoint.config.img_size


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
