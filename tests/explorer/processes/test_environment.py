"""The environment of a record."""

import json
import os
import platform
import subprocess
from pathlib import Path

import torch

from explorer.processes import environment
from explorer.processes.environment import describe_environment, git_state


def test_it_is_json_and_the_same_twice():
    first = describe_environment()
    assert json.loads(json.dumps(first)) == first
    assert describe_environment() == first


def test_it_says_what_ran():
    described = describe_environment()
    assert described["python"] == platform.python_version()
    assert torch.__version__.startswith(described["packages"]["torch"])
    assert described["cpu"]["logical_cores"] == os.cpu_count()
    assert described["ram_mib"] > 256


def test_threads_and_flags_are_those_of_now():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert describe_environment()["threads"]["intra_op"] == 1
    finally:
        torch.set_num_threads(threads)


def test_variables_that_change_the_speed_are_kept_and_others_are_not(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert describe_environment()["variables"]["OMP_NUM_THREADS"] == "3"
    assert "SECRET_TOKEN" not in json.dumps(describe_environment())


def git(folder, *arguments):
    names = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    return subprocess.run(["git", "-C", folder, *names, *arguments], check=True, capture_output=True, text=True).stdout


def test_the_commit_and_changes_of_a_checkout_are_told(tmp_path):
    package = tmp_path / "explorer" / "benchmark"
    package.mkdir(parents=True)
    source = package / "environment.py"
    source.write_text("first")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert git_state(tmp_path) == {"commit": commit, "changed": False}
    source.write_text("second")
    assert git_state(tmp_path) == {"commit": commit, "changed": True}


def test_an_installed_package_has_no_commit(tmp_path):
    assert git_state(tmp_path) is None


def test_missing_files_and_commands_are_none(monkeypatch):
    monkeypatch.setattr(environment, "_read_lines", lambda path: [])
    monkeypatch.setattr(environment.subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError()))
    monkeypatch.setattr(Path, "exists", lambda self: True)
    described = describe_environment()
    assert described["driver"] is None
    assert described["git"] is None
