"""What a fresh server does until its first page shows numbers, and while it imports the rest behind that page."""

import json
import subprocess
import sys
from typing import Any

from tests.pages.entrypoint import ENTRYPOINT

#: Each takes a tenth of a second to three seconds to import.
HEAVY = {"torch", "timm", "torchvision", "torchinfo", "captum", "scipy", "skimage", "sqlalchemy", "ray", "onnx"}

_FIRST_RUN = """
import json, sys
from streamlit.testing.v1 import AppTest
from explorer.ui import panels
from explorer.ui.later_imports import LATER_IMPORTS

def packages():
    return sorted({name.partition(".")[0] for name in sys.modules})

def look():
    found["with the numbers"] = packages()
    numbers_first()

found, numbers_first, panels.numbers_first = {}, panels.numbers_first, look
LATER_IMPORTS.delay_s = 3600.0
app = AppTest.from_file("streamlit_app.py", default_timeout=120).run()
found["with the charts"] = packages()
found["exceptions"] = [exception.message for exception in app.exception]
found["figures"] = [metric.value for metric in app.metric]
found["charts"] = len(app.get("plotly_chart"))
print(json.dumps(found))
"""

_MOVES = """
import json, sys
from streamlit.testing.v1 import AppTest
from explorer.ui.later_imports import LATER_IMPORTS

LATER_IMPORTS.delay_s = 0.0
app = AppTest.from_file("streamlit_app.py", default_timeout=120).run()
moves, exceptions, least = 0, [], app.slider[0].value
while not LATER_IMPORTS.done and not exceptions:
    moves += 1
    app.slider[0].set_value(least + moves % 2).run()
    exceptions += [exception.message for exception in app.exception]
print(json.dumps({"moves": moves, "exceptions": exceptions}))
"""


def in_a_fresh_process(code: str) -> dict[str, Any]:
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ENTRYPOINT.parent)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_first_page_shows_numbers_and_charts_without_what_takes_long_to_import() -> None:
    found = in_a_fresh_process(_FIRST_RUN)
    assert found["exceptions"] == []
    assert "8.04 M" in found["figures"]  # HRFormer-T's parameters
    assert found["charts"] >= 1
    assert (HEAVY | {"pandas"}) & set(found["with the numbers"]) == set()
    assert HEAVY & set(found["with the charts"]) == set()


def test_sliders_move_while_the_rest_is_imported_behind_the_page() -> None:
    found = in_a_fresh_process(_MOVES)
    assert found["exceptions"] == []
    assert found["moves"] >= 1
