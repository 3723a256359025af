"""A directory of JSON files, one for each thing that is kept, so that any number of commands may work on it at once."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar
from uuid import UUID

from cdock.adapters.files.atomic import sync_directory, write_atomic
from cdock.core.errors import Unavailable

T = TypeVar("T")
LIMIT = 8_000_000
"""Bytes of a file that are read: the longest conversation by far has fewer."""
log = logging.getLogger("cdock")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How things of one kind are kept. `every` and `one` are what people call them: `the outbox`, `an entry of it`.

    `load` may raise `ValueError`, which names what is wrong with a file. `name` is what it calls the id of a thing.
    """

    every: str
    one: str
    name: str
    id_of: Callable[[T], UUID]
    dump: Callable[[T], str]
    load: Callable[[bytes], T]
    ordered: Callable[[Iterable[T]], tuple[T, ...]]


class Folder(Generic[T]):
    """The things of one directory. A file that cannot be understood is left alone, whatever happens to the others."""

    def __init__(self, root: Path, form: Form[T]) -> None:
        self._root = root
        self._form = form
        self._told: set[str] = set()
        self._read: dict[Path, tuple[tuple[int, ...], T]] = {}

    def path(self, id_: UUID) -> Path:
        """The file of a thing."""
        return self._root / f"{id_}.json"

    def list(self) -> tuple[T, ...]:
        """All that are kept, oldest first. A damaged file is named once in the log."""
        found, damaged = self.read()
        for name, why in damaged.items():
            if name not in self._told:
                self._told.add(name)
                log.warning(
                    f"{self._form.one} cannot be read and is left alone",
                    extra={"error": f"{self._root / name}: {why}", "fix": "mend the file, or remove it"},
                )
        return found

    def read(self) -> tuple[tuple[T, ...], Mapping[str, str]]:
        """All that are kept, oldest first, and the names of damaged files with what is wrong with each.

        Raises:
            Unavailable: the directory cannot be read.
        """
        found, damaged = [], {}
        for path in self._files():
            try:
                found.append(self._load(path))
            except FileNotFoundError:
                continue
            except (ValueError, OSError) as error:
                damaged[path.name] = str(error)
        return self._form.ordered(found), damaged

    def _load(self, path: Path) -> T:
        """The thing in a file. A poller asks every second, so one that is still the same is not read again."""
        with path.open("rb") as file:
            there = os.fstat(file.fileno())
            # Each writing makes another file, which has another number.
            stamp = (there.st_dev, there.st_ino, there.st_mtime_ns, there.st_size)
            known = self._read.get(path)
            if known is None or known[0] != stamp:
                known = self._read[path] = stamp, self._thing(file.read(LIMIT + 1), path.stem)
        return known[1]

    def _thing(self, text: bytes, stem: str) -> T:
        if len(text) > LIMIT:
            raise ValueError(f"(top): it holds more than {LIMIT:,} bytes")
        thing = self._form.load(text)
        if stem != str(self._form.id_of(thing)):
            raise ValueError(f"{self._form.name}: it says {self._form.id_of(thing)}")
        return thing

    def _files(self) -> tuple[Path, ...]:
        try:
            return tuple(sorted(path for path in self._root.iterdir() if path.suffix == ".json"))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(
                f"cannot read {self._form.every}: {error.strerror}",
                code="CD212",
                tried=f"listing {self._root}",
                fix="give yourself access to the directory",
            ) from error

    def put(self, thing: T) -> None:
        """Keep it, in place of the one with its id; on disk before this returns. Only this user may read it."""
        path = self.path(self._form.id_of(thing))
        try:
            new = not self._root.is_dir()
            write_atomic(path, self._form.dump(thing), mode=0o600)
            sync_directory(self._root)
            if new:
                sync_directory(self._root.parent)
        except OSError as error:
            raise Unavailable(
                f"cannot keep {self._form.one}: {error.strerror}",
                code="CD212",
                tried=f"writing {path}",
                fix="make room on the disk, or give yourself write access to the directory",
            ) from error

    def remove(self, id_: UUID) -> None:
        """Forget it; none of that id is no error."""
        try:
            self.path(id_).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot forget {self._form.one}: {error.strerror}",
                code="CD212",
                tried=f"removing {self.path(id_)}",
                fix="give yourself write access to the directory",
            ) from error


def plain(value: object) -> str:
    """What JSON has no word for."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
