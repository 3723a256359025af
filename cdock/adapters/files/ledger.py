"""What the agents of this machine cost, in one file that all pollers of a person write to."""

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cdock.adapters.files.atomic import write_atomic
from cdock.core.errors import Unavailable

VERSION = 1
KEPT = timedelta(days=3)
"""How long a run is remembered. A day's limit asks for one, and the same run may be noted again after a restart."""
PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
log = logging.getLogger("cdock")

Runs = Mapping[str, tuple[float, datetime]]
"""What each run cost in US dollars, and when it ended."""


class FileLedger:
    """See `cdock.ports.Ledger`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: tuple[tuple[int, int, int], Runs] | None = None
        self._told = False

    def note(self, run: str, *, cost: float, at: datetime) -> None:
        """See `Ledger`.

        Raises:
            Unavailable: it cannot be written.
        """
        with self._alone():
            known = self._runs()
            if run in known:
                return
            kept = {name: told for name, told in known.items() if at - told[1] < KEPT}
            # What is no number would make every sum no number, and no limit would be reached any more.
            self._write({**kept, run: (cost if math.isfinite(cost) else 0.0, at)})

    def spent(self, since: datetime) -> float:
        """See `Ledger`."""
        return sum(cost for cost, at in self._runs().values() if at >= since)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(lock, timeout=PATIENCE):
                yield
        except Timeout as error:
            raise Unavailable(
                "the costs of this machine cannot be written down: another process holds them",
                code="CD214",
                tried=f"locking {lock} for {PATIENCE:g} s",
                fix="nothing: it is tried again",
            ) from error
        except OSError as error:
            raise Unavailable(
                f"the costs of this machine cannot be written down: {error.strerror}",
                code="CD214",
                tried=f"replacing {self._path}",
                fix="make room on the disk, or give yourself write access to the directory",
            ) from error

    def _write(self, runs: Runs) -> None:
        told = {name: {"cost": cost, "ended_at": at.isoformat()} for name, (cost, at) in runs.items()}
        write_atomic(self._path, json.dumps({"version": VERSION, "runs": told}, indent=2) + "\n", mode=0o600)

    def _runs(self) -> Runs:
        """What is written down, read again when it changed. What cannot be understood is as good as nothing."""
        try:
            about = self._path.stat()
            sign = (about.st_ino, about.st_size, about.st_mtime_ns)
            if self._last is None or self._last[0] != sign:
                self._last = (sign, _load(self._path.read_bytes()))
            return self._last[1]
        except FileNotFoundError:
            return {}
        except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
            if not self._told:
                self._told = True
                log.warning(
                    "what agents cost before is not known",
                    extra={
                        "error": f"{self._path}: {error}",
                        "fix": "nothing: counting begins anew, and the day's limit with it",
                    },
                )
            return {}


def _load(text: bytes) -> Runs:
    """The runs in a file.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it holds something else.
    """
    record = json.loads(text)
    if record["version"] != VERSION:
        raise ValueError(f"version {record['version']!r} is not {VERSION}")
    found = {}
    for name, told in record["runs"].items():
        at = datetime.fromisoformat(told["ended_at"])
        if at.tzinfo is None:
            raise ValueError(f"{name}: ended_at names no time zone")
        found[name] = (float(told["cost"]), at)
    return found
