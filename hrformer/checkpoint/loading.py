"""Networks with the weights of a file: the authors', mmpose's or our own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hrformer.checkpoint.adaptation import adapted, unused_tables
from hrformer.checkpoint.file import StoredWeights, read_weights
from hrformer.checkpoint.names import FAMILY_NAMES, check_dense, normalise_keys, origin_of
from hrformer.checkpoint.report import Assumption, CheckpointReport
from hrformer.checkpoint.sets import weight_sets
from hrformer.checkpoint.variant import agreed, assumptions_of, doubts_about, family_fields, infer_config
from hrformer.collection import uncollected
from hrformer.config import TASKS, HRFormerConfig
from hrformer.model import HRFormer, create_model
from hrformer.wording import listed, shown

_log = logging.getLogger(__name__)
_TASK = "task"
_HEAD = "head."
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class LoadReport:
    """What a state dict did not fit, by key.

    Attributes:
        missing: Keys of the model that the state dict lacks.
        unexpected: Keys of the state dict that the model lacks.
        mismatched: Keys in both whose shapes differ, each with "shape in file vs. shape in model".
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    def __str__(self) -> str:
        parts = [
            f"{len(keys)} {label} ({listed(keys)})"
            for label, keys in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("of another shape", self.mismatched),
            )
            if keys
        ]
        return "; ".join(parts) or "all keys fit"


@dataclass(frozen=True)
class Checkpoint:
    """A variant with the weights that fit it, before it is built.

    Attributes:
        config: The variant.
        weights: Its weights under this library's names, adapted.
        fresh: How the keys begin that keep their fresh values.
        report: What was found, assumed and adapted.
    """

    config: HRFormerConfig
    weights: Mapping[str, Tensor]
    fresh: tuple[str, ...]
    report: CheckpointReport

    @uncollected()
    def build(self) -> HRFormer:
        """The network with these weights, in training mode.

        Raises:
            ValueError: If the weights do not fit the variant, naming the keys.
        """
        # Values that are replaced right after are not drawn: that takes longer than all the rest of loading.
        with nullcontext() if self.fresh else torch.device("meta"):
            model = create_model(self.config)
        try:
            _fill(model, self.weights, self.fresh)
        except ValueError as error:
            nearest = f"{FAMILY_NAMES[self.report.family]} {self.config.task} networks"
            raise ValueError(f"{str(error).removesuffix('.')}; they are nearest to {nearest}.") from error
        return model


def load_checkpoint(
    path: str | Path, config: HRFormerConfig | None = None, *, weights: str | None = None, **chosen: Any
) -> HRFormer:
    """Build a model from a `.pth` or `.safetensors` file; its configuration is read off the tensors' shapes.

    What shapes do not tell is taken from the file, where `save_checkpoint` wrote it, else from the family whose keys
    it has (mmpose adds the relative position bias, the authors' pose code leaves it out). Everything that was assumed
    or adapted is logged, as a warning; `read_checkpoint` gives the same as a value.

    Args:
        path: The file. Of a `.pth` only the weights are read: nothing in it is run.
        config: The configuration, where it is known.
        weights: Which set of a file that holds several: "ema", "raw" or the name of another; the average by default.
        **chosen: Fields of `HRFormerConfig` in place of what is assumed, or of what the file has: other
            `window_sizes` interpolate the bias tables, other `in_chans` change the first convolution, another
            `num_classes` or `task` makes a fresh output or head.

    Raises:
        ValueError: If the file is damaged or holds no HRFormer, or its weights do not fit what is asked for.
        FileNotFoundError: If there is no such file.
    """
    checkpoint = read_checkpoint(path, config, weights=weights, **chosen)
    model = checkpoint.build()
    report = checkpoint.report
    _log.log(logging.INFO if report.is_certain else logging.WARNING, "%s: %s", Path(path).name, report)
    return model


def read_checkpoint(
    path: str | Path, config: HRFormerConfig | None = None, *, weights: str | None = None, **chosen: Any
) -> Checkpoint:
    """What `load_checkpoint` builds from, with the report of what was assumed and adapted; nothing is built or logged.

    Args:
        path: As `load_checkpoint`.
        config: As `load_checkpoint`.
        weights: As `load_checkpoint`.
        **chosen: As `load_checkpoint`.

    Raises:
        ValueError: As `load_checkpoint`, but for weights that do not fit.
        FileNotFoundError: If there is no such file.
    """
    return fitted(read_weights(path, weights), config, **chosen)


def fitted(stored: StoredWeights, config: HRFormerConfig | None = None, **chosen: Any) -> Checkpoint:
    """The variant of weights that were read, and they themselves made to fit it.

    Args:
        stored: The weights.
        config: As `load_checkpoint`.
        **chosen: As `load_checkpoint`.

    Raises:
        ValueError: As `read_checkpoint`.
    """
    _check_fields(chosen)
    origin, weights = stored.origin, stored.weights
    assumptions: tuple[Assumption, ...] = ()
    doubts: tuple[str, ...] = ()
    if config is not None:
        config = replace(config, **chosen)
        held = infer_config(weights, origin.family, asdict(config))
        doubts = doubts_about(config, weights, origin, stored.variant)
    else:
        if stored.variant is not None:
            held = agreed(stored.variant, weights)
        else:
            held = infer_config(weights, origin.family, chosen)
        other_task = chosen.get(_TASK, held.task) != held.task
        config = replace(held, **{**(family_fields(origin.family, chosen[_TASK]) if other_task else {}), **chosen})
        if stored.variant is None:
            assumptions = assumptions_of(config, weights, origin, chosen)
    change = adapted(weights, held, config)
    report = CheckpointReport(
        origin.family,
        origin.evidence,
        stored.name,
        stored.others,
        stored.variant is not None,
        assumptions,
        change.changes,
        doubts,
        (*stored.skipped, *change.skipped),
    )
    return Checkpoint(config, change.weights, change.fresh, report)


def _check_fields(chosen: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(HRFormerConfig)]
    unknown = sorted(name for name in chosen if name not in known)
    if unknown:
        raise ValueError(f"Unknown field {listed(unknown)}: a variant has the fields {', '.join(known)}.")
    if chosen.get(_TASK, TASKS[0]) not in TASKS:
        raise ValueError(f"task = {shown(chosen[_TASK])} is not legal: use one of {', '.join(TASKS)}.")


def load_official_state_dict(model: HRFormer, state_dict: Mapping[str, Any], strict: bool = True) -> LoadReport:
    """Load weights under the authors' keys, mmpose's or ours into a model; nothing is loaded when they do not fit.

    Where the model's relative position bias or upsampling is not that of the weights' family, a warning is logged.

    Args:
        model: The model to fill.
        state_dict: Keys of the authors' classification, pose or segmentation code or of mmpose, bare or wrapped in
            `model`, `state_dict`, `module.` or `backbone.`; of several sets the averaged one is taken.
        strict: Whether every key must fit. Otherwise the head may be missing or of another shape (it then keeps its
            values) and unexpected keys are left out; the backbone must always be complete.

    Returns:
        The keys that did not fit (empty when strict).

    Raises:
        ValueError: If the weights do not fit, naming the keys.
    """
    taken = weight_sets(state_dict)[0]
    weights = normalise_keys(taken.weights)
    check_dense(weights)
    origin = origin_of([key for key in taken.weights if isinstance(key, str)])
    report = _fill(model, weights | unused_tables(weights, model.config), () if strict else (_HEAD,), strict)
    if taken.others:
        _log.warning("Took the weights %r; there are also %s.", taken.name, listed(taken.others))
    for doubt in doubts_about(model.config, weights, origin):
        _log.warning("%s", doubt)
    return report


def _fill(model: HRFormer, weights: Mapping[str, Tensor], fresh: tuple[str, ...], strict: bool = True) -> LoadReport:
    """Copy weights into a model, all but the keys that begin with what stays fresh; all or nothing.

    Raises:
        ValueError: If other keys do not fit, naming them.
    """
    own = model.state_dict()
    mismatched = {
        key: f"{key}: {_shape(weights[key])} vs. {_shape(own[key])}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    }
    missing = tuple(key for key in own if key not in weights and not key.endswith(_COUNTER))
    report = LoadReport(missing, tuple(key for key in weights if key not in own), tuple(mismatched.values()))
    blocking = LoadReport(
        tuple(key for key in missing if not key.startswith(fresh)),
        report.unexpected if strict else (),
        tuple(text for key, text in mismatched.items() if not key.startswith(fresh)),
    )
    if blocking.missing or blocking.unexpected or blocking.mismatched:
        raise ValueError(f"The weights do not fit this model: {blocking}.")
    _take_over(model, own, {key: weights[key] for key in own if key in weights and key not in mismatched})
    return report


def _take_over(model: HRFormer, own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Copy what fits; a model that holds no values yet gets each tensor as a copy, and zeros for counters."""
    if not any(value.is_meta for value in own.values()):
        model.load_state_dict(weights, strict=False)
        return
    copies = {key: torch.zeros_like(value, device="cpu") for key, value in own.items() if key not in weights}
    for key, value in weights.items():
        copies[key] = value.to(own[key].dtype, copy=True, memory_format=torch.contiguous_format)
    for name, module in model.named_modules():
        _give(module, f"{name}." if name else "", copies)


def _give(module: nn.Module, prefix: str, values: Mapping[str, Tensor]) -> None:
    """Set what a module itself holds; `load_state_dict` with `assign` takes three times as long."""
    for key, parameter in list(module.named_parameters(recurse=False)):
        setattr(module, key, nn.Parameter(values[prefix + key], parameter.requires_grad))
    for key, _ in list(module.named_buffers(recurse=False)):
        setattr(module, key, values[prefix + key])


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"
