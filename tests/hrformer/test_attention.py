"""The position bias of windows, and what of it is kept, saved and trained."""

import copy
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hrformer import HRFormer, create_model
from hrformer.attention import WindowAttention, relative_position_bias
from tests.variants import tiny


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_pairs_bias_is_the_tables_row_for_its_offset(size: int) -> None:
    heads, side = 2, 2 * size - 1
    table = torch.arange(side * side * heads).float().view(side * side, heads)
    bias = relative_position_bias(table, size)
    assert bias.shape == (1, heads, size**2, size**2)
    tokens = [(row, column) for row in range(size) for column in range(size)]
    for query, (query_row, query_column) in enumerate(tokens):
        for key, (key_row, key_column) in enumerate(tokens):
            offset = (query_row - key_row + size - 1) * side + query_column - key_column + size - 1
            assert bias[0, :, query, key].tolist() == table[offset].tolist()


def test_the_gradient_of_a_row_counts_its_pairs() -> None:
    table = torch.zeros(9, 1, requires_grad=True)
    relative_position_bias(table, 2).sum().backward()
    # Of the 2 x 2 windows 16 pairs: 4 of a token with itself, 2 a step along an axis, 1 along a diagonal.
    assert table.grad.flatten().tolist() == [1, 2, 1, 2, 4, 2, 1, 2, 1]


def test_windows_of_128_keep_nothing_beside_the_weights() -> None:
    model = create_model(tiny(window_sizes=(128,) * 4))
    kept = {name for name, _ in model.named_buffers()}
    assert kept == {name for name in kept if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}


@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
@torch.no_grad()
def test_a_model_built_on_meta_and_filled_is_the_model(task: str) -> None:
    config = tiny(task, relative_position_bias=True)
    model = with_bias(create_model(config)).eval()
    with torch.device("meta"):
        filled = create_model(config).eval()
    filled.load_state_dict(model.state_dict(), assign=True)
    assert not any(tensor.is_meta for tensor in (*filled.parameters(), *filled.buffers()))
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(filled(x), model(x), rtol=0, atol=0)


def with_bias(model: HRFormer) -> HRFormer:
    for module in model.modules():
        if isinstance(module, WindowAttention):
            nn.init.normal_(module.relative_position_bias_table)
    return model


def test_tables_that_are_not_added_are_saved_and_counted_but_not_trained() -> None:
    config = tiny("pose")
    added, left_out = create_model(replace(config, relative_position_bias=True)), create_model(config)
    assert left_out.state_dict().keys() == added.state_dict().keys()
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (added, left_out)]
    assert sizes[0] == sizes[1]
    frozen = {name for name, parameter in left_out.named_parameters() if not parameter.requires_grad}
    tables = {name for name in left_out.state_dict() if name.endswith("relative_position_bias_table")}
    assert frozen == tables
    assert all(parameter.requires_grad for parameter in added.parameters())
    left_out.load_state_dict(with_bias(added).state_dict())
    name = min(tables)
    assert torch.equal(left_out.get_parameter(name), added.get_parameter(name))


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def three_steps(model: nn.Module, x: Tensor) -> None:
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
def test_every_task_trains_in_parallel(task: str) -> None:
    model, x = create_model(tiny(task)), torch.randn(2, 3, 64, 64)
    before = model.conv1.weight.detach().clone()
    three_steps(DistributedDataParallel(model), x)
    assert not torch.equal(model.conv1.weight, before)


@pytest.mark.usefixtures("one_process")
def test_tables_that_would_wait_for_a_gradient_stop_parallel_training() -> None:
    """What the test above would not see, if torch ever stopped asking for every gradient."""
    thawed = DistributedDataParallel(create_model(tiny("pose")).requires_grad_(True))
    with pytest.raises(RuntimeError, match=r"did not receive grad|finished reduction"):
        three_steps(thawed, torch.randn(2, 3, 64, 64))


def pose_and_images() -> tuple[HRFormer, Tensor]:
    """In double precision, so that the order of sums plays no part."""
    torch.manual_seed(0)
    return create_model(tiny("pose")).double(), torch.randn(4, 3, 64, 64, dtype=torch.float64)


def train_half(rank: int, folder: str) -> None:
    """What one of two processes does: with its half of the images, with norms that learn and with norms that do not."""
    torch.set_num_threads(1)
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    os.environ["GLOO_SOCKET_IFNAME"] = loopback
    meeting = f"file://{folder}/rendezvous"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=timedelta(minutes=5))
    model, x = pose_and_images()
    for mode in ("train", "eval"):
        trained = copy.deepcopy(model).train(mode == "train")
        three_steps(DistributedDataParallel(trained, find_unused_parameters=False), x.chunk(2)[rank])
        torch.save(dict(trained.named_parameters()), f"{folder}/{mode}{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_train_the_pose_network_together(tmp_path: Path) -> None:
    mp.spawn(train_half, (str(tmp_path),), nprocs=2)
    model, x = pose_and_images()
    first = dict(copy.deepcopy(model).named_parameters())
    three_steps(model.eval(), x)
    for mode in ("train", "eval"):
        one, other = (torch.load(tmp_path / f"{mode}{rank}.pt") for rank in range(2))
        assert all(torch.equal(one[name], other[name]) for name in first)
        assert {name for name in first if torch.equal(one[name], first[name])} == {
            name for name in first if name.endswith("relative_position_bias_table")
        }
    # Norms that do not learn see no difference between halves and the whole.
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(one[name], parameter, rtol=0, atol=1e-8, msg=name)
