"""The weights that ship with the explorer: a small HRFormer that has learned to segment digits."""

from __future__ import annotations

from pathlib import Path

WEIGHTS_PATH = Path(__file__).parent / "data" / "digits_hrformer.safetensors"
