"""What an ONNX file needs, said before anything is built."""

from __future__ import annotations

from importlib.util import find_spec

from explorer.units import GIB

#: A protobuf message, and with it a single ONNX file, ends at 2 GiB.
MAX_FILE_BYTES = 2**31
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def missing_packages() -> str | None:
    """Why nothing can be exported here, in one sentence; None if it can."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if not missing:
        return None
    return f"{', '.join(missing)} not installed: run pip install 'hrformer-explorer[engines]'."


def refuse_too_large(value_bytes: float) -> None:
    """Say before anything is built that weights, and what is kept with them, do not fit one file.

    Raises:
        ValueError: If they do not.
    """
    if value_bytes >= MAX_FILE_BYTES:
        raise ValueError(f"{value_bytes / GIB:.1f} GiB of values do not fit one ONNX file, which ends at 2 GiB.")
