"""The cache of all users: bounded by memory, the longest unused out first."""

import numpy as np
import torch

from explorer.cost.capacity import building_mib
from explorer.inspection.feature_maps import ModuleMaps
from explorer.sharing.shared_cache import SharedCache, size_mib
from hrformer import create_model, preset

MIB = 2**20


def block(mib: int) -> np.ndarray:
    return np.zeros(mib * MIB, dtype=np.uint8)


def test_sizes_of_what_pages_keep() -> None:
    half = np.zeros((MIB // 8,), dtype=np.float32)
    assert size_mib(ModuleMaps((half, half), (half,))) == 1.5
    assert size_mib({"a": [torch.zeros(MIB // 4), "text", None, 3]}) == 1
    model = create_model(preset("tiny"))
    exact = sum(tensor.nbytes for tensor in model.state_dict().values()) / MIB
    assert abs(size_mib(model) - exact) < 0.03 * exact  # the state leaves out the position indices
    assert exact < building_mib(preset("tiny"))


def test_the_longest_unused_goes_first() -> None:
    cache = SharedCache(10)
    for key in "abc":
        cache.put(key, block(4))
        assert cache.get("a") is not None
    assert cache.get("b") is None
    assert cache.get("c") is not None
    assert cache.held_mib == 8


def test_a_value_beyond_the_limit_is_kept_alone() -> None:
    cache = SharedCache(10)
    cache.put("small", block(4))
    cache.put("large", block(20))
    assert cache.get("small") is None
    assert cache.get("large").nbytes == 20 * MIB


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    cache = SharedCache(10)
    cache.put("a", block(4))
    cache.put("a", block(2))
    assert cache.held_mib == 2
    cache.clear()
    assert cache.get("a") is None
    assert cache.held_mib == 0


def test_no_more_values_than_the_most_however_small() -> None:
    cache = SharedCache(10, most=2)
    for key in "abc":
        cache.put(key, block(0))
    assert [cache.get(key) is not None for key in "abc"] == [False, True, True]


def test_what_nobody_uses_for_long_is_let_go_of() -> None:
    clock = [0.0]
    cache = SharedCache(10, unused_s=60, now=lambda: clock[0])
    cache.put("unused", block(1))
    cache.put("used", block(1))
    clock[0] = 59
    assert cache.get("used") is not None
    clock[0] = 61
    assert cache.get("unused") is None
    assert cache.held_mib == 1
    clock[0] = 59 + 61
    cache.put("new", block(2))  # another value's use is enough
    assert cache.held_mib == 2
