"""The outbox: one file per entry, so that any number of commands may add to it at once."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cdock.adapters.files.atomic import sync_directory, write_atomic
from cdock.core.errors import Unavailable
from cdock.core.outbox import Entry, in_order

VERSION = 1
log = logging.getLogger("cdock")


class FileOutbox:
    """See `cdock.ports.Outbox`. A file that cannot be understood is left alone, whatever happens to the others."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._told: set[str] = set()

    def path(self, op: UUID) -> Path:
        """The file of an entry."""
        return self._root / f"{op}.json"

    def list(self) -> tuple[Entry, ...]:
        """See `Outbox`. A damaged file is named once in the log."""
        entries, damaged = self.read()
        for name, why in damaged.items():
            if name not in self._told:
                self._told.add(name)
                log.warning(
                    "an entry of the outbox cannot be read and is left alone",
                    extra={"error": f"{self._root / name}: {why}", "fix": "mend the file, or remove it"},
                )
        return entries

    def read(self) -> tuple[tuple[Entry, ...], Mapping[str, str]]:
        """All entries that are kept, oldest first, and the names of damaged files with what is wrong with each.

        Raises:
            Unavailable: the directory cannot be read.
        """
        entries, damaged = [], {}
        for path in self._files():
            try:
                entries.append(_load(path))
            except FileNotFoundError:
                continue
            except (ValueError, OSError) as error:
                damaged[path.name] = str(error)
        return in_order(entries), damaged

    def _files(self) -> tuple[Path, ...]:
        try:
            return tuple(sorted(path for path in self._root.iterdir() if path.suffix == ".json"))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(
                f"cannot read the outbox: {error.strerror}",
                code="CD212",
                tried=f"listing {self._root}",
                fix="give yourself access to the directory",
            ) from error

    def put(self, entry: Entry) -> None:
        """See `Outbox`. Only this user may read what was said before it is said."""
        path = self.path(entry.op)
        try:
            new = not self._root.is_dir()
            write_atomic(path, dump_entry(entry), mode=0o600)
            sync_directory(self._root)
            if new:
                sync_directory(self._root.parent)
        except OSError as error:
            raise Unavailable(
                f"cannot keep it: {error.strerror}",
                code="CD212",
                tried=f"writing {path}",
                fix="make room on the disk, or give yourself write access to the directory",
            ) from error

    def remove(self, op: UUID) -> None:
        """See `Outbox`."""
        try:
            self.path(op).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot forget an entry: {error.strerror}",
                code="CD212",
                tried=f"removing {self.path(op)}",
                fix="give yourself write access to the directory",
            ) from error


def dump_entry(entry: Entry) -> str:
    """The entry as JSON. Written by hand: a command that only keeps words must not wait for a library."""
    record = {"version": VERSION, **asdict(entry)}
    return json.dumps(record, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _load(path: Path) -> Entry:
    from cdock.adapters.files.entries import load_entry

    entry = load_entry(path.read_bytes())
    if path.stem != str(entry.op):
        raise ValueError(f"op: it says {entry.op}")
    return entry
