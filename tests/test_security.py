"""What SECURITY.md promises: the server's settings, and no network call at run time."""

import http.client
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.pictures.photographs import MAX_FILE_MIB
from explorer.ui.own_weights import MAX_CHECKPOINT_MIB
from tests.browser.serving import running_server, status_of_a_session

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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("server") / "records.sqlite"
    with running_server({"HRFORMER_RESULTS_URL": f"sqlite:///{store}"}) as (address, _):
        yield address.removeprefix("http://")


def answer(server: str, method: str, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_a_browser_on_this_machine_gets_a_session(name: str, server: str) -> None:
    host = f"{name}:{server.partition(':')[2]}"
    assert status_of_a_session(server, host, f"http://{host}") == 101


@pytest.mark.parametrize(
    "name", ["rebound.example", "localhost.rebound.example", "127.0.0.1.rebound.example", "0.0.0.0"]
)
def test_another_name_that_points_here_gets_no_session(name: str, server: str) -> None:
    """DNS rebinding: the page and the request have one foreign name, so that origin and host are equal."""
    host = f"{name}:{server.partition(':')[2]}"
    assert status_of_a_session(server, host, f"http://{host}") == 403
    assert status_of_a_session(server, host, None) == 403


def test_behind_a_proxy_its_name_is_let_in_and_no_other(tmp_path: Path) -> None:
    environment = {"HRFORMER_RESULTS_URL": f"sqlite:///{tmp_path / 'r.sqlite'}"}
    with running_server({**environment, "STREAMLIT_SERVER_ALLOWED_HOSTS": "app.example.org"}) as (address, _):
        server = address.removeprefix("http://")
        assert status_of_a_session(server, "app.example.org", "https://app.example.org") == 101
        assert status_of_a_session(server, "rebound.example", "https://rebound.example") == 403


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "http://localhost.elsewhere.example", "null"])
def test_a_page_of_another_site_gets_no_session(origin: str, server: str) -> None:
    assert status_of_a_session(server, server, origin) == 403


def test_a_file_without_the_browsers_token_is_refused(server: str) -> None:
    status, _ = answer(server, "PUT", "/_stcore/upload_file/session/file", **{"Content-Length": "0"})
    assert status == 403


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one address of their own only")
def test_no_other_address_of_the_machine_is_listened_on(server: str) -> None:
    port = int(server.partition(":")[2])
    socket.create_connection(("127.0.0.1", port), timeout=20).close()
    with pytest.raises(ConnectionRefusedError):  # a server that listens on all addresses answers on this one, too
        socket.create_connection(("127.0.0.2", port), timeout=20)


def test_the_servers_metrics_tell_counts_and_nothing_of_users_or_files(server: str) -> None:
    status, text = answer(server, "GET", "/_stcore/metrics")
    assert status == 200
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[a-z_]+(\{[^}]*\})? [0-9.e+-]+", line) for line in lines)
    assert not any(word in text for word in (str(ROOT), str(Path.home()), "sqlite", socket.gethostname()))


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
from tests.pages.entrypoint import SMALL, open_app

for page in sys.argv[1:]:
    app = open_app(page, SMALL | {"published_weights": "hrformer_small_coco_256x192"})
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
from explorer.engines.registry import engine_by_name

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
