"""Memory estimates against what autograd really keeps."""

import pytest
import torch

from explorer.cost.capacity import attention_mib, gradient_mib, looking_mib, optimised_mib
from hrformer import create_model, optimize_for_inference, preset
from tests.variants import tiny

MIB = 2**20
VARIANTS = [
    {},
    {"dw_conv": False},
    {"window_sizes": (14,) * 4},
    {"mlp_ratios": (2, 2, 2, 2)},
    {"img_size": (448, 448)},
    {"channels": (16, 32, 64, 128), "num_heads": (1, 2, 4, 8)},
]


@pytest.mark.parametrize("name", ["tiny", "small"])
@pytest.mark.parametrize("changes", VARIANTS)
def test_the_memory_for_a_gradient_covers_what_autograd_keeps(name: str, changes: dict[str, object]) -> None:
    config = preset(name, **changes)
    with torch.device("meta"):
        model = create_model(config).eval()
        picture = torch.zeros(1, 3, *config.img_size, requires_grad=True)
    own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.Tensor] = {}  # held, so that no later storage takes the place of one

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(picture)
    saved = sum(tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in own) / MIB
    assert output.requires_grad
    assert saved < gradient_mib(config) < 2.2 * saved + 32


def test_more_pictures_and_larger_attention_need_more() -> None:
    config = preset("tiny")
    assert gradient_mib(config, pictures=4) - gradient_mib(config) == pytest.approx(3 * (gradient_mib(config) - 32))
    pairs = 64 * 49 * 49  # 8 x 8 windows of 7 x 7 tokens, one head
    assert attention_mib(config, 0) - looking_mib(config) == pytest.approx(3 * pairs * 4 / MIB)


@pytest.mark.parametrize("fields", [{}, {"window_sizes": (15, 7, 3, 9)}, {"relative_position_bias": False}])
def test_the_optimised_form_keeps_what_is_counted(fields: dict) -> None:
    """But for the norms, which it folds into convolutions, and the tables."""
    config = tiny("pose", **{"relative_position_bias": True, **fields})
    fast = optimize_for_inference(create_model(config).eval(), packed=False)
    kept = [*fast.parameters(), *fast.buffers()]
    assert optimised_mib(config) == pytest.approx(sum(value.nbytes for value in kept) / 2**20, rel=0.1)
