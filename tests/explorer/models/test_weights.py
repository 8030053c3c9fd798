"""Uploaded checkpoints and variants that are too large."""

import pytest
import torch

from explorer.cost import capacity
from explorer.models.weights import config_of, model_with, random_model
from explorer.reading.uploads import weights_from_upload
from hrformer import HRFormer, create_model, preset
from tests.explorer.models.weight_files import saved, state_with_windows
from tests.variants import tiny

SMALL = tiny()


def uploaded(contents: bytes, name: str, img_size: tuple[int, int]) -> HRFormer:
    weights = weights_from_upload(contents, name)
    return model_with(weights, config_of(weights, img_size))


def test_an_upload_brings_its_variant_and_takes_the_image_size() -> None:
    state = create_model(SMALL).state_dict()
    model = uploaded(saved(state), "mine.pth", (64, 96))
    assert model.config.channels == SMALL.channels
    assert model.config.img_size == (64, 96)
    assert not model.training
    torch.testing.assert_close(model.conv1.weight.data, state["conv1.weight"])


def test_errors_name_the_users_file_and_no_path() -> None:
    with pytest.raises(ValueError, match=r"^mine\.pth") as caught:
        uploaded(b"rubbish", "../../mine.pth", (64, 64))
    assert "/" not in str(caught.value)


def test_a_small_file_cannot_make_a_large_model() -> None:
    """A tensor expanded from one number claims terabytes in a few bytes of file."""
    state = dict(create_model(SMALL).state_dict())
    for branch, channels in enumerate((8192, 8192, 8192, 8192)):
        state[f"stage4.0.branches.{branch}.0.attn.q_proj.weight"] = torch.zeros(1, 1).expand(channels, channels)
        state[f"stage4.0.branches.{branch}.0.mlp.fc1.weight"] = torch.zeros(1, 1, 1, 1).expand(30 * channels, 1, 1, 1)
    with pytest.raises(ValueError, match="larger than what is stored of it"):
        uploaded(saved(state), "bomb.pth", (64, 64))


def test_a_variant_beyond_this_machine_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 100.0)
    with pytest.raises(ValueError, match=r"needs about .* MiB .* has 100 MiB free"):
        random_model(SMALL, 0)


def test_large_windows_count_with_the_index_that_every_block_keeps() -> None:
    blocks = 12  # of the 1/4 branch, in 1 + 3 + 2 modules of two blocks; each index has 64^4 entries of 8 bytes
    assert capacity.required_mib(preset("tiny", window_sizes=(64, 7, 7, 7))) > blocks * 64**4 * 8 / 2**20
    assert capacity.required_mib(preset("tiny")) < 300


@pytest.mark.parametrize("window", [64, 128])
def test_the_index_buffers_of_an_uploads_windows_are_admitted(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tables of a small file ask for K^4 numbers of 8 bytes in each block."""
    weights = weights_from_upload(saved(state_with_windows(SMALL, window)), "windows.pth")
    config = config_of(weights)
    assert config.window_sizes == (window,) * 4
    blocks = 2 + 3 + 4  # one on each branch of the stages 2, 3 and 4
    assert capacity.building_mib(config) > blocks * window**4 * 8 / 2**20
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 1500.0)
    with pytest.raises(ValueError, match=r"needs about .* smaller windows"):
        model_with(weights, config)
