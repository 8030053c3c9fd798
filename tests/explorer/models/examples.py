"""A variant that is built and run in a moment."""

from tests.variants import tiny

TINY = tiny(img_size=(64, 64), num_classes=10)
