"""Pinned variants as links and as JSON: what is written is read back, what is hostile is one sentence."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.ui.pins import MAX_NAME, MAX_PINS, Pin, pins_from_json, pins_to_json
from hrformer import HRFormerConfig, preset
from tests.variants import tiny_variants

TINY = preset("tiny")
#: Whatever a person may type into the field of a name, and what links and mark-up could trip over.
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="|"), min_size=1, max_size=MAX_NAME),
    st.sampled_from(["a=b&c", "HRFormer-T · K 9", "**bold** <b>", "%2C%7C+?#", "名前", "pin:pin", "100 %", "a, b"]),
)
VARIANTS = st.one_of(
    tiny_variants(),
    st.floats(0.05, 32).map(lambda ratio: preset("base", "pose", mlp_ratios=(ratio, 4, ratio / 2 + 0.1, 1 / 3))),
)


@given(NAMES, VARIANTS)
@settings(max_examples=150, deadline=None)
def test_a_link_leads_back_to_its_pin(name: str, config: HRFormerConfig) -> None:
    pin = Pin(name, config)
    assert Pin.from_link(pin.link) == pin


@given(st.lists(st.tuples(NAMES, VARIANTS), max_size=MAX_PINS, unique_by=lambda pair: pair[0]))
@settings(max_examples=50, deadline=None)
def test_json_leads_back_to_its_pins_in_their_order(pairs: list[tuple[str, HRFormerConfig]]) -> None:
    some = tuple(Pin(*pair) for pair in pairs)
    assert pins_from_json(pins_to_json(some)) == some


@given(st.text(max_size=120) | st.tuples(NAMES, st.text(max_size=60)).map("|".join))
@settings(max_examples=300, deadline=None)
def test_any_text_of_a_link_is_a_pin_or_one_sentence(text: str) -> None:
    try:
        pin, problem = Pin.from_link(text), "None."
    except ValueError as error:
        pin, problem = None, str(error)
    assert problem.endswith(".")
    assert "\n" not in problem
    assert pin is None or Pin.from_link(pin.link) == pin


@pytest.mark.parametrize(
    "name",
    ["", " ", "a|b", "x" * (MAX_NAME + 1), "a\nb", "a\0", "\u202eevil", "a\u200bb", " led", "trailed ", "two  spaces"],
)
def test_what_cannot_name_a_variant_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can't name a variant"):
        Pin(name, TINY)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("mine|preset=huge", "tiny, small, base"),
        ("mine|window_sizes=0,7,7,7", "window_sizes"),
        ("mine|window_sizes=" + "9" * 10_000, "window_sizes"),
        ("mine|colour=red", "colour=red, which means nothing"),
        ("mine|preset", "preset, which means nothing"),
        ("|preset=tiny", "can't name a variant"),
    ],
)
def test_a_hostile_link_is_one_short_sentence(link: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Pin.from_link(link)
    assert len(str(caught.value)) < 400


def rows(*names: object, variant: object = None) -> bytes:
    values = TINY.to_dict() if variant is None else variant
    return json.dumps([{"name": name, "variant": values} for name in names]).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"name": "mine"}', "JSON list"),
        (b'[{"name": "mine"}]', "JSON list"),
        (b'[["mine", {}]]', "JSON list"),
        (rows(7), "is a text"),
        (rows("mine", variant=[]), "'mine' can't be had"),
        (rows("mine", variant={**TINY.to_dict(), "channels": [1e400, 1, 1, 1]}), "'mine' can't be had"),
        (rows("mine", variant={**TINY.to_dict(), "num_heads": [5, 2, 4, 8]}), "C · channels, 1/4 branch = 18"),
        (rows("mine", variant={**TINY.to_dict(), "colour": "red"}), "Unknown key colour"),
        (rows("mine", "mine"), "Two variants are called 'mine'"),
        (rows(*(str(number) for number in range(MAX_PINS + 1))), "up to 8 can be pinned"),
        (rows(*["x"] * 20_000), "up to 8 can be pinned"),
        (rows("a\nb"), "can't name a variant"),
    ],
)
def test_hostile_json_is_one_short_sentence(text: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        pins_from_json(text)
    assert len(str(caught.value)) < 500
