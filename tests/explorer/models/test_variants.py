"""Ways to write a variant down lead back to it."""

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hrformer
from explorer.models.variants import (
    from_json,
    from_query,
    legal_part,
    nearest_legal,
    nearest_preset,
    short_name,
    to_python,
    to_query,
)
from hrformer import PRESETS, TASKS, HRFormerConfig, preset
from tests.variants import tiny_variants


@given(tiny_variants())
@settings(max_examples=60, deadline=None)
def test_a_link_leads_back_to_its_variant(config: HRFormerConfig) -> None:
    assert from_query(to_query(config)) == config


@given(tiny_variants())
@settings(max_examples=40, deadline=None)
def test_the_python_line_builds_the_variant(config: HRFormerConfig) -> None:
    line = to_python(config)
    names = {"create_model": lambda built: built, "preset": hrformer.preset}
    assert eval(line, names) == config  # noqa: S307 - our own line is what is tested


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_their_own_nearest(name: str, task: str) -> None:
    nearest = nearest_preset(preset(name, task))
    assert (nearest.preset, nearest.overrides) == (name, {})
    assert to_query(preset(name, task)) == {"preset": name, "task": task}


def test_keys_of_a_page_are_left_alone() -> None:
    assert from_query({"preset": "small", "stage": "3", "colour": "red"}) == preset("small")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"preset": "huge"}, "tiny, small, base"),
        ({"task": "depth"}, "classification, pose, segmentation"),
        ({"window_sizes": "7,7,zero,7"}, "window_sizes holds 'zero'"),
        ({"window_sizes": "7,7,7"}, "4 numbers"),
        ({"window_sizes": "7"}, "4 numbers"),
        ({"dw_conv": "maybe"}, "true or false"),
        ({"channels": "18,37,72,144"}, "nearest legal value is 36"),
        ({"num_classes": "1e400"}, "num_classes"),
        ({"drop_path_rate": "nan"}, "drop_path_rate"),
        ({"img_size": "99999999999999999999,224"}, "8192"),
        ({"img_size": "224,16"}, r"img_size\[1\] = 16 is outside 32 to 8192: the nearest legal value is 32"),
        ({"in_chans": "6"}, "in_chans = 6 is outside 1 to 4: the nearest legal value is 4"),
        ({"num_classes": "0"}, "num_classes = 0 is outside 1 to 100000"),
    ],
)
def test_an_edited_link_says_what_would_work(query: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_query(query)


@pytest.mark.parametrize("text", ["", "no json", "[1]", "{", '{"task": "pose"}', "[" * 100_000, b"\xff\xfe"])
def test_other_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|Missing key"):
        from_json(text)


def test_a_file_of_a_variant_that_only_the_library_builds_is_refused() -> None:
    with pytest.raises(ValueError, match="in_chans = 6 is outside 1 to 4"):
        from_json(preset("tiny", in_chans=6).to_json())


def test_the_nearest_legal_variant_rounds_channels_to_heads() -> None:
    values = preset("tiny").to_dict() | {"channels": (18, 37, 72, 145), "num_heads": (1, 2, 4, 8)}
    legal = nearest_legal(values)
    assert legal is not None
    assert legal.channels == (18, 36, 72, 144)
    assert nearest_legal(values | {"in_chans": 9}) is None


@given(st.lists(st.floats(0.05, 32), min_size=4, max_size=4), st.floats(0, 1, exclude_max=True))
@example([1 / 3, 0.1, 2 / 3, 31.999999999999996], 1 / 3)
@example([math.pi, math.e, 1e-1, 7.0], 5e-324)
@settings(max_examples=60, deadline=None)
def test_links_and_files_keep_numbers_to_the_last_digit(ratios: list[float], rate: float) -> None:
    config = preset("tiny", mlp_ratios=tuple(ratios), drop_path_rate=rate)
    assert from_query(to_query(config)).mlp_ratios == tuple(ratios)
    assert from_query(to_query(config)).drop_path_rate == rate
    assert from_json(config.to_json()) == config


def test_the_nearest_legal_variant_stays_within_the_limits() -> None:
    values = preset("tiny").to_dict() | {"channels": (8191, 36, 72, 144), "num_heads": (3, 2, 4, 8)}
    legal = nearest_legal(values)
    assert legal is not None
    assert legal.channels[0] == 8190  # 2730 for each of three heads; 8193 would be nearer the next


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_what_does_not_fit_the_task_is_left_out_and_the_rest_kept(task: str) -> None:
    config, problems = legal_part({"task": task, "fused_outputs": "highest", "window_sizes": "9,9,9,9"})
    assert config == preset("tiny", task, window_sizes=(9, 9, 9, 9))
    (problem,) = problems
    assert problem.startswith(f"fused_outputs = 'highest' is not legal with task = '{task}'")


def test_values_that_are_legal_only_together_survive_an_illegal_one() -> None:
    heads, channels = (5, 5, 5, 5), (25, 25, 25, 25)  # five heads don't divide 18 channels, nor two heads 25
    query = {"num_heads": "5,5,5,5", "channels": "25,25,25,25", "in_chans": "9", "dw_conv": "perhaps"}
    config, problems = legal_part(query)
    assert config == preset("tiny", num_heads=heads, channels=channels)
    assert [problem.split(" = ")[0] for problem in problems] == ["dw_conv", "in_chans"]


def test_three_values_that_are_legal_only_together_survive_an_illegal_one() -> None:
    query = {"num_heads": "1,1,1,5", "channels": "1,1,1,5", "mlp_ratios": "1,1,1,0.2", "in_chans": "9"}
    config, problems = legal_part(query)
    assert (config.channels, config.num_heads, config.mlp_ratios) == ((1, 1, 1, 5), (1, 1, 1, 5), (1, 1, 1, 0.2))
    assert [problem.split(" = ")[0] for problem in problems] == ["in_chans"]


def test_the_legal_part_of_a_link_is_kept() -> None:
    config, problems = legal_part({"preset": "small", "task": "depth", "window_sizes": "0,7,7,7", "dw_conv": "false"})
    assert config == preset("small", dw_conv=False)
    assert [problem.split(" = ")[0] for problem in problems] == ["task", "window_sizes[0]"]


@given(tiny_variants())
@settings(max_examples=40, deadline=None)
def test_a_link_says_from_which_preset_the_variant_was_made(config: HRFormerConfig) -> None:
    for name in PRESETS:
        query = to_query(config, name)
        assert query["preset"] == name
        assert from_query(query) == config


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "HRFormer-T"),
        ({"window_sizes": (9, 9, 9, 9)}, "HRFormer-T · K 9"),
        ({"channels": (20, 40, 80, 160), "num_modules": (1, 1, 5, 2)}, "HRFormer-T · M 1-1-5-2 · C 20"),
        ({"dw_conv": False}, "HRFormer-T · DW conv off"),
    ],
)
def test_a_short_name_says_what_is_changed(changes: dict[str, object], name: str) -> None:
    assert short_name(preset("tiny", **changes)) == name


@pytest.mark.parametrize("key", ["task", "channels"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    text = preset("tiny").to_json()
    values = json.loads(text)
    twice = text[:-1] + f', "{key}": {json.dumps(values[key])}}}'
    with pytest.raises(ValueError, match=f"The key '{key}' stands there twice: keep one of the two"):
        from_json(twice)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert from_json(b"\xef\xbb\xbf" + preset("tiny").to_json().encode()) == preset("tiny")
