"""The variant that weights are of: read off their shapes, and assumed by their family where shapes do not tell."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from hrformer.checkpoint.names import FAMILY_NAMES, Family, Origin, is_own
from hrformer.checkpoint.report import Assumption
from hrformer.config import (
    NUM_BRANCHES,
    NUM_STAGES,
    PRESETS,
    TASKS,
    HRFormerConfig,
    preset,
    published_task_fields,
)
from hrformer.model import create_model
from hrformer.wording import listed, shown

#: What only the plain segmentation head has.
_FCN_OUTPUT = "head.last_layer.3.weight"
#: What the classification head has with or without a classifier.
_FEATURES = "head.final_layer.0.weight"
_TABLE = "relative_position_bias_table"
#: Digits of a module's or block's index; longer ones are no indices.
_INDEX_DIGITS = 9
_PUBLISHED_WINDOW = 7
#: What mmpose's code does in place of the authors' pose code; it has no other task.
_MMPOSE_POSE = {"relative_position_bias": True, "fusion_upsample": "bilinear"}
#: What changes the network's values and no shape.
_SWITCHES = ("relative_position_bias", "fusion_upsample")
_UPSAMPLES = ("nearest", "bilinear")
#: Fields of which no trace is left in the shapes, or that play no part in them.
_UNTOLD = ("img_size", "drop_path_rate", *_SWITCHES)
_NO_HRFORMER = "These are not the weights of an HRFormer"


def has_head(weights: Mapping[str, Tensor]) -> bool:
    """Whether there is anything of a head (keys as ours)."""
    return any(key.startswith("head.") for key in weights)


def infer_config(
    weights: Mapping[str, Tensor], family: Family = "hrformer", chosen: Mapping[str, Any] | None = None
) -> HRFormerConfig:
    """Read the variant off the shapes of its tensors (keys as `normalise_keys` gives them).

    Args:
        weights: The tensors.
        family: Whose code they are of: it decides what shapes do not tell.
        chosen: Fields in place of what is not told: they count only there.

    Raises:
        ValueError: If these are not the weights of an HRFormer, naming the form that is nearest.
    """
    try:
        return _infer_config(weights, family, chosen or {})
    except KeyError as error:
        raise ValueError(
            f"{_NO_HRFORMER}: expected keys such as {error.args[0]}, {_nearest(weights, family)}."
        ) from error
    except (IndexError, ZeroDivisionError) as error:
        raise ValueError(f"{_NO_HRFORMER}: their shapes are not those of its layers.") from error


def _infer_config(weights: Mapping[str, Tensor], family: Family, chosen: Mapping[str, Any]) -> HRFormerConfig:
    modules = [_count(weights, rf"stage{stage + 1}\.(\d+)\.") for stage in range(1, NUM_STAGES)]
    blocks = [_count(weights, rf"stage{stage + 1}\.0\.branches\.0\.(\d+)\.") for stage in range(1, NUM_STAGES)]
    _check_depth(weights, modules, blocks)
    last_blocks = [f"stage4.0.branches.{branch}.0." for branch in range(NUM_BRANCHES)]
    channels = tuple(weights[f"{block}attn.q_proj.weight"].shape[0] for block in last_blocks)
    hidden = [weights[f"{block}mlp.fc1.weight"].shape[0] for block in last_blocks]
    fuses = any(".fuse_layers." in key for key in weights)
    highest_only = fuses and not any(key.startswith(f"stage4.{modules[-1] - 1}.fuse_layers.1.") for key in weights)
    held_task = _task_of_head(weights)
    task = held_task or ("pose" if highest_only else chosen.get("task", "classification"))
    depth_wise = weights.get(f"{last_blocks[0]}mlp.dw3x3.weight")
    values = {
        **family_fields(family, task),
        "task": task,
        "num_modules": (1, *modules),
        "num_blocks": (_count(weights, r"layer1\.(\d+)\."), *blocks),
        "channels": channels,
        "mlp_ratios": tuple(inner / outer for inner, outer in zip(hidden, channels, strict=True)),
        **_attention(weights, last_blocks, channels, chosen),
        "in_chans": weights["conv1.weight"].shape[1],
        "dw_conv": depth_wise is not None,
        "multi_scale_fusion": fuses,
        "segmentation_head": "fcn" if _FCN_OUTPUT in weights else "ocr",
        **{name: chosen[name] for name in _SWITCHES if name in chosen},
    }
    if depth_wise is not None:
        values["dw_kernel_size"] = depth_wise.shape[-1]
    if fuses:
        values["fused_outputs"] = "highest" if highest_only else "all"
    segmentation = "head.last_layer.3" if _FCN_OUTPUT in weights else "head.cls_head"
    output = {"classification": "head.classifier", "pose": "head.final_layer", "segmentation": segmentation}[task]
    if f"{output}.weight" in weights:
        values["num_classes"] = weights[f"{output}.weight"].shape[0]
    elif held_task == "classification":
        values["num_classes"] = 0  # its head ends at the features
    return HRFormerConfig(**values)


def _attention(
    weights: Mapping[str, Tensor], last_blocks: Sequence[str], channels: tuple[int, ...], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Heads and windows as the bias tables tell them; mmpose's first generation has none, and no bias."""
    if any(key.endswith(_TABLE) for key in weights):
        tables = [weights[f"{block}attn.{_TABLE}"] for block in last_blocks]
        return {
            "num_heads": tuple(table.shape[1] for table in tables),
            "window_sizes": tuple((math.isqrt(table.shape[0]) + 1) // 2 for table in tables),
        }
    published: dict[tuple[int, ...], Any] = {preset(name).channels: preset(name).num_heads for name in PRESETS}
    heads = chosen.get("num_heads", published.get(channels))
    if heads is None:
        raise ValueError(
            f"These weights have no bias tables and {', '.join(map(str, channels))} channels, so that nothing tells "
            "their heads: give num_heads."
        )
    windows = chosen.get("window_sizes", (_PUBLISHED_WINDOW,) * NUM_BRANCHES)
    return {"num_heads": heads, "window_sizes": windows, "relative_position_bias": False}


def family_fields(family: Family, task: str) -> dict[str, Any]:
    """The fields that a family's code fixes for a task."""
    return published_task_fields(task) | (_MMPOSE_POSE if (family, task) == ("mmpose", "pose") else {})


def _check_depth(weights: Mapping[str, Tensor], modules: Sequence[int], blocks: Sequence[int]) -> None:
    """Each block has more than one tensor: a few keys with large numbers cannot ask for thousands of blocks."""
    claimed = sum(count * depth for count, depth in zip(modules, blocks, strict=True))
    if claimed > len(weights):
        raise ValueError(f"{_NO_HRFORMER}: keys for {shown(claimed)} blocks, but {len(weights)} tensors.")


def _task_of_head(weights: Mapping[str, Tensor]) -> str | None:
    if "head.cls_head.weight" in weights or _FCN_OUTPUT in weights:
        return "segmentation"
    if "head.classifier.weight" in weights or _FEATURES in weights:
        return "classification"
    return "pose" if "head.final_layer.weight" in weights else None


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    """One more than the largest index that the pattern finds at the start of a key."""
    found = [int(match[1]) for key in weights if (match := re.match(pattern, key)) and len(match[1]) <= _INDEX_DIGITS]
    if not found:
        raise KeyError(pattern.replace("\\", "").replace("(d+)", "0") + "…")
    return max(found) + 1


def _nearest(weights: Mapping[str, Tensor], family: Family) -> str:
    """What is like an HRFormer in weights that are of none, and the first keys that are not."""
    keys = [key for key in weights if is_own(key)]
    if not keys:
        return f"found {listed(list(weights)[:1]) or 'no tensor at all'}"
    task = _task_of_head(weights) or ("pose" if family == "mmpose" else "classification")
    expected = {re.sub(r"\d+", "0", key) for key in _expected_keys(task)}
    differing = [key for key in keys if re.sub(r"\d+", "0", key) not in expected]
    but = f", but for {listed(differing)}" if differing else ""
    return f"found {listed(keys[:1])}; they are nearest to {FAMILY_NAMES[family]} {task} networks{but}"


def _expected_keys(task: str) -> Collection[str]:
    with torch.device("meta"):
        return create_model(preset("tiny", task)).state_dict().keys()


def agreed(said: HRFormerConfig, weights: Mapping[str, Tensor]) -> HRFormerConfig:
    """What a file says of its variant, if its weights do not speak against it.

    Raises:
        ValueError: If they do, naming the field.
    """
    seen = infer_config(weights, chosen={"num_heads": said.num_heads, "window_sizes": said.window_sizes})
    untold = set(_UNTOLD)
    untold |= set() if seen.dw_conv else {"dw_kernel_size"}
    untold |= set() if seen.multi_scale_fusion else {"fused_outputs"}
    untold |= {"segmentation_head"} if said.task != "segmentation" else set()
    untold |= set() if has_head(weights) else {"task", "num_classes", "segmentation_head"}
    untold |= {"mlp_ratios"} if seen.hidden_channels == said.hidden_channels else set()
    if seen.num_blocks[0] == said.num_modules[0] * said.num_blocks[0]:  # stage 1 is one chain of bottlenecks
        seen = replace(
            seen,
            num_modules=(said.num_modules[0], *seen.num_modules[1:]),
            num_blocks=(said.num_blocks[0], *seen.num_blocks[1:]),
        )
    for field in fields(said):
        told, read = getattr(said, field.name), getattr(seen, field.name)
        if field.name not in untold and told != read:
            raise ValueError(f"The file says {field.name} = {shown(told)}, but its weights are of {shown(read)}.")
    return said


def assumptions_of(
    config: HRFormerConfig, weights: Mapping[str, Tensor], origin: Origin, chosen: Collection[str]
) -> tuple[Assumption, ...]:
    """What of a variant is neither told by the shapes nor chosen, and changes what the network computes."""
    assumed = []
    has_tables = any(key.endswith(_TABLE) for key in weights)
    if not has_head(weights) and config.fused_outputs == "all":
        others = tuple(task for task in TASKS if task != config.task)
        assumed.append(Assumption("task", config.task, others, "the file holds no head"))
    if has_tables:
        assumed.append(
            Assumption(
                "relative_position_bias",
                config.relative_position_bias,
                (not config.relative_position_bias,),
                _why(origin, config.task, "adds it" if config.relative_position_bias else "leaves it out"),
            )
        )
    else:
        assumed.append(
            Assumption("num_heads", config.num_heads, (), "the published network of these channels has them")
        )
        assumed.append(Assumption("window_sizes", config.window_sizes, (), "the published networks have them"))
    if config.multi_scale_fusion:
        others = tuple(mode for mode in _UPSAMPLES if mode != config.fusion_upsample)
        why = _why(origin, config.task, f"upsamples {config.fusion_upsample}")
        assumed.append(Assumption("fusion_upsample", config.fusion_upsample, others, why))
    return tuple(each for each in assumed if each.field not in chosen)


def _why(origin: Origin, task: str, does: str) -> str:
    if (origin.family, task) == ("mmpose", "pose"):
        return f"mmpose's code {does} and {origin.evidence}"
    return f"the authors' {task} code {does} and {origin.evidence}"


def doubts_about(
    config: HRFormerConfig, weights: Mapping[str, Tensor], origin: Origin, said: HRFormerConfig | None = None
) -> tuple[str, ...]:
    """Where a variant differs from what its weights were trained in, in sentences.

    Args:
        config: The variant that was asked for.
        weights: Under our names.
        origin: Whose they are; our own keys tell nothing.
        said: The variant that the file says, where it does.
    """
    if said is None and origin.family == "hrformer":
        return ()
    trained_in = family_fields(origin.family, config.task)
    source = f"of {FAMILY_NAMES[origin.family]} form, whose {config.task} code has"
    if said is not None:
        trained_in, source = {name: getattr(said, name) for name in _SWITCHES}, "of a file that says"
    elif not any(key.endswith(_TABLE) for key in weights):
        trained_in["relative_position_bias"] = False
    return tuple(
        f"The network has {name} = {getattr(config, name)!r}, but the weights are {source} {trained_in[name]!r}."
        for name in _SWITCHES
        if getattr(config, name) != trained_in[name] and (config.multi_scale_fusion or name != "fusion_upsample")
    )
