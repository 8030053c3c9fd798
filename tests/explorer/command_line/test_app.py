"""`app` becomes the server, and says where records are kept."""

import os
import sys

import pytest

from explorer.command_line import ExitCode, app, main
from explorer.places import APP, default_store


class Became(Exception):  # noqa: N818 - it is no error
    """What the process would be from here on."""


@pytest.fixture(autouse=True)
def _no_other_program(monkeypatch):
    def become(path, command):
        raise Became(path, *command)

    monkeypatch.setattr(os, "execv", become)


def test_it_becomes_the_server_and_says_where_records_are_kept(capsys, monkeypatch):
    monkeypatch.delenv("HRFORMER_RESULTS_URL", raising=False)
    with pytest.raises(Became) as told:
        main(["app", "--port", "8600"])
    path, *command = told.value.args
    assert path == command[0] == sys.executable
    assert command[1:] == ["-m", "streamlit", "run", str(APP), "--server.port=8600"]
    assert capsys.readouterr().err == f"Records are kept in {default_store()}.\n"


def test_without_a_port_streamlit_chooses(capsys, monkeypatch):
    monkeypatch.setenv("HRFORMER_RESULTS_URL", "sqlite:////srv/records.sqlite")
    with pytest.raises(Became) as told:
        main(["app"])
    assert told.value.args[-1] == str(APP)
    assert capsys.readouterr().err == ""


def test_without_streamlit_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    assert main(["app"]) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == "streamlit is not installed: run pip install 'hrformer-explorer[app]'.\n"
