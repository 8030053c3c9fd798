"""Uploaded checkpoints and variants that are too large."""

import pytest
import torch

from explorer.cost import capacity
from explorer.models.weights import checkpoint_of, model_of, random_model
from explorer.reading.uploads import weights_from_upload
from hrformer import HRFormer, create_model, preset
from tests.explorer.models.weight_files import saved, state_with_windows
from tests.variants import tiny

SMALL = tiny()


def uploaded(contents: bytes, name: str, img_size: tuple[int, int]) -> HRFormer:
    return model_of(checkpoint_of(weights_from_upload(contents, name), img_size=img_size))


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


def test_large_windows_count_with_the_bias_of_the_block_that_runs_and_nothing_that_blocks_keep() -> None:
    bias_mib = 64**4 * 4 / 2**20  # of the one head of the 1/4 branch
    large, usual = (preset("tiny", window_sizes=(size, 7, 7, 7)) for size in (64, 7))
    assert capacity.required_mib(large) > 2 * bias_mib
    assert capacity.building_mib(large) - capacity.building_mib(usual) < 1  # the tables, of 127^2 offsets
    assert capacity.required_mib(usual) < 300


@pytest.mark.parametrize("window", [64, 128])
def test_the_bias_of_an_uploads_windows_is_admitted(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tables of a small file ask for K^4 numbers of 4 bytes a head in the block that runs."""
    checkpoint = checkpoint_of(weights_from_upload(saved(state_with_windows(SMALL, window)), "windows.pth"))
    config = checkpoint.config
    assert config.window_sizes == (window,) * 4
    bias_mib = max(config.num_heads) * window**4 * 4 / 2**20
    assert capacity.looking_mib(config) > bias_mib
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: bias_mib)
    with pytest.raises(ValueError, match=r"needs about .* smaller windows"):
        model_of(checkpoint)
