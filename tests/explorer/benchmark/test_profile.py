"""Where the time goes: parts, ranges, and a profile whose work agrees with the closed form."""

import json

import pytest
import torch
from torch import nn

from explorer.benchmark.device import open_device
from explorer.benchmark.models import model_by_name, model_cost, variant
from explorer.benchmark.parts import Part, operator_kind, part_of
from explorer.benchmark.plan import Job
from explorer.benchmark.profile import Profile, macs_by_part, named_ranges, profile_job
from explorer.complexity import KINDS, estimate_complexity
from hrformer import create_model, preset

CONFIG = preset("tiny", channels=(4, 8, 8, 16), num_heads=(1, 1, 2, 2), img_size=(64, 64), num_classes=10)
BLOCK = "stage3.1.branches.2.0"


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    trace_path = tmp_path_factory.mktemp("trace") / "trace.json"
    job = Job(model=variant(CONFIG), img_size=(64, 64), batch_size=2)
    return profile_job(job, open_device("cpu"), trace_path), trace_path


def test_work_by_kind_stage_and_branch_is_that_of_the_closed_form(profiled):
    profile, _ = profiled
    complexity = estimate_complexity(CONFIG)
    by_branch = {-1 if branch is None else branch: counts for branch, counts in complexity.by_branch().items()}
    for split, expected in (
        ("kind", complexity.by_kind()),
        ("stage", complexity.by_stage()),
        ("branch", by_branch),
    ):
        shares = profile.shares(split).set_index(split)["macs"]
        assert {key: shares[key] for key in expected} == {key: 2 * counts.macs for key, counts in expected.items()}
    assert profile.macs == 2 * complexity.macs


def test_all_kinds_take_time_and_almost_none_is_left_over(profiled):
    profile, _ = profiled
    time_ms = profile.shares("kind").set_index("kind")["time_ms"]
    assert all(time_ms[kind] > 0 for kind in KINDS)
    assert time_ms.get("other", 0.0) < 0.05 * profile.time_ms


@pytest.mark.parametrize("split", ["stage", "branch", "kind", "operator"])
def test_shares_add_up_to_one(profiled, split):
    profile, _ = profiled
    shares = profile.shares(split)
    assert shares["time_share"].sum() == pytest.approx(1)
    assert shares["macs_share"].sum() == pytest.approx(1)
    assert shares[split].is_unique


def test_the_trace_names_the_parts(profiled):
    _, trace_path = profiled
    names = {event.get("name") for event in json.loads(trace_path.read_text())["traceEvents"]}
    assert "stage 4 / branch 3 / FFN 3x3 depth-wise" in names


def test_a_profile_survives_a_round_trip(profiled):
    profile, _ = profiled
    assert Profile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


def test_time_goes_to_the_part_that_spends_it(monkeypatch):
    config = preset("tiny", channels=(4, 8, 8, 16), num_heads=(1, 1, 2, 2), num_modules=(1, 1, 1, 1), img_size=(32, 32))
    forward, burden = nn.LayerNorm.forward, torch.ones(2**21)

    def slow(self, x):
        torch.exp(burden)
        return forward(self, x)

    monkeypatch.setattr(nn.LayerNorm, "forward", slow)
    profile = profile_job(Job(model=variant(config), img_size=(32, 32)), open_device("cpu"))
    share = profile.shares("kind").set_index("kind")["time_share"]
    # A block's first norm counts with the projections, its second with the FFN.
    assert share["attention projections"] + share["FFN 1x1"] > 0.6
    assert share["attention projections"] == pytest.approx(share["FFN 1x1"], rel=0.5)


def test_no_hook_is_left_behind():
    model = create_model(CONFIG)
    with named_ranges(model) as parts:
        assert Part("stage 2", 0, "fusion") in parts.values()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("conv1", Part("stem", None, "stem and stage 1")),
        ("layer1.1.bn2", Part("stage 1", None, "stem and stage 1")),
        ("transition2.2.0.0", Part("stage 3", 2, "transition")),
        (f"{BLOCK}.norm1", Part("stage 3", 2, "attention projections")),
        (f"{BLOCK}.attn", Part("stage 3", 2, "attention products")),
        (f"{BLOCK}.attn.k_proj", Part("stage 3", 2, "attention projections")),
        (f"{BLOCK}.norm2", Part("stage 3", 2, "FFN 1x1")),
        (f"{BLOCK}.mlp.norm1", Part("stage 3", 2, "FFN 1x1")),
        (f"{BLOCK}.mlp.dw3x3", Part("stage 3", 2, "FFN 3x3 depth-wise")),
        (f"{BLOCK}.mlp.norm2", Part("stage 3", 2, "FFN 3x3 depth-wise")),
        ("stage4.0.fuse_layers.1.0", Part("stage 4", 1, "fusion")),
        ("head.classifier", Part("head", None, "head")),
    ],
)
def test_parts_of_hrformer(path, part):
    assert part_of(path, is_hrformer=True) == part


@pytest.mark.parametrize(
    ("path", "stage", "branch"),
    [
        ("stage2.0.branches.1.3.conv1", "stage 2", 1),
        ("stage4.2.fuse_layers.0.3", "stage 4", 0),
        ("incre_modules.2.0", "head", None),
        ("classifier", "head", None),
        ("layers.2.blocks.1", "layers 2", None),
        ("blocks.7.attn", "blocks", None),
        ("patch_embed.proj", "patch_embed", None),
        ("", "other", None),
    ],
)
def test_parts_of_other_networks(path, stage, branch):
    assert part_of(path, is_hrformer=False) == Part(stage, branch)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten.convolution", "convolution"),
        ("aten::addmm", "linear"),
        ("aten.mm", "linear"),
        ("aten::bmm", "attention products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention products"),
        ("aten::native_batch_norm", "norm"),
        ("aten::gelu", "activation"),
        ("aten::add_", "element-wise"),
        ("aten::copy_", "copy and layout"),
        ("aten::upsample_bilinear2d", "resize and pool"),
        ("something else", "other"),
    ],
)
def test_operators_are_sorted_by_name(name, kind):
    assert operator_kind(name) == kind


def test_other_networks_are_split_by_stage_branch_and_operator():
    hrnet = model_by_name("hrnet_w18_small")
    macs = macs_by_part(hrnet, (64, 64))
    assert sum(macs.values()) == model_cost(hrnet, (64, 64)).macs
    assert {part.branch for part, _ in macs} == {None, 0, 1, 2, 3}
    assert {part.stage for part, _ in macs} == {"stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"}
    assert {operator for _, operator in macs} == {"convolution", "linear"}


@pytest.mark.parametrize("changes", [{"kind": "training_step"}, {"engine": "optimised eager"}])
def test_what_cannot_be_split_is_refused(changes):
    with pytest.raises(ValueError, match="use kind inference and the engine eager"):
        profile_job(Job(model=variant(CONFIG), img_size=(64, 64), **changes), open_device("cpu"))
