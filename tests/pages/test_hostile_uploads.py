"""Broken and hostile files through the pages: one clear sentence, and the page goes on."""

import io
import pickle
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from hrformer import create_model
from tests.pages.entrypoint import SMALL, open_app
from tests.variants import tiny


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def upload(page: str, key: str, name: str, contents: bytes) -> AppTest:
    app = open_app(f"pages/{page}.py", SMALL)
    app.file_uploader(key=key).upload(name, contents, "application/octet-stream").run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("page", "key", "name", "contents", "words"),
    [
        ("explore/feature_maps", "picture_file", "cut.png", b"\x89PNG\r\n\x1a\n\x00", "cut.png was not taken. "),
        ("explore/feature_maps", "picture_file", "page.png", b"<html>", "This file is no picture that can be read"),
        ("explore/feature_maps", "checkpoint_file", "cut.pth", b"PK\x03\x04", "cut.pth is not a readable checkpoint"),
        ("explore/feature_maps", "checkpoint_file", "a/../.pth", b"", "is not a "),
        ("explore/feature_maps", "checkpoint_file", "x" * 300 + ".pth", b"\x80", "is not a readable checkpoint"),
        (
            "explore/feature_maps",
            "checkpoint_file",
            "w.safetensors",
            b"\xff" * 99,
            "is not a readable .safetensors file",
        ),
        ("explore/architecture", "variant_json", "v.json", b"[" * 10**5, "v.json was not loaded. This file is no JSON"),
        ("explore/architecture", "variant_json", "v.json", b'{"task": "x"}', "v.json was not loaded. Missing key"),
        ("measure/benchmark", "bench_plan_file", "p.yaml", b"models: &a [*a]", "references and tags have no place"),
        ("measure/benchmark", "bench_plan_file", "p.yaml", b"[" * 10**4, "p.yaml was not taken. The plan"),
        ("measure/benchmark", "bench_plan_file", "p.yaml", b"\xff\xfe", "It is not UTF-8 text"),
    ],
)
def test_a_broken_upload_is_refused_in_one_sentence(
    page: str, key: str, name: str, contents: bytes, words: str
) -> None:
    app = upload(page, key, name, contents)
    (error,) = [error.value for error in app.error if words in error.value]
    assert "\n" not in error
    assert "/tmp" not in error
    assert app.get("plotly_chart") or page.startswith("measure")  # what was shown before is still there


def test_a_checkpoint_that_would_run_code_does_not(tmp_path: Path) -> None:
    target = tmp_path / "executed"
    app = upload("explore/feature_maps", "checkpoint_file", "evil.pth", pickle.dumps({"weights": Payload(target)}))
    assert "evil.pth" in app.error[0].value
    assert not target.exists()


@pytest.mark.parametrize("name", ["epoch7.pth.tar", "EPOCH7.PTH", "epoch7.ckpt"])
def test_a_trainings_checkpoint_is_taken(name: str, tmp_path: Path) -> None:
    weights = create_model(tiny()).state_dict()
    contents = io.BytesIO()
    torch.save({"state_dict": weights, "args": Namespace(lr=0.1), "hook": Payload(tmp_path / "executed")}, contents)
    app = upload("explore/feature_maps", "checkpoint_file", name, contents.getvalue())
    assert [error.value for error in app.error] == []
    assert app.session_state["uploaded_model"].name == name
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"in_chans": 6}, "in_chans = 6 is outside 1 to 4"),
        ({"num_classes": 0}, "num_classes = 0 is outside 1 to"),
    ],
)
def test_weights_that_the_library_loads_and_no_page_shows_are_refused(fields: dict[str, int], words: str) -> None:
    contents = io.BytesIO()
    torch.save(create_model(tiny(**fields)).state_dict(), contents)
    app = upload("explore/feature_maps", "checkpoint_file", "mine.pth", contents.getvalue())
    assert any(error.value.startswith("mine.pth was not taken. ") and words in error.value for error in app.error)
    assert "uploaded_model" not in app.session_state


def test_a_broken_export_of_records_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    app = upload("measure/comparison", "import_csv", "r.csv", b"a,b\n1,2\n")
    assert "r.csv was not imported. The columns are not those of an export" in app.error[0].value


@pytest.mark.usefixtures("work_runs_on")
@pytest.mark.parametrize("page", ["feature_maps", "receptive_field", "attention_windows"])
def test_a_link_to_a_variant_of_thousands_of_blocks_is_answered(page: str) -> None:
    deep = dict.fromkeys(("num_modules", "num_blocks"), "64,64,64,64") | dict.fromkeys(
        ("channels", "num_heads"), "1,1,1,1"
    )
    app = open_app(f"pages/explore/{page}.py", deep)
    assert "36,864 blocks" in " ".join(error.value for error in app.error)
    for button in app.button:
        if button.label == "Stop":
            button.click().run()


PICTURE_ELSEWHERE = "![x](https://example.org/x.png)"


def test_a_link_makes_no_browser_load_a_picture_from_elsewhere() -> None:
    app = open_app(query={"channels": PICTURE_ELSEWHERE})
    assert any("example.org" in info.value for info in app.info)
    assert not any("![" in info.value for info in app.info)


def test_every_table_shows_texts_as_they_are_written() -> None:
    """`st.table` takes Markdown: `show_table` of the panels is the only one that calls it."""
    root = Path(__file__).parents[2]
    sources = [path for folder in ("explorer", "pages") for path in (root / folder).rglob("*.py")]
    found = {str(path.relative_to(root)) for path in sources if "st.table(" in path.read_text(encoding="utf-8")}
    assert found == {"explorer/ui/panels.py"}


def test_a_file_makes_no_browser_load_a_picture_from_elsewhere() -> None:
    app = upload("explore/architecture", "variant_json", "v.json", f'{{"{PICTURE_ELSEWHERE}": 1}}'.encode())
    (error,) = [error.value for error in app.error]
    assert "example.org" in error
    assert "![" not in error
