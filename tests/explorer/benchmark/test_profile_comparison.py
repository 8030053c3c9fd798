"""Two profiles side by side: the kinds cover all operators, and their differences add up to the whole one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.benchmark.parts import OTHER, operator_kind
from explorer.benchmark.profile import LAUNCH, Profile, ProfileRow
from explorer.benchmark.profile_comparison import SHARED_KIND, SHARED_KINDS, by_shared_kind, compare_profiles, finding
from explorer.benchmark.profile_file import reference_profiles
from explorer.models.counting import model_cost
from explorer.models.model_ref import model_by_name

#: An operator of aten for each kind, so that the kinds are those that a profile can hold.
OPERATORS = (
    "aten::bmm",
    "aten::native_layer_norm",
    "aten::mkldnn_convolution",
    "aten::upsample_nearest2d",
    "aten::addmm",
    "aten::gelu",
    "aten::copy_",
    "aten::add",
    "aten::sort",
)
KINDS = (*map(operator_kind, OPERATORS), LAUNCH)


def profile_of(name, times_ms, macs, batch_size=1):
    """A made-up profile with a row for each operator."""
    rows = tuple(
        ProfileRow("stage 2", 0, operator, operator, time_ms, macs.get(operator, 0))
        for operator, time_ms in times_ms.items()
    )
    return Profile(name, batch_size, (224, 224), 1.0, rows)


@st.composite
def profiles(draw):
    times_ms = draw(st.dictionaries(st.sampled_from(KINDS), st.floats(0, 1e4), min_size=1))
    return profile_of("hrnet_w18", times_ms, {next(iter(times_ms)): draw(st.integers(1, 10**12))})


def shipped():
    run = reference_profiles()
    assert run is not None
    return {profile.model_name: profile for profile in run.profiles}


def assert_adds_up(table, profile, baseline):
    assert table["surplus_ms"].sum() == pytest.approx(profile.time_ms - baseline.time_ms, abs=1e-6)
    assert table["time_ms"].sum() == pytest.approx(profile.time_ms)
    assert table["baseline_ms"].sum() == pytest.approx(baseline.time_ms)
    assert table["macs"].sum() == profile.macs
    assert table["baseline_macs"].sum() == baseline.macs
    assert table["kind"].is_unique


def test_every_kind_of_operator_has_a_shared_one():
    assert set(KINDS) == set(SHARED_KIND)
    assert operator_kind("aten::sort") == OTHER
    assert set(SHARED_KIND.values()) == set(SHARED_KINDS)


@given(profiles(), profiles())
def test_differences_of_made_up_profiles_add_up_to_the_whole(profile, baseline):
    assert_adds_up(compare_profiles(profile, baseline), profile, baseline)


@pytest.mark.parametrize("second", ["deit_base_patch16_224", "hrnet_w48"])
def test_differences_of_the_shipped_profiles_add_up_to_the_whole(second):
    profile, baseline = shipped()["hrformer_base"], shipped()[second]
    table = compare_profiles(profile, baseline)
    assert_adds_up(table, profile, baseline)
    assert table["surplus_share"].sum() == pytest.approx(1)
    assert list(table["kind"]) == list(SHARED_KINDS[:-1])  # every operator has a name of its own
    assert (table[["time_ms", "baseline_ms"]].max(axis=1) > 0.001 * profile.time_ms).all()  # no row is empty


@pytest.mark.parametrize("name", ["hrformer_base", "deit_base_patch16_224", "hrnet_w48"])
def test_the_shipped_profiles_hold_all_the_work(name):
    profile = shipped()[name]
    assert profile.macs == model_cost(model_by_name(name), (224, 224)).macs
    assert profile.img_size == (224, 224)


def test_kinds_that_neither_has_are_no_rows():
    profile = profile_of("hrformer_base", {"linear": 3.0, LAUNCH: 1.0}, {"linear": 76})
    baseline = profile_of("deit_base_patch16_224", {"linear": 1.0, "norm": 1.0}, {"linear": 100})
    assert list(by_shared_kind(profile)["kind"]) == ["products", "launch and Python"]
    table = compare_profiles(profile, baseline).set_index("kind")
    assert table["surplus_ms"].to_dict() == {"products": 2.0, "norms and activations": -1.0, "launch and Python": 1.0}


DEIT = profile_of("deit_base_patch16_224", {"linear": 80.0, "norm": 10.0, "copy and layout": 10.0}, {"linear": 100})


@pytest.mark.parametrize(
    ("times_ms", "sentence"),
    [
        # 60 ms more: 40 of norms, 15 of copies, 5 of convolutions in place of products.
        (
            {"convolution": 85.0, "activation": 50.0, "copy and layout": 25.0},
            "HRFormer-B: 0.76 of DeiT-B's MACs, 1.6 times the time: "
            "67 % of the surplus is norms and activations, 25 % copies and layout",
        ),
        # 50 ms more, of which norms alone would be 60.
        (
            {"convolution": 70.0, "norm": 70.0, "copy and layout": 10.0},
            "HRFormer-B: 0.76 of DeiT-B's MACs, 1.5 times the time: 120 % of the surplus is norms and activations; "
            "products, convolutions and attention take 20 % back",
        ),
        (
            {"convolution": 30.0, "norm": 10.0, "copy and layout": 10.0},
            "HRFormer-B: 0.76 of DeiT-B's MACs, 0.5 of the time: "
            "100 % of the saving is products, convolutions and attention",
        ),
        # 10 ms less, made of 40 less and 30 more.
        (
            {"convolution": 40.0, "norm": 35.0, "copy and layout": 15.0},
            "HRFormer-B: 0.76 of DeiT-B's MACs, 0.9 of the time: 40 ms less for products, convolutions and attention, "
            "25 ms more for norms and activations",
        ),
        (
            {"convolution": 62.0, "norm": 10.0, "copy and layout": 10.0, LAUNCH: 20.0},
            "HRFormer-B: 0.76 of DeiT-B's MACs, the same time within 3 %: 20 ms more for launch and Python, "
            "18 ms less for products, convolutions and attention",
        ),
    ],
)
def test_the_sentence_by_hand(times_ms, sentence):
    assert finding(profile_of("hrformer_base", times_ms, {"convolution": 76}), DEIT) == sentence


def test_batches_of_different_sizes_are_not_compared():
    with pytest.raises(ValueError, match="Calls of 1 and of 8 images can't be compared"):
        compare_profiles(DEIT, profile_of("hrnet_w48", {"linear": 1.0}, {"linear": 1}, batch_size=8))
