"""The weights and inputs behind `tests/reference`: made by its rule, so that no checkpoint has to be shipped."""

import gzip
import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

REFERENCE = Path(__file__).parent / "reference"
CASES: dict[str, dict] = json.loads((REFERENCE / "cases.json").read_text())
MMPOSE = REFERENCE / "mmpose"
MMPOSE_CASES: dict[str, dict] = json.loads((MMPOSE / "cases.json").read_text())


def random_normal(seed: int, shape: list[int]) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


def official_state_dict(case: str) -> dict[str, Tensor]:
    """Weights of a case under the authors' keys, by the rule of `tests/reference/README.md`."""
    return _state_dict(REFERENCE / f"{case}.keys.json.gz")


def official_keys(case: str) -> list[str]:
    """All keys of a case in the authors' order, those of integer buffers too."""
    return list(_keys(REFERENCE / f"{case}.keys.json.gz"))


def mmpose_state_dict(case: str) -> dict[str, Tensor]:
    """Weights of a case under mmpose's keys, by the same rule."""
    return _state_dict(MMPOSE / f"{case}.keys.json.gz")


def mmpose_keys(case: str) -> list[str]:
    """All keys of a case in mmpose's order, those of integer buffers too."""
    return list(_keys(MMPOSE / f"{case}.keys.json.gz"))


def _keys(path: Path) -> dict[str, tuple[str, list[int]]]:
    keys: dict[str, tuple[str, list[int]]] = json.loads(gzip.decompress(path.read_bytes()))
    return keys


def _state_dict(path: Path) -> dict[str, Tensor]:
    return {key: _entry(key, shape) for key, (dtype, shape) in _keys(path).items() if dtype.startswith("float")}


def _entry(key: str, shape: list[int]) -> Tensor:
    normal = random_normal(zlib.crc32(key.encode()), shape)
    if key.endswith("running_var"):
        values = np.exp(0.1 * normal)
    elif key.endswith("running_mean"):
        values = 0.1 * normal
    elif key.endswith("relative_position_bias_table"):
        values = normal
    elif len(shape) == 1:
        values = 0.1 * normal if key.endswith(".bias") else 1 + 0.1 * normal
    else:
        values = normal / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def case_input(case: str) -> Tensor:
    described = (CASES | MMPOSE_CASES)[case]
    return torch.from_numpy(random_normal(described["input_seed"], described["input_shape"]))
