"""HRFormer on the Hugging Face Hub: `from_pretrained`, `save_pretrained` and `push_to_hub`, variant included."""

from __future__ import annotations

from typing import Any

try:
    import safetensors  # noqa: F401  # what the mixin writes weights with
    from huggingface_hub import PyTorchModelHubMixin
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "hrformer.hub needs huggingface_hub and safetensors: pip install 'hrformer-explorer[hub]'."
    ) from error

from hrformer.config import HRFormerConfig
from hrformer.model import HRFormer


class HubHRFormer(
    HRFormer,
    PyTorchModelHubMixin,
    library_name="hrformer",
    license="mit",
    tags=["hrformer"],
    paper_url="https://arxiv.org/abs/2110.09408",
):
    """An HRFormer that a folder or a repository holds: `model.safetensors`, and the variant in `config.json`.

    Args:
        variant: Every field of `HRFormerConfig`, as `HRFormerConfig.to_dict` gives them.
    """

    def __init__(self, variant: dict[str, Any]) -> None:
        super().__init__(HRFormerConfig.from_dict(variant))

    @classmethod
    def of(cls, model: HRFormer) -> HubHRFormer:
        """A copy of a model that can be saved and pushed, in the same mode."""
        twin = cls(model.config.to_dict())
        twin.load_state_dict(model.state_dict())
        return twin.train(model.training)
