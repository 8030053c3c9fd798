"""A variant that is built and run in a moment."""

from hrformer import HRFormerConfig, preset

TINY = preset(
    "tiny",
    channels=(4, 8, 8, 16),
    num_heads=(1, 2, 2, 4),
    num_modules=(1, 1, 1, 1),
    num_blocks=(1, 2, 1, 1),
    window_sizes=(4, 4, 4, 4),
    img_size=(64, 64),
    num_classes=5,
)


def tiny(**overrides: object) -> HRFormerConfig:
    return HRFormerConfig(**{**TINY.to_dict(), **overrides})
