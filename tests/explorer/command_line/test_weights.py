"""`weights list` and `weights fetch`: what they say, where the file lies, and what they tell the shell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.command_line import main
from tests.file_server import NAME, FileServer, refuses, serving
from tests.published import LISTED, list_of

CONTENTS = bytes(2000)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("HRFORMER_CACHE", str(tmp_path / "cache"))
    with serving(CONTENTS) as running:
        monkeypatch.setattr("hrformer.published.TABLE", list_of(running.file, tmp_path))
        yield running


def test_the_list_asks_no_server(server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    out, err = capsys.readouterr()
    _, row = out.splitlines()[-2:]
    assert out.startswith("All: licence MIT") or "MIT" in row
    for text in (LISTED, "pose", "64x48", "COCO val2017 AP 0.500", "about ", "a_test *of* ours", server.file.url):
        assert text in row
    assert "there" not in row
    assert err == f"The cache is {tmp_path / 'cache'}.\n"
    assert server.asked == []


def test_sizes_are_asked_for(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "--sizes"]) == 0
    assert " 2 kB " in capsys.readouterr().out
    assert [method for method, _, _ in server.asked] == ["HEAD"]


def test_fetch_writes_where_the_file_lies(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["weights", "fetch", LISTED]) == 0
        assert capsys.readouterr().out == f"{tmp_path / 'cache' / NAME}\n"
    assert (tmp_path / "cache" / NAME).read_bytes() == CONTENTS
    assert len(server.asked) == 1
    assert main(["weights", "list"]) == 0
    assert " there " in capsys.readouterr().out


def test_a_server_at_fault_is_told_from_a_wrong_name(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers = [refuses(404), refuses(404)]
    assert main(["weights", "fetch", LISTED]) == 1
    assert "(404 Not Found): put a copy whose SHA-256 begins with" in capsys.readouterr().err
    assert main(["weights", "list", "--sizes"]) == 1
    assert "(404 Not Found)" in capsys.readouterr().err
    assert main(["weights", "fetch", "smal"]) == 2
    assert capsys.readouterr().err == "There are no published weights called 'smal': use small.\n"
    assert main(["weights"]) == 2
