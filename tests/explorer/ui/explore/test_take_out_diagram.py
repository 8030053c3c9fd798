"""Parts and their places in the diagram."""

from explorer.ablation.parts import parts_of, read_part
from explorer.ablation.worth import Change, Ranked
from explorer.ui.explore.architecture import describe_network
from explorer.ui.explore.take_out_diagram import clicked_part, diagram_key, looks_of, worths_of
from tests.variants import tiny

CONFIG = tiny(num_modules=(2, 1, 1, 1), num_blocks=(2, 1, 1, 1))
NETWORK = describe_network(CONFIG)
DEEP = tiny(num_modules=(1, 16, 16, 16), num_blocks=(1, 2, 2, 2))


def test_a_click_means_the_part_that_is_drawn_there() -> None:
    for part in parts_of(CONFIG, ["branch", "block", "arrow"]):
        assert clicked_part(CONFIG, diagram_key(CONFIG, NETWORK, part)) == part


def test_bottlenecks_are_counted_through_and_many_blocks_share_a_box() -> None:
    assert diagram_key(CONFIG, NETWORK, read_part("block:1.1.0.1")) == "block:1.0.0.3"
    network = describe_network(DEEP)
    assert network.condensed
    assert diagram_key(DEEP, network, read_part("head:3.5.1.1.0")) == "block:3.5.1.0"
    assert looks_of(DEEP, network, [read_part("block:3.5.1.1")], None)["block:3.5.1.0"].taken == "inside"


def test_a_block_is_hatched_for_what_is_inside_and_crossed_for_itself_and_its_branch() -> None:
    looks = looks_of(
        CONFIG, NETWORK, [read_part("head:3.0.1.0.0"), read_part("block:2.0.0.0"), read_part("branch:3")], None
    )
    taken = {key: look.taken for key, look in looks.items() if look.taken != "no"}
    arrows = {f"arrow:4.0.{source}.{target}" for source in range(4) for target in range(4) if 3 in (source, target)}
    whole = {"block:2.0.0.0", "block:4.0.3.0", "branch:3", *arrows}
    assert taken == {"block:3.0.1.0": "inside"} | dict.fromkeys(whole, "whole")


def test_heads_colour_their_block_one_by_one() -> None:
    changes = [Change(0.7, 0.6, -0.1, -0.2, 0.0), Change(0.7, 0.75, 0.05, 0.0, 0.1)]
    ranking = [Ranked(read_part(f"head:3.0.1.0.{head}"), change) for head, change in enumerate(changes)]
    looks = looks_of(CONFIG, NETWORK, [], ranking)
    assert looks["block:3.0.1.0"].worth == (0.1, -0.05)
    assert "head 2 of block 1: mIoU +0.050 (+0.000 to +0.100) without it" in looks["block:3.0.1.0"].says
    assert not any(look.worth for key, look in looks.items() if key != "block:3.0.1.0")
    assert worths_of(ranking).signed
    assert not worths_of([Ranked(read_part("branch:0"), Change(None, None, 0.5))]).signed
    assert worths_of([]) is None
