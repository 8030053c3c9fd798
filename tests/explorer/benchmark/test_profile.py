"""Where the time goes: parts, ranges, and a profile whose work agrees with the closed form."""

import json
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from explorer.benchmark.measuring.device import Cpu, open_device
from explorer.benchmark.measuring.profile_measurement import macs_by_part, named_ranges, profile_calls
from explorer.benchmark.parts import Part, operator_kind, part_of
from explorer.benchmark.plan import Job
from explorer.benchmark.profile import LAUNCH, Profile, ProfileRow, typical
from explorer.cost.complexity import KINDS, estimate_complexity
from explorer.models.counting import model_cost
from explorer.models.model_ref import model_by_name, variant
from hrformer import create_model
from tests.variants import tiny

pytestmark = pytest.mark.alone

CONFIG = tiny(num_modules=(1, 1, 3, 2), num_blocks=(2,) * 4, img_size=(64, 64), num_classes=10)
BLOCK = "stage3.1.branches.2.0"


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    trace_path = tmp_path_factory.mktemp("trace") / "trace.json"
    job = Job(model=variant(CONFIG), img_size=(64, 64), batch_size=2)
    *_, profile = profile_calls(job, open_device("cpu"), 2, trace_path)
    return profile, trace_path


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


def test_all_kinds_take_time_and_almost_no_operator_is_left_over(profiled):
    profile, _ = profiled
    operators = replace(profile, rows=tuple(row for row in profile.rows if row.operator != LAUNCH))
    time_ms = operators.shares("kind").set_index("kind")["time_ms"]
    assert all(time_ms[kind] > 0 for kind in KINDS)
    assert time_ms.get("other", 0.0) < 0.05 * operators.time_ms
    assert {row.operator for row in profile.rows if row.operator == "other"} == set()


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
    config = tiny(img_size=(32, 32))
    forward, burden = nn.LayerNorm.forward, torch.ones(2**23)

    def slow(self, x):
        torch.exp(burden)
        return forward(self, x)

    monkeypatch.setattr(nn.LayerNorm, "forward", slow)
    (profile,) = profile_calls(Job(model=variant(config), img_size=(32, 32)), open_device("cpu"), 1)
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
        ("aten::clamp_min_", "activation"),
        ("aten::transpose", "copy and layout"),
        ("aten::t", "copy and layout"),
        ("aten::roll", "copy and layout"),
        ("aten::_reshape_alias", "copy and layout"),
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
        next(profile_calls(Job(model=variant(CONFIG), img_size=(64, 64), **changes), open_device("cpu")))


def test_on_apples_gpu_nobody_times_the_operators():
    with pytest.raises(ValueError, match="does not see what runs on MPS"):
        next(profile_calls(Job(model=variant(CONFIG), img_size=(64, 64), device="mps"), open_device("cpu")))


class Noted(Cpu):
    """Notes how long the calls took."""

    def __init__(self):
        self.calls_ms = []

    def time_calls(self, step, count):
        self.calls_ms.append(super().time_calls(step, count))
        return self.calls_ms[-1]


def test_the_rows_cover_the_whole_call_and_the_same_call_is_timed_without_the_profiler():
    device = Noted()
    profiles = list(profile_calls(Job(model=variant(CONFIG), img_size=(64, 64)), device, 2))
    unobserved, observed = device.calls_ms[-4::2], device.calls_ms[-3::2]  # what came before were to warm up
    assert [profile.time_ms for profile in profiles] == pytest.approx([call_ms for (call_ms,) in observed])
    assert [profile.unobserved_ms for profile in profiles] == [calls_ms[-1] for calls_ms in unobserved]


def test_what_no_operator_takes_is_launch_and_python_of_the_part_that_waits(monkeypatch):
    forward = nn.LayerNorm.forward

    def idle(self, x):
        time.sleep(0.02)
        return forward(self, x)

    monkeypatch.setattr(nn.LayerNorm, "forward", idle)
    (profile,) = profile_calls(Job(model=variant(CONFIG), img_size=(64, 64)), open_device("cpu"), 1)
    norms = sum(isinstance(module, nn.LayerNorm) for module in create_model(CONFIG).modules())
    waiting = [row for row in profile.rows if row.operator == LAUNCH]
    assert sum(row.time_ms for row in waiting) >= 20 * norms
    in_branches = [row.time_ms for row in waiting if row.kind in ("attention projections", "FFN 1x1")]
    assert sum(in_branches) >= 20 * norms


def call_of(time_ms, unobserved_ms=1.0):
    """One call by hand: a quarter of its time in the stem, the rest elsewhere."""
    rows = (
        ProfileRow("stem", None, "convolution", "convolution", time_ms / 4, 60),
        ProfileRow("head", None, "linear", "linear", time_ms * 3 / 4, 4),
    )
    return Profile("by hand", 1, (8, 8), unobserved_ms, rows)


def test_a_typical_call_is_the_mean_of_the_middle_third():
    calls = [
        call_of(time_ms, unobserved_ms) for time_ms, unobserved_ms in zip([900, 4, 12, 8, 1, 16], range(6), strict=True)
    ]
    profile = typical(calls)
    assert [row.time_ms for row in profile.rows] == [2.5, 7.5]  # of 1, 4, 8, 12, 16, 900 the calls of 8 and 12
    assert profile.unobserved_ms == 2.5
    assert [row.macs for row in profile.rows] == [60, 4]
    assert typical(calls[:1]) == calls[0]


def test_an_operator_that_ran_in_one_call_only_counts_with_its_mean():
    extra = ProfileRow("head", None, "other", LAUNCH, 3.0, 0)
    calls = [call_of(8), replace(call_of(8), rows=(*call_of(8).rows, extra))]
    assert typical(calls).time_ms == 8 + 1.5
