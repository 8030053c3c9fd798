"""Files of weights as users send them."""

import io

import torch

from hrformer import HRFormerConfig, create_model


def saved(state_dict: dict) -> bytes:
    buffer = io.BytesIO()
    torch.save(state_dict, buffer)
    return buffer.getvalue()


def state_with_windows(config: HRFormerConfig, window: int) -> dict[str, torch.Tensor]:
    """Weights whose bias tables say that all windows are of one size."""
    state = dict(create_model(config).state_dict())
    for key in [key for key in state if key.endswith("relative_position_bias_table")]:
        state[key] = torch.zeros((2 * window - 1) ** 2, state[key].shape[1])
    return state
