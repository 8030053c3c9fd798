"""What SECURITY.md promises: the server's settings, and no network call at run time."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from explorer.pictures import MAX_FILE_MIB
from explorer.ui.sources import MAX_CHECKPOINT_MIB

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").rglob("*.py"))


def test_the_server_listens_on_localhost_with_its_protections_on() -> None:
    server = CONFIG["server"]
    assert server["address"] == "localhost"
    assert server["enableXsrfProtection"] is True
    assert server.get("enableCORS", True) is True  # Streamlit's default; XSRF protection needs it
    assert server["maxUploadSize"] == MAX_CHECKPOINT_MIB == 300
    assert server["maxUploadSize"] > MAX_FILE_MIB


def test_nothing_is_told_to_anyone_and_no_detail_of_an_error_leaves_the_server() -> None:
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["showEmailPrompt"] is False
    assert CONFIG["client"]["showErrorDetails"] == "none"


def test_streamlit_takes_the_settings_as_they_are_meant() -> None:
    code = (
        "from streamlit import config;"
        "names = ('server.address', 'server.enableXsrfProtection', 'server.maxUploadSize', 'browser.gatherUsageStats');"
        "print(*(config.get_option(name) for name in names))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert result.stdout.split() == ["localhost", "True", "300", "False"]


#: Runs every page, and tells the addresses and names that anything in the process or in its children asked for.
WITHOUT_NETWORK = """
import socket, sys

HERE = (None, "localhost", "127.0.0.1", "::1", socket.gethostname())

def refuse(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        print("CALL", event, arguments[1], flush=True)
        raise OSError("no network here")
    if event == "socket.getaddrinfo" and arguments[0] not in HERE:
        print("CALL", event, arguments[0], flush=True)
        raise OSError("no network here")

sys.addaudithook(refuse)
"""
RUN_PAGES = """
import time
from tests.pages.entrypoint import open_app

for page in sys.argv[1:]:
    app = open_app(page, {"channels": "4,8,8,16", "num_heads": "1,2,2,4", "num_blocks": "1,1,1,1", "img_size": "64,64"})
    for _ in range(100):
        if not any(button.label == "Stop" for button in app.button):
            break
        time.sleep(0.1)
        app.run()
    assert not app.exception, page
    print("RAN", page, flush=True)
"""


def run_without_network(code: str, tmp_path: Path, *arguments: str) -> str:
    """What the code prints where every connection to another machine is refused, here and in child processes."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_NETWORK)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "HRFORMER_RESULTS_URL": f"sqlite:///{tmp_path / 'records.sqlite'}",
        "OMP_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


def test_the_refusal_itself_works(tmp_path: Path) -> None:
    code = """
import urllib.request
for address in ("http://192.0.2.1/", "http://example.org/"):
    try:
        urllib.request.urlopen(address, timeout=1)
    except OSError:
        print("refused")
"""
    printed = run_without_network(code, tmp_path)
    assert printed.count("refused") == printed.count("CALL") == 2


def test_no_page_calls_the_network(tmp_path: Path) -> None:
    printed = run_without_network(RUN_PAGES, tmp_path, *PAGES)
    assert printed.count("RAN") == len(PAGES)
    assert "CALL" not in printed


def test_measuring_calls_no_network(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "models: resnet10t\nimg_sizes: 32\n"
        "method: {min_iterations: 2, min_seconds: 0.01, max_iterations: 3, warmup_max_seconds: 0.1}\n"
    )
    code = """
import runpy

sys.argv = ["explorer", "bench", "--plan", sys.argv[1]]
runpy.run_module("explorer", run_name="__main__")
"""
    assert "CALL" not in run_without_network(code, tmp_path, str(plan))


@pytest.mark.parametrize(("engine", "package"), [("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino")])
def test_no_engine_calls_the_network(engine: str, package: str, tmp_path: Path) -> None:
    pytest.importorskip(package)
    code = """
import torch
from explorer.engines import engine_by_name

images = torch.randn(1, 3, 16, 16)
print(engine_by_name(sys.argv[1]).prepare(torch.nn.Conv2d(3, 4, 3), images)(images).shape)
"""
    printed = run_without_network(code, tmp_path, engine)
    assert "[1, 4, 14, 14]" in printed
    assert "CALL" not in printed


def test_every_promise_names_its_proof() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    named = re.findall(r"`((?:tests|explorer|hrformer|\.streamlit)/[\w./]+)`", text)
    assert len(named) >= 8
    assert [path for path in named if not (ROOT / path).exists()] == []
