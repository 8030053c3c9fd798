"""Downloads from a server that is cut off, wrong, slow or not there, into caches that are full, closed or shared."""

import errno
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import platformdirs.macos
import platformdirs.unix
import pytest

from hrformer import download
from hrformer.download import Download, DownloadError, RemoteFile, cache_folder
from tests.file_server import (
    NAME,
    PIECE,
    FileServer,
    babbles,
    chunked,
    chunked_cut,
    claims,
    cut_after,
    gated_after,
    refuses,
    sends,
    serving,
    silent,
    whole,
    without_ranges,
    wrong_range,
)

ROOT = Path(__file__).parents[2]
CONTENTS = bytes(range(256)) * 40  # 10,240 bytes


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENTS) as running:
        yield running


def refused(server: FileServer, folder: Path) -> str:
    """The sentence of a download that fails; no file may be there under the published name."""
    with pytest.raises(DownloadError) as caught:
        Download(server.file, folder).run()
    assert not (folder / NAME).exists()
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert ". " not in sentence
    return sentence


def part(folder: Path) -> Path:
    return folder / f"{NAME}.part"


def test_a_file_is_fetched_once_with_its_progress(server: FileServer, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "a" / "b"
    path = Download(server.file, folder, lambda done, total: told.append((done, total))).run()
    assert path == folder / NAME
    assert path.read_bytes() == CONTENTS
    assert told[-1] == (len(CONTENTS), len(CONTENTS))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert not part(folder).exists()
    assert Download(server.file, folder).run() == path
    assert server.asked == [("GET", f"/folder/{NAME}", None)]


def test_a_file_put_there_by_hand_counts_by_its_hash(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENTS)
    assert Download(server.file, tmp_path).run() == tmp_path / NAME
    assert server.asked == []
    (tmp_path / NAME).write_bytes(CONTENTS[:-1] + b"x")
    assert not server.file.is_at(tmp_path / NAME)
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS


@pytest.mark.parametrize("cut", [cut_after(3 * PIECE), chunked_cut], ids=["told length", "chunked"])
def test_a_cut_off_download_says_so_and_goes_on_from_there(cut, server: FileServer, tmp_path: Path) -> None:
    server.answers = [cut]
    sentence = refused(server, tmp_path)
    assert "try again, which goes on from there, or fetch http://" in sentence
    kept = part(tmp_path).read_bytes()
    assert CONTENTS.startswith(kept)
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS
    assert server.ranges == [None, f"bytes={len(kept)}-" if kept else None]


def test_the_sentence_on_a_cut_names_how_far_it_came(server: FileServer, tmp_path: Path) -> None:
    server.contents = CONTENTS * 50
    server.answers = [cut_after(300_000)]
    assert refused(server, tmp_path).startswith("The connection ended after 0.3 MB of 0.5 MB: try again")


@pytest.mark.parametrize("answer", [without_ranges, wrong_range, refuses(416)])
def test_where_a_server_sends_no_parts_all_is_fetched_anew(answer, server: FileServer, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(CONTENTS[:777])
    server.answers = [answer]
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS
    assert server.ranges[0] == "bytes=777-"


def test_a_whole_part_needs_no_server(server: FileServer, tmp_path: Path) -> None:
    """As after a program that was killed between the last byte and giving the file its name."""
    part(tmp_path).write_bytes(CONTENTS)
    assert Download(server.file, tmp_path).run() == tmp_path / NAME
    assert server.asked == []


def test_a_part_that_is_longer_than_the_file_is_given_up(server: FileServer, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(CONTENTS + b"more")
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS
    assert server.ranges == [f"bytes={len(CONTENTS) + 4}-", None]


def test_a_part_of_another_file_costs_one_failure_and_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(b"other" * 100)
    assert "another file" in refused(server, tmp_path)
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS


def test_a_file_of_another_hash_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    server.answers = [sends(b"not it")]
    found = hashlib.sha256(b"not it").hexdigest()[:8]
    sentence = refused(server, tmp_path)
    assert f"sent another file than the published one (its SHA-256 begins with {found}, not " in sentence
    assert f"fetch {server.file.url} by hand and put it into {tmp_path}." in sentence
    assert not part(tmp_path).exists()


@pytest.mark.parametrize("told", [len(CONTENTS) - 1, len(CONTENTS) + 1, "many", -5])
def test_a_wrong_length_yields_the_file_or_a_sentence_never_another_file(
    told, server: FileServer, tmp_path: Path
) -> None:
    server.answers = [claims(told)]
    try:
        Download(server.file, tmp_path).run()
    except DownloadError:
        assert not (tmp_path / NAME).exists()
        Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS


def test_a_server_that_does_not_tell_the_length_is_taken_at_its_end(server: FileServer, tmp_path: Path) -> None:
    server.answers = [chunked]
    told: list[tuple[int, int]] = []
    Download(server.file, tmp_path, lambda done, total: told.append((done, total))).run()
    assert told[-1] == (len(CONTENTS), 0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refuses(404), f"does not have {NAME} any more (404 Not Found): put a copy whose SHA-256 begins with "),
        (refuses(410), "any more (410 Gone)"),
        (refuses(403), f"does not send {NAME} now (403 Forbidden): try again, or fetch"),
        (refuses(503), "now (503 Service Unavailable)"),
        (refuses(599), "now (599 unknown)"),
        (babbles, "could not be reached (SSH-2.0-OpenSSH_9.9)"),
    ],
)
def test_what_a_server_refuses_is_said(answer, words: str, server: FileServer, tmp_path: Path) -> None:
    server.answers = [answer]
    sentence = refused(server, tmp_path)
    assert sentence.startswith(server.host)
    assert words in sentence


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://example.org/x", "http://localhost:{port}/x", "//x/y"]
)
def test_a_redirect_to_another_place_is_not_followed(location: str, server: FileServer, tmp_path: Path) -> None:
    """`localhost` is this very server under another name."""
    there = location.format(port=server.server_address[1])
    server.answers = [refuses(302, Location=there)]
    assert f"sends on to '{there}', which is not followed: try again" in refused(server, tmp_path)
    assert len(server.asked) == 1


def test_a_redirect_within_the_server_is_followed_and_one_in_a_circle_is_not(
    server: FileServer, tmp_path: Path
) -> None:
    server.answers = [refuses(301, Location="/moved")] * 20
    assert "sends on to '/moved'" in refused(server, tmp_path)
    server.answers = [refuses(308, Location="/moved")]
    part(tmp_path).write_bytes(CONTENTS[:500])
    Download(server.file, tmp_path).run()
    assert server.asked[-1] == ("GET", "/moved", "bytes=500-")


@pytest.mark.parametrize("answer", [silent, gated_after(PIECE)], ids=["at once", "in the middle"])
def test_a_silent_server_is_given_up(
    answer, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    server.answers = [answer]
    sentence = refused(server, tmp_path)
    assert "sent nothing for 0.2 s" in sentence or "could not be reached (timed out)" in sentence
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/folder/x.pth", "http://nowhere.invalid/folder/x.pth"])
def test_without_a_server_it_is_said_what_to_fetch_by_hand_and_where_to_put_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="could not be reached") as caught:
        Download(RemoteFile(address, "00"), tmp_path).run()
    assert str(caught.value).endswith(f"or fetch {address} by hand and put it into {tmp_path}.")
    assert str(tmp_path) not in caught.value.reason


def test_stop_keeps_the_part_and_the_next_call_goes_on(server: FileServer, tmp_path: Path) -> None:
    server.answers = [gated_after(PIECE)]
    seen: list[int] = []
    stopped = Download(server.file, tmp_path, lambda done, _: seen.append(done), lambda: bool(seen))
    assert stopped.run() is None
    assert part(tmp_path).read_bytes() == CONTENTS[: seen[-1]]
    assert not (tmp_path / NAME).exists()
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS
    assert server.ranges == [None, f"bytes={seen[-1]}-"]


def test_who_has_stopped_asks_no_server(server: FileServer, tmp_path: Path) -> None:
    assert Download(server.file, tmp_path, should_stop=lambda: True).run() is None
    assert server.asked == []


def fetching_program(server: FileServer, folder: Path) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from hrformer.download import Download, RemoteFile\n"
        "print(Download(RemoteFile(*sys.argv[1:3]), Path(sys.argv[3])).run())"
    )
    command = [sys.executable, "-c", code, server.file.url, server.file.sha256_prefix, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_two_programs_one_fetches_and_the_other_waits_for_it(server: FileServer, tmp_path: Path) -> None:
    server.answers = [gated_after(PIECE)]
    begun, waits = Event(), Event()

    def fetch() -> None:
        Download(server.file, tmp_path, lambda done, _: begun.set()).run()

    def wait() -> None:
        Download(server.file, tmp_path, lambda done, total: waits.set()).run()

    threads = [Thread(target=fetch), Thread(target=wait)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    assert waits.wait(20)  # it tells how far the other one is
    other = fetching_program(server, tmp_path)
    server.gate.set()
    for thread in threads:
        thread.join(20)
    assert other.communicate(timeout=60)[0].strip() == str(tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == CONTENTS
    assert len(server.asked) == 1


def test_who_waits_can_stop(server: FileServer, tmp_path: Path) -> None:
    server.answers = [gated_after(PIECE)]
    begun, told = Event(), Event()
    first = Thread(target=Download(server.file, tmp_path, lambda done, _: begun.set()).run)
    first.start()
    assert begun.wait(20)
    second = Download(server.file, tmp_path, lambda done, total: told.set(), told.is_set)
    assert second.run() is None
    server.gate.set()
    first.join(20)
    assert (tmp_path / NAME).read_bytes() == CONTENTS


def test_a_killed_program_leaves_its_part_and_no_lock(server: FileServer, tmp_path: Path) -> None:
    server.answers = [gated_after(len(CONTENTS) - 1)]
    program = fetching_program(server, tmp_path)
    while program.poll() is None and not (part(tmp_path).exists() and part(tmp_path).stat().st_size):
        Event().wait(0.02)
    program.kill()
    program.communicate(timeout=20)
    kept = part(tmp_path).stat().st_size
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).read_bytes() == CONTENTS
    assert server.ranges == [None, f"bytes={kept}-"]


def test_what_does_not_fit_on_the_disk_is_refused_before_it_fills_it(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=len(CONTENTS) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    sentence = refused(server, tmp_path)
    assert sentence.startswith("The 0.0 MB that are to come do not fit into the 0.0 MB that are free: make room in ")
    assert "or name another folder in HRFORMER_CACHE." in sentence
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=len(CONTENTS)))
    Download(server.file, tmp_path).run()


def test_a_disk_that_fills_meanwhile_is_given_back_what_was_written(server: FileServer, tmp_path: Path) -> None:
    """A file may grow to 4 KiB here: the system refuses more, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    server.contents = CONTENTS * 100
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        sentence = refused(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sentence.startswith(f"{NAME} could not be kept ({os.strerror(errno.EFBIG)}): make room in {tmp_path} and ")
    assert not part(tmp_path).exists()
    Download(server.file, tmp_path).run()
    assert (tmp_path / NAME).stat().st_size == 100 * len(CONTENTS)


def test_a_cache_that_is_no_folder_is_said(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=r"could not be kept .*: make room in .*, or name another"):
        Download(server.file, tmp_path / "file").run()
    assert server.asked == []


def test_more_than_weights_can_be_is_refused(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", len(CONTENTS) - 1)
    for answer in (whole, chunked):
        server.answers = [answer]
        assert "which no published file has: try again" in refused(server, tmp_path)
        assert not part(tmp_path).exists()


def test_the_size_is_asked_of_the_server(server: FileServer, tmp_path: Path) -> None:
    server.answers = [whole, refuses(200, Content_Length="")]
    wanted = Download(server.file, tmp_path)
    assert wanted.size() == len(CONTENTS)
    assert [method for method, _, _ in server.asked] == ["HEAD"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "directories"), [("linux", platformdirs.unix.Unix), ("darwin", platformdirs.macos.MacOS)]
)
@pytest.mark.parametrize("xdg", ["", "/elsewhere/cache"])
def test_the_cache_is_where_platformdirs_has_it(
    platform: str, directories, xdg: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HRFORMER_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    if platform == "darwin" and xdg:
        pytest.skip("macOS knows no such variable, which newer versions of platformdirs read there")
    assert cache_folder() == directories("hrformer", appauthor=False).user_cache_path


def test_a_variable_names_another_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"
