"""HRFormer as a backbone of the OpenMMLab projects: `custom_imports = dict(imports=["hrformer.mmpose"])` in a config.

mmpose has an HRFormer of its own, so that this one goes by the name `HRFormerBackbone`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

try:
    from mmengine.registry import MODELS
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("hrformer.mmpose needs the package mmengine: pip install mmengine.") from error

from hrformer.checkpoint import load_official_state_dict, read_tensors
from hrformer.config import preset
from hrformer.model import HRFormer


@MODELS.register_module(name="HRFormerBackbone")
class HRFormerBackbone(HRFormer):
    """The branch maps of an HRFormer without its head.

    Args:
        size: "tiny", "small" or "base".
        task: Whose published fields the variant takes; "pose" fuses into the highest resolution alone.
        out_indices: Branches to give, 0 the highest resolution; by default all that are fused.
        init_cfg: `dict(type="Pretrained", checkpoint=path)`, or None for random weights.
        **overrides: Fields of `HRFormerConfig` to replace.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(
        self,
        size: str,
        task: str = "pose",
        out_indices: Sequence[int] | None = None,
        init_cfg: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> None:
        config = preset(size, task, **overrides)
        super().__init__(config)
        self.head = nn.Identity()
        fused = len(config.channels) if config.fused_outputs == "all" else 1
        self.out_indices = tuple(range(fused)) if out_indices is None else tuple(out_indices)
        if not self.out_indices or not all(0 <= index < fused for index in self.out_indices):
            raise ValueError(
                f"out_indices = {self.out_indices} is not legal: the last module of this variant fuses into "
                f"{'the branches 0 to 3' if fused > 1 else 'branch 0'}; fused_outputs='all' fuses into every branch."
            )
        if init_cfg is not None and (init_cfg.get("type") != "Pretrained" or "checkpoint" not in init_cfg):
            raise ValueError("init_cfg is not legal: use dict(type='Pretrained', checkpoint=path), or None.")
        self.init_cfg = init_cfg

    def init_weights(self) -> None:
        """Load the checkpoint of `init_cfg`, which the runner asks for; random weights are drawn when it is built."""
        if self.init_cfg is not None:
            load_official_state_dict(self, read_tensors(self.init_cfg["checkpoint"]), strict=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]  # what the projects' heads read
        """Images (B, in_chans, H, W) -> a map (B, C_i, H/2^(i+2), W/2^(i+2)) for each of `out_indices`."""
        maps = self.forward_features(x)
        return tuple(maps[index] for index in self.out_indices)
