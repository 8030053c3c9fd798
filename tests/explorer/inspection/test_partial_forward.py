"""A watched way through a network: counted block by block, stopped, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from explorer.inspection.feature_maps import collect_module_maps
from explorer.inspection.partial_forward import Stopped, watched
from hrformer import HRFormer, create_model
from tests.variants import tiny

CONFIG = tiny(num_modules=(1, 1, 2, 1))
#: One bottleneck of stage 1, then modules times branches of stages 2 to 4 with a block each, four more of the head.
BACKBONE_BLOCKS = 1 + 1 * 2 + 2 * 3 + 1 * 4
HEAD_BLOCKS = 4


@pytest.fixture
def model() -> HRFormer:
    return create_model(CONFIG).eval()


def hooks_of(model: HRFormer) -> int:
    return sum(len(module._forward_pre_hooks) for module in model.modules())


def look(model: HRFormer, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
    with watched(model, on_progress, should_stop):
        collect_module_maps(model, torch.rand(1, 3, 64, 64), 4, 0)


def test_every_block_is_told(model: HRFormer) -> None:
    told: list[tuple[int, int]] = []
    look(model, lambda done, total: told.append((done, total)), lambda: False)
    assert [done for done, _ in told] == list(range(BACKBONE_BLOCKS))
    assert {total for _, total in told} == {BACKBONE_BLOCKS + HEAD_BLOCKS}
    assert hooks_of(model) == 0


def test_it_ends_at_the_block_where_it_is_asked_to(model: HRFormer) -> None:
    told: list[int] = []
    with pytest.raises(Stopped):
        look(model, lambda done, total: told.append(done), lambda: len(told) == 5)
    assert told == [0, 1, 2, 3, 4]
    assert hooks_of(model) == 0
    told.clear()
    look(model, lambda done, total: told.append(done), lambda: False)  # the model is free again
    assert len(told) == BACKBONE_BLOCKS
