"""The wheel holds all that the explorer needs: installed elsewhere it runs from any folder, and reads nothing of here.

The environment is fresh; of the one of the tests it is lent the libraries, so that nothing is fetched. What the
`Dockerfile` says is run as far as it can be without a container.
"""

import csv
import email
import json
import os
import re
import shlex
import site
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.browser.serving import free_port, status_of_a_session
from tests.recipes import RECIPES, sections

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
#: What "app" brings, by the names under which it is imported.
OF_THE_APP = (
    *("PIL", "captum", "mlxtend", "numpy", "pandas", "platformdirs", "plotly", "psutil", "pynvml", "safetensors"),
    *("scipy", "skimage", "sqlalchemy", "streamlit", "timm", "torchinfo", "torchvision", "tqdm", "yaml"),
)
#: Every process of the environment notes what it opens of this checkout, but for the libraries that it is lent.
WATCH = f"""
import os, sys

def note(event, arguments):
    if event not in ("open", "sqlite3.connect", "os.listdir", "os.scandir") or not isinstance(arguments[0], str):
        return
    path = arguments[0]
    if path.startswith({str(ROOT)!r}) and not path.startswith({sys.prefix!r}):
        log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, path.encode() + b"\\n")
        os.close(log)

sys.addaudithook(note)
"""
#: The installed program, several times in one process, which imports torch once; what each command says on stderr.
RUN_COMMANDS = """
import contextlib, io, json, sys
from explorer.__main__ import run_installed

told = []
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = run_installed()
    told.append(said.getvalue())
    assert code == 0, (command, told)
print(json.dumps(told))
"""
OPEN_PAGES = """
from streamlit.testing.v1 import AppTest
from explorer.places import APP

app = AppTest.from_file(str(APP), default_timeout=120).run()
for page in (None, "pages/explore/feature_maps.py", "pages/measure/comparison.py"):
    app = app if page is None else app.switch_page(page).run()
    assert not app.exception, page
    print("SHOWN", page)
"""


def dockers(instruction: str) -> list[str]:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return [line.removeprefix(instruction).strip() for line in lines if line.startswith(f"{instruction} ")]


class Environment(NamedTuple):
    """A folder with an environment, and one in which its programs run."""

    folder: Path
    current: Path

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    @property
    def variables(self) -> dict[str, str]:
        own = {"HOME": str(self.current), "XDG_DATA_HOME": str(self.current / "data"), "OPENED": str(self.log)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HRFORMER_RES"))}
        return {**kept, **own, "OMP_NUM_THREADS": "1"}

    @property
    def log(self) -> Path:
        return self.folder / "opened"

    @property
    def opened(self) -> list[str]:
        """What was opened of this checkout."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.program(name), *arguments]
        return subprocess.run(
            command, cwd=self.current, env=self.variables, capture_output=True, text=True, check=False, timeout=300
        )

    def printed(self, name: str, *arguments: str) -> str:
        """What a program prints that succeeds and opens nothing of this checkout."""
        result = self.run(name, *arguments)
        assert result.returncode == 0, f"{arguments}: {result.stdout[-1000:]}{result.stderr[-2000:]}"
        assert self.opened == []
        return result.stdout


def fresh(folder: Path, wheel: Path) -> Environment:
    """An environment with the wheel alone."""
    environment = Environment(folder / "environment", folder / "away")
    environment.current.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment.folder)], check=True)
    install = ["--python", environment.program("python"), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*PIP, *install], check=True, env=environment.variables)
    return environment


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the command of the Dockerfile, with the builder that is installed here."""
    folder = tmp_path_factory.mktemp("wheels")
    (command,) = (line for line in dockers("RUN") if line.startswith("pip wheel"))
    places = {"/wheels": str(folder), "/source": str(ROOT)}
    options = [places.get(word, word) for word in shlex.split(command)[1:]]
    subprocess.run([*PIP, *options, "--quiet", "--no-build-isolation", "--no-index"], check=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return fresh(tmp_path_factory.mktemp("alone"), wheel)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the libraries of the tests, but without what their environment runs at its start: it finds this checkout."""
    environment = fresh(tmp_path_factory.mktemp("installed"), wheel)
    (packages,) = environment.folder.glob("lib/python*/site-packages")
    (packages / "watch_checkout.py").write_text(WATCH)
    (packages / "lent.pth").write_text("\n".join(["import watch_checkout", *site.getsitepackages()]))
    return environment


def files_in(*folders: str) -> set[str]:
    """Their files, as paths within the checkout."""
    paths = {path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()}
    return {str(path.relative_to(ROOT)) for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_holds_all_that_ships(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = files_in("explorer", "hrformer")
    beside = {"streamlit_app.py", ".streamlit/config.toml", "docs/icon.png", "docs/logo.svg"}
    beside |= files_in("pages", "results/published", "results/reference")
    described = {name for name in names if ".dist-info/" in name}
    assert names - described == packages | {f"explorer/shipped/{name}" for name in beside}


def test_the_model_needs_torch_alone(wheel: Path, installed: Environment) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    needed = email.message_from_bytes(archive.read(metadata)).get_all("Requires-Dist") or []
    assert [re.split(r"\W", text)[0] for text in needed if "extra ==" not in text] == ["torch"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({OF_THE_APP}))\n"
        "import torch; from hrformer import create_model, preset, published_weights\n"
        "assert 'hrformer_small_coco_256x192' in published_weights()\n"
        "model = create_model(preset('tiny', img_size=(64, 64))).eval()\n"
        "print(model(torch.zeros(1, 3, 64, 64)).shape)\n"
        "import json\n"
        "for recipe in json.loads(sys.argv[1]):\n"
        "    exec(recipe, {})\n"
        "    print('RAN')\n"
    )
    recipes = recipes_for_torch_alone()
    printed = installed.printed("python", "-c", code, json.dumps(recipes))
    assert "[1, 1000]" in printed
    assert printed.count("RAN") == len(recipes) > 4


def recipes_for_torch_alone() -> list[str]:
    """The blocks of docs/library.md that are said to need no more."""
    assert (
        "`pip install .` is enough for the first four, but for the block that names torchvision;" in RECIPES.read_text()
    )
    first_four = list(sections().values())[:4]
    return [block for blocks in first_four for block in blocks if "torchvision" not in block]


def test_without_the_extra_the_command_says_what_to_install(alone: Environment) -> None:
    for arguments in ((), ("list",), ("bench", "--quick")):
        result = alone.run("hrformer-explorer", *arguments)
        assert result.returncode == 2
        assert re.fullmatch(r"\w+ is not installed: run pip install 'hrformer-explorer\[app\]'.\n", result.stderr)


def test_what_is_said_to_be_installed_can_be_as_it_is_printed(installed: Environment) -> None:
    """All is there already, so that pip would fetch nothing; it warns of an extra that there is none of."""
    sources = [path.read_text() for path in (ROOT / "explorer").rglob("*.py")]
    printed = sorted({command for text in sources for command in re.findall(r"pip install '[^']+'", text)})
    assert printed == [f"pip install 'hrformer-explorer[{extra}]'" for extra in ("app", "engines", "postgres", "ray")]
    wanted = [shlex.split(command)[2] for command in printed]
    command = [*PIP, "--python", installed.program("python"), "install", "--dry-run", "--no-index", *wanted]
    result = subprocess.run(command, env=installed.variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "does not provide" not in result.stderr
    assert "Would install" not in result.stdout


def test_files_of_the_checkout_would_be_noted(installed: Environment) -> None:
    installed.run("python", "-c", f"open({str(ROOT / 'README.md')!r})")
    assert installed.opened == [str(ROOT / "README.md")]
    installed.log.unlink()


def verdicts(claims: Path) -> list[tuple[str, str]]:
    with claims.open(newline="") as file:
        return [(row["key"], row["verdict"]) for row in csv.DictReader(file)]


def test_commands_run_in_any_folder_and_keep_records_in_the_users_data_folder(installed: Environment) -> None:
    store = installed.current / "data" / "hrformer-explorer" / "benchmarks.sqlite"
    tiny = "--models test_resnet --img-size 32 --threads 1 --min-iterations 3 --min-seconds 0.01 --max-seconds 1"
    commands = (
        f"bench {tiny} --warmup-max-seconds 0.1",
        "export mine.csv",
        "claims --csv claims.csv",
        "onnx small.onnx --model test_resnet --img-size 32",
    )
    asked = json.dumps([command.split() for command in commands])
    bench, *_, onnx = json.loads(installed.printed("python", "-P", "-c", RUN_COMMANDS, asked))
    assert bench.startswith(f"Records are kept in {store}.\n")
    assert store.exists()
    installed.printed("python", "-m", "explorer", "list")
    assert (installed.current / "mine.csv").exists()
    assert verdicts(installed.current / "claims.csv") == verdicts(ROOT / "results" / "reference" / "claims.csv")
    assert "Wrote small.onnx" in onnx


def test_pages_show_what_ships(installed: Environment) -> None:
    assert installed.printed("python", "-P", "-c", OPEN_PAGES).count("SHOWN") == 3


@contextmanager
def container(environment: Environment, port: int) -> Iterator[None]:
    """What the image runs, with its variables; its folder lies in the environment's."""
    told = dict(pair.split("=", 1) for line in dockers("ENV") for pair in shlex.split(line))
    told["HRFORMER_RESULTS_URL"] = told["HRFORMER_RESULTS_URL"].replace("////results", f"///{environment.current}")
    (start,) = dockers("CMD")
    name, *arguments = json.loads(start)
    with (environment.current / "server.log").open("w") as log:
        process = subprocess.Popen(
            [environment.program(name), *arguments],
            cwd=environment.current,
            env={**environment.variables, **told, "STREAMLIT_SERVER_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_the_image_would_start_the_app_healthy_and_with_its_settings(installed: Environment) -> None:
    port = free_port()
    (check,) = (json.loads(line[line.index("[") :]) for line in dockers("HEALTHCHECK"))
    name, *arguments = [word.replace("8501", str(port)) for word in check]
    with container(installed, port):
        for _ in range(150):
            if installed.run(name, *arguments).returncode == 0:
                break
            time.sleep(0.2)
        else:
            pytest.fail((installed.current / "server.log").read_text())
        server = f"localhost:{port}"
        assert status_of_a_session(server, server, f"http://{server}") == 101
        assert status_of_a_session(server, "rebound.example", None) == 403  # as .streamlit/config.toml says
    assert installed.opened == []
