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


def random_normal(seed: int, shape: list[int]) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)


def official_state_dict(case: str) -> dict[str, Tensor]:
    """Weights of a case under the authors' keys, by the rule of `tests/reference/README.md`."""
    keys = json.loads(gzip.decompress((REFERENCE / f"{case}.keys.json.gz").read_bytes()))
    return {key: _entry(key, shape) for key, (dtype, shape) in keys.items() if dtype.startswith("float")}


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
    return torch.from_numpy(random_normal(CASES[case]["input_seed"], CASES[case]["input_shape"]))
