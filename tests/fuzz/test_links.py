"""Hostile values: whatever a link, a file of a variant or a plan says, it is taken or refused in one sentence."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.benchmark.plan import Plan
from explorer.cost.complexity import estimate_complexity
from explorer.models.variants import QUERY_KEYS, from_query
from hrformer import HRFormerConfig, preset
from tests.fuzz.mutations import SCALE

_fuzzed = settings(
    max_examples=100 * SCALE, deadline=5000, suppress_health_check=[HealthCheck.too_slow], derandomize=SCALE == 1
)
_numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 1e-320, float("nan")])
_texts = st.text(max_size=30) | st.sampled_from(["9" * 5000, "1_0", "٣", "0x10", "1e400", "x" * 10**6, "7," * 10**4])
_values = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def check_refusal(error: ValueError) -> None:
    sentence = str(error)
    assert "\n" not in sentence
    assert len(sentence) < 1500
    assert sentence.endswith((".", ")")), sentence


@given(st.dictionaries(st.sampled_from(QUERY_KEYS), _texts, max_size=6))
@_fuzzed
def test_any_link_is_taken_or_refused(query: dict[str, str]) -> None:
    try:
        config = from_query(query)
    except ValueError as error:
        check_refusal(error)
    else:
        assert estimate_complexity(config).macs > 0


@given(st.sampled_from(list(preset("tiny").to_dict())), _values)
@_fuzzed
def test_any_value_of_a_variant_is_taken_or_refused(field: str, value: Any) -> None:
    try:
        config = HRFormerConfig.from_dict(preset("tiny").to_dict() | {field: value})
    except ValueError as error:
        check_refusal(error)
    else:
        assert estimate_complexity(config).macs > 0


@given(st.sampled_from(list(Plan.from_dict({"models": "resnet18"}).to_dict())), _values)
@_fuzzed
def test_any_value_of_a_plan_is_taken_or_refused(key: str, value: Any) -> None:
    try:
        plan = Plan.from_dict({"models": "resnet18", key: value})
    except ValueError as error:
        check_refusal(error)
    else:
        assert plan.jobs()


@pytest.mark.parametrize("field", ["num_modules", "channels", "img_size", "window_sizes"])
def test_the_largest_legal_variant_is_costed_at_once(field: str) -> None:
    largest = {"num_modules": (64,) * 4, "channels": (8192,) * 4, "img_size": (8192, 8192), "window_sizes": (128,) * 4}
    assert estimate_complexity(preset("tiny", **{field: largest[field]})).macs > 0
