"""The time of a file that may be gone at any moment."""

import os
from pathlib import Path
from threading import Thread

from explorer.file_times import modified_ns


def test_the_time_of_a_file_and_of_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert modified_ns(file) == 0
    file.touch()
    os.utime(file, ns=(1, 1_700_000_000_123_456_789))
    assert modified_ns(file) == 1_700_000_000_123_456_789


def test_a_file_may_go_while_it_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite-wal"

    def come_and_go() -> None:
        for _ in range(3000):
            file.touch()
            file.unlink()

    going = Thread(target=come_and_go)
    going.start()
    seen = set()
    while going.is_alive():
        seen.add(modified_ns(file) > 0)
    going.join()
    assert seen == {False, True}
