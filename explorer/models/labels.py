"""What a model is called together with what runs it."""

from __future__ import annotations


def engine_label(engine: str, compile_mode: str) -> str:
    """How tables and charts call what runs a model, with the compiler's mode where it is not the usual one."""
    return engine if compile_mode in ("eager", "default") else f"{engine}, {compile_mode}"


def model_label(name: str, engine: str, compile_mode: str) -> str:
    """A model with what runs it, unless that is eager."""
    label = engine_label(engine, compile_mode)
    return name if label == "eager" else f"{name} · {label}"
