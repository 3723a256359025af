"""The poller hears at once what other commands leave for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.adapters.files.doorbell import hearing

LIMIT = 10.0


@contextmanager
def listening(*directories: Path) -> Iterator[threading.Event]:
    rung = threading.Event()
    with hearing(*directories, ring=rung.set, every=0.01):
        yield rung


def test_a_new_file_rings_even_where_there_was_no_directory(tmp_path: Path) -> None:
    outbox, wishes = tmp_path / "outbox", tmp_path / "wishes"
    with listening(outbox, wishes) as rung:
        for path in (outbox / "a.json", outbox / "b.json", wishes / "c.stop"):
            write_atomic(path, "{}")
            assert rung.wait(LIMIT), path
            rung.clear()


def test_what_is_replaced_or_removed_does_not_ring(tmp_path: Path) -> None:
    quiet, other = tmp_path / "quiet", tmp_path / "other"
    write_atomic(quiet / "a.json", "{}")
    write_atomic(quiet / "b.json", "{}")
    rings: list[str] = []
    heard = threading.Event()

    def ring() -> None:
        rings.append("ring")
        heard.set()

    with hearing(quiet, other, ring=ring, every=0.01):
        write_atomic(quiet / "a.json", "new")
        (quiet / "b.json").unlink()
        # Looked at after the first directory, so what happened there was seen when this one is heard.
        write_atomic(other / "c.json", "{}")
        assert heard.wait(LIMIT)
    assert rings == ["ring"]


def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    with listening(tmp_path):
        assert any(thread.name == "doorbell" for thread in threading.enumerate())
    assert not any(thread.name == "doorbell" for thread in threading.enumerate())
