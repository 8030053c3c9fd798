"""Channels that are the same in every variant, as in the published code."""

from __future__ import annotations

#: Output over inner channels of a residual bottleneck (stage 1, classification head).
BOTTLENECK_EXPANSION = 4
STEM_CHANNELS = 64
STAGE1_CHANNELS = STEM_CHANNELS * BOTTLENECK_EXPANSION
#: Inner channels of the classification head's bottlenecks, per branch (cls/models/hrt.py).
CLASSIFICATION_WIDTHS = (32, 64, 128, 256)
CLASSIFICATION_FEATURES = 2048
OCR_CHANNELS = 512
OCR_KEY_CHANNELS = 256
