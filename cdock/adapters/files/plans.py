"""Plans that are being made or published: one file each, so that any number of commands may work on their own."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cdock.adapters.files.atomic import sync_directory, write_atomic
from cdock.core.errors import Unavailable
from cdock.core.planning.drafts import Draft

VERSION = 1
LIMIT = 8_000_000
"""Bytes of a file that are read: the longest conversation by far has fewer."""
log = logging.getLogger("cdock")


class FilePlans:
    """See `cdock.ports.Plans`. A file that cannot be understood is left alone, whatever happens to the others."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._told: set[str] = set()
        self._read: dict[Path, tuple[tuple[int, ...], Draft]] = {}

    def path(self, draft: UUID) -> Path:
        """The file of a draft."""
        return self._root / f"{draft}.json"

    def list(self) -> tuple[Draft, ...]:
        """See `Plans`. A damaged file is named once in the log."""
        drafts, damaged = self.read()
        for name, why in damaged.items():
            if name not in self._told:
                self._told.add(name)
                log.warning(
                    "a plan on this machine cannot be read and is left alone",
                    extra={"error": f"{self._root / name}: {why}", "fix": "mend the file, or remove it"},
                )
        return drafts

    def read(self) -> tuple[tuple[Draft, ...], Mapping[str, str]]:
        """All drafts that are kept, oldest first, and the names of damaged files with what is wrong with each.

        Raises:
            Unavailable: the directory cannot be read.
        """
        drafts, damaged = [], {}
        for path in self._files():
            try:
                drafts.append(self._load(path))
            except FileNotFoundError:
                continue
            except (ValueError, OSError) as error:
                damaged[path.name] = str(error)
        return tuple(sorted(drafts, key=lambda draft: (draft.created_at, str(draft.id)))), damaged

    def _load(self, path: Path) -> Draft:
        """The draft of a file. A poller asks every second, so one that is still the same is not read again."""
        with path.open("rb") as file:
            there = os.fstat(file.fileno())
            # Each writing makes another file, which has another number.
            stamp = (there.st_dev, there.st_ino, there.st_mtime_ns, there.st_size)
            known = self._read.get(path)
            if known is None or known[0] != stamp:
                known = self._read[path] = stamp, _draft_of(file.read(LIMIT + 1), path.stem)
        return known[1]

    def _files(self) -> tuple[Path, ...]:
        try:
            return tuple(sorted(path for path in self._root.iterdir() if path.suffix == ".json"))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(
                f"cannot read the plans: {error.strerror}",
                code="CD212",
                tried=f"listing {self._root}",
                fix="give yourself access to the directory",
            ) from error

    def put(self, draft: Draft) -> None:
        """See `Plans`. Only this user may read what was talked about before it is published."""
        path = self.path(draft.id)
        try:
            new = not self._root.is_dir()
            write_atomic(path, dump_draft(draft), mode=0o600)
            sync_directory(self._root)
            if new:
                sync_directory(self._root.parent)
        except OSError as error:
            raise Unavailable(
                f"cannot keep the plan: {error.strerror}",
                code="CD212",
                tried=f"writing {path}",
                fix="make room on the disk, or give yourself write access to the directory",
            ) from error

    def remove(self, draft: UUID) -> None:
        """See `Plans`."""
        try:
            self.path(draft).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot forget a plan: {error.strerror}",
                code="CD212",
                tried=f"removing {self.path(draft)}",
                fix="give yourself write access to the directory",
            ) from error


def dump_draft(draft: Draft) -> str:
    """The draft as JSON, with a question mark for each half a character, which nobody could store or publish."""
    record = {"version": VERSION, **asdict(draft)}
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode("utf-8", "replace").decode() + "\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _draft_of(text: bytes, name: str) -> Draft:
    from cdock.adapters.files.drafts import load_draft

    if len(text) > LIMIT:
        raise ValueError(f"(top): it holds more than {LIMIT:,} bytes")
    draft = load_draft(text)
    if name != str(draft.id):
        raise ValueError(f"id: it says {draft.id}")
    return draft
