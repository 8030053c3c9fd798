"""mmengine's registry of models with the backbone in it; where mmengine is not installed, a stand-in."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest


class Registry:
    """What of `mmengine.registry.Registry` a backbone meets."""

    def __init__(self) -> None:
        self.classes: dict[str, type] = {}

    def register_module(self, name: str | None = None, force: bool = False) -> Callable[[type], type]:
        def register(kind: type) -> type:
            self.classes[name or kind.__name__] = kind
            return kind

        return register

    def build(self, cfg: dict[str, Any]) -> Any:
        arguments = dict(cfg)
        return self.classes[arguments.pop("type")](**arguments)


@contextmanager
def mmengine_or_stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the backbone afresh; yields the registry."""
    if find_spec("mmengine") is None:
        package, registry = ModuleType("mmengine"), ModuleType("mmengine.registry")
        registry.MODELS = Registry()
        monkeypatch.setitem(sys.modules, "mmengine", package)
        monkeypatch.setitem(sys.modules, "mmengine.registry", registry)
    try:
        yield import_module("hrformer.mmpose").MODELS
    finally:
        sys.modules.pop("hrformer.mmpose")
