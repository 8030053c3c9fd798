"""A variant that is built and run in a moment, and has something to take out of each part."""

from hrformer import HRFormerConfig
from tests import variants

TINY = variants.tiny(num_blocks=(1, 2, 1, 1), window_sizes=(4, 4, 4, 4), img_size=(64, 64), num_classes=5)


def tiny(**overrides: object) -> HRFormerConfig:
    return HRFormerConfig(**{**TINY.to_dict(), **overrides})
