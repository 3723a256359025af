"""What other commands ask of the running poller: one small file per wish, gone when it is granted."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cdock.adapters.files.atomic import write_atomic
from cdock.core.errors import Unavailable
from cdock.core.ids import TaskId, parse_task_id
from cdock.core.wishes import Wish, WishKind

VERSION = 1
log = logging.getLogger("cdock")


class FileWishes:
    """See `cdock.ports.Wishes`. A file that cannot be understood is left alone, whatever happens to the others."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._told: set[str] = set()

    def path(self, wish: str) -> Path:
        """The file of the wish with this id."""
        return self._root / f"{wish}.json"

    def make(self, kind: WishKind, task: TaskId, *, text: str = "", author: str = "") -> Wish:
        """Ask for something. The new file wakes a poller that listens; see `cdock.adapters.files.doorbell`.

        Raises:
            Unavailable: it could not be kept.
        """
        wish = Wish(id=uuid4().hex, kind=kind, task=task, made_at=datetime.now(UTC), text=text, author=author)
        path = self.path(wish.id)
        try:
            # What a person says to an agent is for nobody else on this machine.
            write_atomic(path, _dump(wish), mode=0o600)
        except OSError as error:
            raise _unavailable("cannot keep the wish", f"writing {path}", error) from error
        return wish

    def list(self) -> tuple[Wish, ...]:
        """See `Wishes`. A damaged file is named once in the log."""
        found = []
        for path in self._files():
            try:
                found.append(_load(path))
            except FileNotFoundError:
                continue
            except (ValueError, LookupError, TypeError, OSError) as error:
                if path.name not in self._told:
                    self._told.add(path.name)
                    log.warning(
                        "a wish cannot be read and is left alone",
                        extra={"error": f"{path}: {error}", "fix": "remove the file, and ask again"},
                    )
        return tuple(sorted(found, key=lambda wish: (wish.made_at, wish.id)))

    def granted(self, wish: str) -> None:
        """See `Wishes`."""
        path = self.path(wish)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable("cannot forget a wish", f"removing {path}", error) from error

    def waits(self, wish: str) -> bool:
        """Whether the wish with this id was not granted yet."""
        return self.path(wish).exists()

    def _files(self) -> tuple[Path, ...]:
        try:
            return tuple(path for path in self._root.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unavailable("cannot read the wishes", f"listing {self._root}", error) from error


def _unavailable(what: str, tried: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"{what}: {error.strerror}",
        code="CD213",
        tried=tried,
        fix="make room on the disk, or give yourself write access to the directory",
    )


def _dump(wish: Wish) -> str:
    """The wish as JSON."""
    record = {
        "version": VERSION,
        "id": wish.id,
        "kind": wish.kind.value,
        "task": str(wish.task),
        "made_at": wish.made_at.isoformat(),
        "text": wish.text,
        "author": wish.author,
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _load(path: Path) -> Wish:
    """The wish in a file.

    Raises:
        ValueError, LookupError, TypeError: there is none in it.
    """
    record: dict[str, Any] = json.loads(path.read_bytes())
    if record["version"] != VERSION:
        raise ValueError(f"version: it is {record['version']!r}, not {VERSION}")
    task = parse_task_id(record["task"])
    if task is None:
        raise ValueError("task: it is none")
    if UUID(str(record["id"])).hex != path.stem:
        raise ValueError(f"id: it says {record['id']}")
    made_at = datetime.fromisoformat(record["made_at"])
    if made_at.tzinfo is None:
        raise ValueError("made_at: it names no time zone")
    text, author = record["text"], record["author"]
    if not isinstance(text, str) or not isinstance(author, str):
        raise ValueError("text and author: they have to be strings")
    return Wish(
        id=path.stem, kind=WishKind(record["kind"]), task=task, made_at=made_at, text=text, author=author
    )
