"""The blocks of docs/library.md."""

import re
from pathlib import Path

RECIPES = Path(__file__).parent.parent / "docs" / "library.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, list[str]]:
    """The blocks under each heading, in their order."""
    parts = re.split(r"^## ", RECIPES.read_text(), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: _BLOCK.findall(part) for part in parts}
