"""Whose weights a file holds, by its keys alone, and one name for every part."""

import re
from collections.abc import Callable

import pytest
import torch

from hrformer.checkpoint import normalise_keys
from hrformer.checkpoint.names import is_own, origin_of, own_key
from tests.official import mmpose_keys, official_keys

AUTHORS = official_keys("pose_small_256x192")
MMPOSE = mmpose_keys("mmpose_small_256x192")


def renamed(keys: list[str], projections: str = "qkv") -> list[str]:
    """mmpose's keys with the authors' names."""
    names: list[str] = []
    for key in keys:
        name = key.replace("attn.proj.", "attn.out_proj.").replace(".ffn.", ".mlp.")
        names += [name.replace("qkv", f"{letter}_proj") for letter in projections] if ".qkv." in name else [name]
    return names


def without(pattern: str, keys: list[str]) -> list[str]:
    return [re.sub(pattern, "", key) for key in keys]


@pytest.mark.parametrize(
    ("keys", "family"),
    [
        (AUTHORS, "authors"),
        ([f"module.backbone.{key}" for key in AUTHORS] + ["module.keypoint_head.final_layer.weight"], "authors"),
        ([key for key in AUTHORS if not key.endswith("index")], "authors"),
        (sorted(AUTHORS), "authors"),
        (official_keys("classification_small_224x224"), "authors"),
        (MMPOSE, "mmpose"),
        ([f"module.{key}" for key in MMPOSE], "mmpose"),
        (without(r"^backbone\.", MMPOSE), "mmpose"),
        ([key for key in MMPOSE if "relative_position" not in key], "mmpose"),
        ([key for key in without(r"^backbone\.", MMPOSE) if not key.startswith("head")], "mmpose"),
        (sorted(MMPOSE), "mmpose"),
    ],
)
def test_untouched_files_are_told_by_their_keys(keys: list[str], family: str) -> None:
    assert origin_of(keys).family == family


@pytest.mark.parametrize("projections", ["qkv", "kvq"])
@pytest.mark.parametrize(
    "change",
    [
        lambda keys: keys,
        lambda keys: without(r"^backbone\.", keys),
        lambda keys: [key.replace("head.", "keypoint_head.") for key in without(r"^backbone\.", keys)],
        lambda keys: [key.replace("attn.attn.", "attn.") for key in keys],
        lambda keys: [key.replace("attn.attn.", "attn.") for key in without(r"^backbone\.", keys)],
        lambda keys: [f"module.{key}" for key in keys if not key.endswith("index")],
    ],
)
def test_files_of_mmpose_that_were_renamed_by_hand_are_told_by_what_was_left(
    change: Callable[[list[str]], list[str]], projections: str
) -> None:
    assert origin_of(change(renamed(MMPOSE, projections))).family == "mmpose"


def test_what_cannot_be_told_is_taken_for_the_names_that_it_has() -> None:
    """All names ours and the index left out: nothing speaks of mmpose any more."""
    keys = [key.replace("attn.attn.", "attn.") for key in without(r"^backbone\.", renamed(MMPOSE))]
    assert origin_of([key for key in keys if not key.endswith("index")]).family == "hrformer"
    headless = [key for key in without(r"^backbone\.", renamed(MMPOSE)) if not key.startswith("head.")]
    assert origin_of(sorted(headless)).family == "authors"  # safetensors sorts


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "net.", "encoder.", "img_backbone.", "student.", "_fsdp_wrapped_module.", "backbone.",
     "model.backbone.", "module._orig_mod.net.", "_fsdp_wrapped_module.encoder._checkpoint_wrapped_module."],
)  # fmt: skip
def test_prefixes_fall_away(prefix: str) -> None:
    assert (
        own_key(f"{prefix}stage2.0.branches.0.0.attn.attn.q_proj.weight") == "stage2.0.branches.0.0.attn.q_proj.weight"
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("backbone.stage2.0.branches.0.0.attn.attn.proj.bias", "stage2.0.branches.0.0.attn.out_proj.bias"),
        ("backbone.stage2.0.branches.0.0.ffn.norm3.weight", "stage2.0.branches.0.0.mlp.norm3.weight"),
        ("keypoint_head.final_layer.weight", "head.final_layer.weight"),
        ("head.final_layer.weight", "head.final_layer.weight"),
    ],
)
def test_mmposes_names_become_ours(theirs: str, ours: str) -> None:
    assert list(normalise_keys({theirs: torch.zeros(2)})) == [ours]


def test_the_fused_projection_is_query_key_and_value() -> None:
    fused = torch.arange(9.0)
    taken = normalise_keys({"stage2.0.branches.0.0.attn.attn.qkv.bias": fused})
    assert {key.split(".")[-2]: value.tolist() for key, value in taken.items()} == {
        "q_proj": [0, 1, 2],
        "k_proj": [3, 4, 5],
        "v_proj": [6, 7, 8],
    }
    (odd,) = normalise_keys({"stage2.0.branches.0.0.attn.attn.qkv.bias": torch.zeros(4)})
    assert odd.endswith("qkv.bias")  # which no network has


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'module\.bn1\.bias' and 'bn1\.bias' are both 'bn1\.bias'"):
        normalise_keys({"bn1.bias": torch.zeros(1), "module.bn1.bias": torch.zeros(1)})


def test_what_is_not_of_an_hrformer_is_told_by_its_first_name() -> None:
    assert is_own("stage4.0.fuse_layers.0.1.0.weight")
    assert not is_own("img_neck.conv.weight")
    assert not is_own("ema_backbone_conv1_weight")
