"""The device interface: the CPU for real, CUDA against a stand-in and, where there is a card, for real."""

import sys
import types

import pytest
import torch

from explorer.benchmark.measuring import device as device_module
from explorer.benchmark.measuring.device import (
    Cuda,
    check_present,
    device_names,
    matmul_step,
    open_device,
)
from explorer.processes.memory import reset_peak_rss, return_freed_memory

pytestmark = pytest.mark.alone

MIB = 2**20


def test_the_cpu_is_always_there():
    assert device_names()[0] == "cpu"
    cpu = open_device("cpu")
    assert (cpu.kind, cpu.index, cpu.uuid) == ("cpu", None, None)
    assert cpu.torch_device == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "mps"])
def test_a_missing_device_is_answered_with_those_that_exist(name):
    if name in device_names():
        pytest.skip(f"this machine has {name}")
    with pytest.raises(ValueError, match=f"This machine has no device {name}: use cpu"):
        check_present(name)


def test_calls_are_timed_one_by_one(monkeypatch):
    clock_ns = iter([0, 5_000_000, 10_000_000, 12_000_000])
    monkeypatch.setattr(device_module.time, "perf_counter_ns", lambda: next(clock_ns))
    calls = []
    assert open_device("cpu").time_calls(lambda: calls.append(1), 2) == [5.0, 2.0]
    assert len(calls) == 2


def test_peak_memory_starts_anew():
    cpu = open_device("cpu")
    torch.ones(MIB)  # a process's first large fill makes code and threads resident, too
    return_freed_memory()  # what other tests left free would be taken first, and counted in the peak
    if not reset_peak_rss():
        pytest.skip("this system does not reset the peak")
    before = cpu.memory().values["peak_rss_mib"]
    block = torch.ones(64 * MIB // 4)
    with_block = cpu.memory().values["peak_rss_mib"]
    del block
    return_freed_memory()
    assert with_block - before == pytest.approx(64, abs=8)
    cpu.reset_peaks()
    assert cpu.memory().values["peak_rss_mib"] < with_block - 32


def test_what_the_cpu_does_not_have_is_empty_with_a_reason():
    cpu = open_device("cpu")
    assert set(cpu.memory().reasons) == {"peak_allocated_mib", "peak_reserved_mib", "process_memory_mib"}
    watch = cpu.watch()
    watch.begin_turn()
    watch.end_turn(1)
    assert set(watch.figures().reasons.values()) == {"only NVIDIA cards are asked for it, through NVML"}


def test_the_matrix_product_is_one_and_counts_its_flops(monkeypatch):
    cpu = open_device("cpu")
    monkeypatch.setattr(type(cpu), "matmul_size", 16)
    step, flops = matmul_step(cpu, torch.bfloat16)
    assert step().shape == (16, 16)
    assert flops == 16 * 16 * (16 + 16)  # a multiplication and an addition for each of 16 terms


class FakeEvent:
    """Takes the fake card's clock when recorded, as a CUDA event does once the card reaches it."""

    def __init__(self, card):
        self._card = card

    def record(self):
        self.time_ms = self._card.clock_ms

    def elapsed_time(self, end):
        return end.time_ms - self.time_ms


class FakeCard:
    """The part of `torch.cuda` that the device interface uses, for a machine with two cards."""

    def __init__(self):
        self.clock_ms = 0.0
        self.log = []
        for name in ("set_device", "synchronize", "empty_cache", "reset_peak_memory_stats"):
            setattr(self, name, lambda *arguments, name=name: self.log.append((name, *arguments)))

    def device_count(self):
        return 2

    def get_device_properties(self, index):
        return types.SimpleNamespace(name=f"Card {index}", uuid=f"uuid-{index}")

    def Event(self, *, enable_timing):  # noqa: N802 - torch's name
        assert enable_timing
        return FakeEvent(self)

    def max_memory_allocated(self, index):
        return (100 + index) * MIB

    def max_memory_reserved(self, index):
        return (200 + index) * MIB

    def mem_get_info(self, index):
        return 3000 * MIB, 8000 * MIB


@pytest.fixture
def card(monkeypatch):
    fake = FakeCard()
    monkeypatch.setattr(torch, "cuda", fake)
    monkeypatch.setitem(sys.modules, "torch.cuda", fake)
    return fake


def test_a_card_is_opened_by_its_number(card):
    assert device_names()[:3] == ("cpu", "cuda:0", "cuda:1")
    second = open_device("cuda:1")
    assert (second.name, second.uuid, second.index) == ("Card 1", "uuid-1", 1)
    assert ("set_device", 1) in card.log


def test_a_card_is_timed_by_its_own_clock_without_waiting_between_calls(card):
    cuda = Cuda(0)
    card.log.clear()

    def step():
        card.clock_ms += 7.0
        card.log.append("call")

    assert cuda.time_calls(step, 3) == [7.0, 7.0, 7.0]
    assert card.log == [("synchronize", 0), "call", "call", "call", ("synchronize", 0)]


def test_a_cards_memory_figures_stay_apart(card):
    cuda = Cuda(1)
    cuda.reset_peaks()
    assert ("reset_peak_memory_stats", 1) in card.log
    memory = cuda.memory()
    assert memory.values["peak_allocated_mib"] == 101
    assert memory.values["peak_reserved_mib"] == 201
    assert "process_memory_mib" in {**memory.values, **memory.reasons}
    assert cuda.available_mib() == 3000


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_real_card_measures_a_product():
    cuda = open_device("cuda:0")
    step, flops = matmul_step(cuda, torch.float32)
    cuda.reset_peaks()
    samples_ms = cuda.time_calls(step, 5)
    assert 1e11 < flops / (min(samples_ms) / 1e3) < 1e16
    assert cuda.memory().values["peak_allocated_mib"] >= 3 * 4 * cuda.matmul_size**2 / MIB
