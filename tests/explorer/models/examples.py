"""A variant that is built and run in a moment."""

from hrformer import preset

TINY = preset(
    "tiny", channels=(4, 8, 8, 16), num_heads=(1, 1, 2, 2), num_modules=(1, 1, 1, 1), img_size=(64, 64), num_classes=10
)
