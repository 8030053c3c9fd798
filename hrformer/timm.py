"""HRFormer with timm's interface: `import hrformer.timm`, then `timm.create_model("hrformer_tiny")`.

The keys of its state dict are those of `hrformer.HRFormer` for classification, so that checkpoints fit both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

try:
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
    from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
    from timm.layers.classifier import create_classifier
    from timm.models import build_model_with_cfg, generate_default_cfgs, register_model, resolve_pretrained_cfg
    from timm.models._features import feature_take_indices
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("hrformer.timm needs the package timm: pip install timm.") from error

from hrformer.checkpoint import normalise_keys
from hrformer.config import HRFormerConfig, preset
from hrformer.heads import ClassificationHead
from hrformer.model import HRFormer, check_images, init_linear
from hrformer.widths import CLASSIFICATION_FEATURES, STEM_CHANNELS

_STEM_REDUCTION = 2


class TimmHRFormer(HRFormer):
    """HRFormer for classification as timm's tools expect a network.

    Features are the stem's map at 1/2, then one map a branch, as of timm's own HRNet.

    Args:
        config: The variant; its task is classification.
        global_pool: How timm pools: "avg", "max", "avgmax", "catavgmax", or "" for none.
        drop_rate: Dropout before the classifier.
    """

    def __init__(self, config: HRFormerConfig, global_pool: str = "avg", drop_rate: float = 0.0) -> None:
        super().__init__(config)
        self.in_chans = config.in_chans
        self.num_features = CLASSIFICATION_FEATURES
        self.head_drop = nn.Dropout(drop_rate)
        self.grad_checkpointing = False
        channels = (STEM_CHANNELS, *config.channels)
        modules = ("bn1", *(f"stage4.{config.num_modules[-1] - 1}.fuse_layers.{branch}" for branch in range(4)))
        self.feature_info = [
            {"num_chs": width, "reduction": _STEM_REDUCTION * 2**level, "module": module}
            for level, (width, module) in enumerate(zip(channels, modules, strict=True))
        ]
        self.global_pool: SelectAdaptivePool2d
        self.reset_classifier(config.num_classes, global_pool)

    def forward_features(self, x: Tensor) -> Tensor:  # type: ignore[override]  # timm's meaning of the name
        """Images (B, in_chans, H, W) -> the last map before pooling (B, 2048, H/32, W/32).

        Raises:
            ValueError: If the head was pruned away, as in a network that gives features only.
        """
        if not isinstance(self.head, ClassificationHead):
            raise ValueError("This network gives features only: use `forward_intermediates`, or build it without them.")
        return self.head.aggregate(super().forward_features(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last map -> logits (B, num_classes), or what the classifier reads."""
        x = self.head_drop(self.global_pool(x))
        return x if pre_logits else self.get_classifier()(x)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> logits (B, num_classes)."""
        return self.forward_head(self.forward_features(x))

    def forward_intermediates(  # noqa: PLR0917  # timm's arguments
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor | list[Tensor], list[Tensor]]:
        """The maps at some levels, and the last one.

        Args:
            x: Images (B, in_chans, H, W).
            indices: Levels: 0 the stem's map at 1/2, 1 to 4 the branches at 1/4 to 1/32; the last n for a number, all
                for None.
            norm: Plays no part: there is no final norm.
            stop_early: Whether to end at the stem where no other level is asked for.
            output_fmt: "NCHW".
            intermediates_only: Whether to leave out the last map.

        Raises:
            ValueError: If another format is asked for.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt = {output_fmt!r} is not legal: HRFormer's maps are 'NCHW'.")
        levels, last = feature_take_indices(len(self.feature_info), indices)
        check_images(x, self.config.in_chans)
        half = self.forward_half(x)
        if stop_early and last == 0:
            return [half] if intermediates_only else (half, [half])
        branches = self.forward_stages(self.relu(self.bn2(self.conv2(half))))
        maps = [half, *branches]
        intermediates = [maps[level] for level in levels]
        if intermediates_only:
            return intermediates
        final = self.head.aggregate(branches) if isinstance(self.head, ClassificationHead) else branches
        return final, intermediates

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Take the head away, which maps do not need; all branches need all stages.

        Returns:
            The levels asked for, counted from the first.
        """
        levels, _ = feature_take_indices(len(self.feature_info), indices)
        if prune_head:
            self.head = nn.Identity()
            self.config = replace(self.config, num_classes=0)
        return levels

    def forward_stage(self, stage: int, branches: list[Tensor]) -> list[Tensor]:
        """Stage 2, 3 or 4 after its transition, a module at a time where gradients are checkpointed."""
        if not (self.grad_checkpointing and self.training):
            return super().forward_stage(stage, branches)
        for module in self.get_submodule(f"stage{stage + 1}").children():
            branches = checkpoint(module, branches, use_reentrant=False)
        return branches

    @property
    def num_classes(self) -> int:
        """Classes; 0 where the network ends with its features."""
        return self.config.num_classes

    @property
    def head_hidden_size(self) -> int:
        """Features that the classifier reads."""
        per_feature: int = self.global_pool.feat_mult()  # type: ignore[no-untyped-call]
        return self.num_features * per_feature

    def get_classifier(self) -> nn.Module:
        """The classifier; an identity where there are no classes."""
        return self.get_submodule("head.classifier") if isinstance(self.head, ClassificationHead) else nn.Identity()

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A fresh classifier, or none for 0 classes.

        Args:
            num_classes: Classes.
            global_pool: How to pool from now on; as before by default.

        Raises:
            ValueError: If the head was pruned away.
        """
        if not isinstance(self.head, ClassificationHead):
            raise ValueError("This network gives features only and has no head: build it without features_only.")
        weight = self.conv1.weight
        pool_type = self.global_pool.pool_type if global_pool is None else global_pool
        self.global_pool, classifier = create_classifier(self.num_features, num_classes, pool_type)
        init_linear(classifier)
        self.head.classifier = classifier.to(weight.device, weight.dtype).train(self.training)
        self.config = replace(self.config, num_classes=num_classes)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Whether training keeps each module's input alone, and computes what is inside again for the gradients."""
        self.grad_checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """How parameters are grouped by depth, for learning rates that fall with it."""
        blocks = [(r"^layer(\d+)\.(\d+)", None), (r"^stage(\d+)\.(\d+)", None), (r"^transition(\d+)", (99999,))]
        return {
            "stem": r"^(?:conv|bn)[12]",
            "blocks": r"^(?:layer|stage|transition)(\d+)" if coarse else blocks,
        }

    def no_weight_decay(self) -> set[str]:
        """The position bias tables, as for Swin."""
        return {name for name, _ in self.named_parameters() if name.endswith("relative_position_bias_table")}


def _default_cfg() -> dict[str, Any]:
    return {
        "url": "",
        "num_classes": 1000,
        "input_size": (3, 224, 224),
        "pool_size": (7, 7),
        "crop_pct": 0.9,
        "interpolation": "bicubic",
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
        "first_conv": "conv1",
        "classifier": "head.classifier",
        "license": "mit",
        "paper_ids": "arXiv:2110.09408",
        "origin_url": "https://github.com/HRNet/HRFormer",
    }


default_cfgs = generate_default_cfgs(
    {"hrformer_tiny": _default_cfg(), "hrformer_small": _default_cfg(), "hrformer_base": _default_cfg()}
)


def _create(size: str, pretrained: bool, **kwargs: Any) -> nn.Module:
    name = f"hrformer_{size}"
    if pretrained:
        _check_weights_are_named(name, kwargs)
    built: nn.Module = build_model_with_cfg(
        _build,
        name,
        pretrained,
        model_cfg=size,
        feature_cfg={"out_indices": (0, 1, 2, 3, 4), "feature_cls": "getter"},
        pretrained_filter_fn=_with_own_keys,
        **kwargs,
    )
    return built


def _build(
    cfg: str, global_pool: str = "avg", drop_rate: float = 0.0, img_size: int | tuple[int, int] = 224, **fields: Any
) -> TimmHRFormer:
    """The network; `fields` are any of `HRFormerConfig` beside its task."""
    size = (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)
    return TimmHRFormer(preset(cfg, img_size=size, **fields), global_pool, drop_rate)


def _with_own_keys(weights: dict[str, Any], model: nn.Module) -> dict[str, Tensor]:
    return normalise_keys(weights)


def _check_weights_are_named(name: str, kwargs: dict[str, Any]) -> None:
    cfg = resolve_pretrained_cfg(name, kwargs.get("pretrained_cfg"), kwargs.get("pretrained_cfg_overlay"))
    if not (cfg.has_weights or cfg.state_dict):
        raise ValueError(
            f"timm fetches no weights of {name}: use pretrained=False and hrformer.load_official_state_dict, or name a "
            "file with pretrained_cfg_overlay={'file': …}."
        )


@register_model
def hrformer_tiny(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """HRFormer-T, 8.0 million parameters."""
    return _create("tiny", pretrained, **kwargs)


@register_model
def hrformer_small(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """HRFormer-S, 13.5 million parameters."""
    return _create("small", pretrained, **kwargs)


@register_model
def hrformer_base(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """HRFormer-B, 50.3 million parameters."""
    return _create("base", pretrained, **kwargs)
