"""Files read in a process of its own: what is in them comes back, and nothing that they do stays."""

import csv
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from explorer.reading import uploads
from explorer.reading.uploads import (
    ReadingServer,
    picture_from_upload,
    plan_values_from_upload,
    reading_server,
    table_from_upload,
    weights_from_file,
    weights_from_upload,
)
from hrformer import create_model, save_checkpoint
from tests.variants import tiny

SMALL = tiny()


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def tiff(strips: int) -> bytes:
    """A column of grey pixels, each in a strip of its own, all at the same place."""
    data = 8 + 2 + 12 * 9 + 4
    entries = [(256, 1, 1), (257, 1, strips), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, strips, data), (277, 1, 1)]
    entries += [(278, 1, 1), (279, strips, data + 4 * strips)]
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", tag, 4, *rest) for tag, *rest in entries)
    ends = struct.pack("<I", data) * strips + struct.pack("<I", 1) * strips
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + ends


def test_a_picture_comes_back_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    np.testing.assert_array_equal(picture_from_upload(png(Image.fromarray(pixels))).pixels, pixels)


def test_the_note_comes_with_the_picture() -> None:
    grey = Image.fromarray(np.full((4, 4), 0x4000, np.uint16))
    assert picture_from_upload(png(grey)).note == "Its 16 bits a channel were converted to 8."


def test_weights_come_back_under_our_names_and_bit_by_bit() -> None:
    state = create_model(SMALL).state_dict()
    weights = weights_from_upload(
        saved({"state_dict": {f"module.{k}": v for k, v in state.items()}}), "mine.pth"
    ).weights
    assert set(weights) == {key for key in state if not key.endswith("relative_position_index")}
    for key, value in weights.items():
        torch.testing.assert_close(value, state[key], rtol=0, atol=0)


def test_what_a_file_tells_comes_with_its_weights_and_another_set_can_be_asked_for() -> None:
    state = create_model(tiny("pose", relative_position_bias=True)).state_dict()
    average = {key: value + 1 for key, value in state.items()}
    contents = saved({"state_dict": state, "state_dict_ema": average, "epoch": 3})
    stored = weights_from_upload(contents, "mine.pth")
    assert (stored.name, stored.others, stored.skipped) == ("ema", ("raw",), ("epoch",))
    raw = weights_from_upload(contents, "mine.pth", "raw").weights
    torch.testing.assert_close(raw["conv1.weight"], state["conv1.weight"], rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"weights = 'best' is not in the file: it has ema, raw\."):
        weights_from_upload(contents, "mine.pth", "best")


def test_the_fused_projection_of_mmpose_comes_back_in_parts(tmp_path: Path) -> None:
    """Its parts share their storage."""
    model = create_model(tiny("pose", relative_position_bias=True))
    save_checkpoint(model, tmp_path / "mmpose.pth", "mmpose")
    stored = weights_from_file(tmp_path / "mmpose.pth")
    assert (stored.origin.family, stored.variant) == ("mmpose", model.config)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(stored.weights[key], value, rtol=0, atol=0)


TOLD = {"family": "authors", "evidence": "", "name": "raw", "others": [], "skipped": [], "variant": None}


@pytest.mark.parametrize("told", [{}, {"family": "theirs"}, {**TOLD, "name": 1}, {**TOLD, "variant": []}, None, []])
def test_what_a_reader_says_of_a_checkpoint_is_not_believed(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadingServer, "ask", lambda self, request: {"read": {"told": told, "places": {}}})
    with pytest.raises(ValueError, match="could not be read"):
        weights_from_upload(bytes(8), "mine.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_that_lie_in_their_file_are_not_written_again(suffix: str, tmp_path: Path) -> None:
    path, answer = tmp_path / f"mine{suffix}", tmp_path / "answer.safetensors"
    save_checkpoint(create_model(SMALL), path, "hrformer" if suffix == ".safetensors" else "authors")
    said = reading_server().ask({"kind": "checkpoint", "path": str(path), "answer": str(answer)})
    assert len(said["read"]["places"]) > 100
    assert not answer.exists()


def test_weights_that_a_file_did_not_align_come_back_too() -> None:
    """The format before torch 1.6 puts a value's eight bytes of length before it, wherever the last one ended."""
    state = {
        "odd": torch.arange(3, dtype=torch.uint8),
        "one.weight": torch.arange(5.0),
        "two.weight": torch.arange(7.0),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    weights = weights_from_upload(buffer.getvalue(), "old.pth").weights
    for key, value in state.items():
        torch.testing.assert_close(weights[key], value, rtol=0, atol=0)


def test_an_answer_that_is_nested_too_deep_costs_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(uploads, "_first_line", lambda line: b"[" * 100_000)
    monkeypatch.setattr(ReadingServer, "start", lambda self: ours)
    with ours, theirs, pytest.raises(ValueError, match="could not be read"):
        picture_from_upload(b"")


def test_tensors_that_share_their_values_come_back_both() -> None:
    tied = torch.arange(50.0)
    weights = weights_from_upload(saved({"a": tied, "b": tied, "c": torch.zeros(999)}), "tied.pth").weights
    for key in ("a", "b"):
        torch.testing.assert_close(weights[key], tied, rtol=0, atol=0)


def test_files_are_read_at_the_same_time() -> None:
    pictures = [np.full((9, 9, 3), number, np.uint8) for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(picture_from_upload, [png(Image.fromarray(picture)) for picture in pictures]))
    np.testing.assert_array_equal(np.stack([picture.pixels for picture in read]), np.stack(pictures))


@pytest.mark.parametrize("strips", [1_000_000, 2_500_000])
def test_a_tiff_of_a_million_strips_costs_a_sentence(strips: int) -> None:
    contents = tiff(strips)
    before = psutil.Process().memory_info().rss
    with pytest.raises(ValueError, match=r"too many pieces|took more than") as caught:
        picture_from_upload(contents)
    assert str(caught.value).endswith(".")
    assert psutil.Process().memory_info().rss - before < 40 * 2**20


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        weights_from_file(tmp_path / "none.pth")


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    picture_from_upload(png(Image.new("RGB", (4, 4))))
    for contents in (b"", b"PK\3\4", saved([1])):
        with pytest.raises(ValueError, match=r"checkpoint|state dict"):
            weights_from_upload(contents, "bad.pth")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_was_ended_is_started_again() -> None:
    reading_server().start()
    process = reading_server()._process
    assert process is not None
    process.kill()
    process.wait()
    assert picture_from_upload(png(Image.new("RGB", (4, 4), "red"))).pixels.tolist()[0][0] == [255, 0, 0]


def test_a_reader_that_is_lost_costs_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadingServer, "ask", lambda self, request: {})
    with pytest.raises(ValueError, match=r"^The file could not be read.*\.$"):
        picture_from_upload(b"")


@pytest.mark.parametrize(
    "shape", [[0, 1, 3], [1, 1, 4], [-1, -1, 3], [10**9, 10**9, 3], [2, 2, 3], [1, 3], ["1", 1, 3], None, [[], {}, 3]]
)
def test_what_a_reader_says_is_not_believed(shape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(self: ReadingServer, request: dict[str, str]) -> dict[str, Any]:
        Path(request["answer"]).write_bytes(bytes(3))
        return {"read": {"shape": shape, "note": ""}}

    monkeypatch.setattr(ReadingServer, "ask", lie)
    with pytest.raises(ValueError, match="could not be read"):
        picture_from_upload(b"")


@pytest.mark.skipif(not hasattr(signal, "SIGXCPU"), reason="POSIX")
def test_the_server_ends_with_its_app() -> None:
    server = ReadingServer()
    control = server.start()
    process = server._process
    assert process is not None
    control.close()
    assert process.wait(60) == 0


def test_a_reader_that_fails_in_no_foreseen_way_costs_one_sentence() -> None:
    """A place for the answer that is no text raises what no reader expects."""
    answer = reading_server().ask({"kind": "picture", "path": __file__, "answer": None})  # type: ignore[dict-item]
    assert answer["refused"].startswith("The file ended the process that read it")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_costs_one_sentence_without_a_path(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(png(Image.new("RGB", (4, 4))))
    answer = reading_server().ask({"kind": "picture", "path": str(path), "answer": "/dev/full"})
    assert answer["refused"].startswith("The file could not be kept for reading (No space left on device): ")
    assert "/" not in answer["refused"]


def test_a_full_disk_before_reading_costs_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, contents: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ValueError, match=r"^The file could not be kept .*No space left on device.*\.$"):
        picture_from_upload(b"")


def test_a_server_that_ends_while_it_is_asked_costs_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, other = socket.socketpair()
    other.close()
    monkeypatch.setattr(ReadingServer, "start", lambda self: gone)
    with gone, pytest.raises(ValueError, match="could not be read"):
        picture_from_upload(b"")


def test_readers_are_gone_when_they_have_read() -> None:
    picture_from_upload(png(Image.new("RGB", (4, 4))))
    process = reading_server()._process
    assert process is not None
    for _ in range(50):
        if not (left := psutil.Process(process.pid).children(recursive=True)):
            break
        time.sleep(0.1)
    assert left == []
    assert process.pid != os.getpid()
    assert uploads.reading_server() is reading_server()


def test_a_tables_rows_come_back_with_their_numbers() -> None:
    with table_from_upload('a;b\r\n1,5;"x;\r\ny"\r\n\r\n=é;\u2028"'.encode()) as table:
        assert (list(table.header), table.delimiter, table.count) == (["a", "b"], ";", 2)
        assert list(table) == [(2, ["1,5", "x;\r\ny"]), (4, ["=é", '\u2028"'])]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "The file is empty"),
        (b"a,b\n1\n", "Row 2 has 1 cells for 2 columns"),
        (b"," * 32 * 2**20, "The first row has more than 64 KiB"),
        (b"a\xe4\n", "not UTF-8 text"),
        # An escaped control character takes six times its place.
        (b"a\n" + b"\x01" * (4 * 2**20 - 1) + b"\n" + (b"\x01" * (4 * 2**20 - 1) + b"\n") * 3, "more than its size"),
    ],
)
def test_what_is_no_table_costs_a_sentence(contents: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=rf"{message}.*\.$"), table_from_upload(contents):
        raise AssertionError("it was taken")


def test_a_tables_rows_are_read_out_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    reading_server().start()
    monkeypatch.setattr(csv, "reader", lambda *_arguments, **_options: pytest.fail("rows were read here"))
    with table_from_upload(b"a,b\n" + b"1,2\n" * 19_999) as table:
        assert sum(1 for _ in table) == 19_999


@pytest.mark.parametrize(
    "lines", ['[1,["a"]]\n[2,["b","c"]]', '[1,["a"]]\n[2,[3]]', '[1,["a"]]\n["2",["b"]]', '[1,["a"]]\nx', "[" * 10**5]
)
def test_rows_that_no_reader_writes_are_not_believed(lines: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(self: ReadingServer, request: dict[str, str]) -> dict[str, Any]:
        Path(request["answer"]).write_text(lines)
        return {"read": {"delimiter": ",", "lines": 2}}

    monkeypatch.setattr(ReadingServer, "ask", ask)
    with pytest.raises(ValueError, match=r"^The file could not be read.*\.$"), table_from_upload(b"") as table:
        list(table)


def test_a_plans_values_come_back() -> None:
    assert plan_values_from_upload(b"models: [a, b]\nthreads: 010\nmethod: {min_time_s: 1e-1}\n") == {
        "models": ["a", "b"],
        "threads": 10,
        "method": {"min_time_s": 0.1},
    }


@pytest.mark.parametrize(
    "contents", [b"models: *a", b"a: 1\na: 2", b"[" * 100_000, b"\xff", b"? [a]\n: b", b"a: 0x" + b"f" * 9999]
)
def test_what_is_no_plan_costs_a_sentence(contents: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(The plan|It is not UTF-8).*\.$"):
        plan_values_from_upload(contents)


def test_a_reader_at_work_ends_with_the_app_that_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.png")  # to which nobody writes
    request = {"kind": "picture", "path": str(tmp_path / "never.png"), "answer": str(tmp_path / "answer")}
    code = f"from explorer.reading.uploads import reading_server; reading_server().ask({request})"
    app = psutil.Process(subprocess.Popen([sys.executable, "-c", code]).pid)
    deadline = time.monotonic() + 60
    while len(below := app.children(recursive=True)) < 3:  # server, keeper, reader
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.kill()
    app.wait()
    assert not [process for process in psutil.wait_procs(below, timeout=5)[1] if process.status() != "zombie"]
